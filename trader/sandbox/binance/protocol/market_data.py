"""Public REST answers that both exchanges give, and pieces of those they give in different words."""

from collections.abc import Callable

import orjson

from trader.sandbox.binance.protocol.desk import BinanceDesk
from trader.sandbox.binance.protocol.errors import BinanceError, missing
from trader.sandbox.binance.protocol.params import Params
from trader.sandbox.binance.protocol.ticker import DayStatistics, kline_row
from trader.sandbox.market.numbers import text
from trader.sandbox.market.symbol_market import SymbolMarket

Row = dict[str, object]


def ping(_desk: BinanceDesk, _params: Params) -> object:
    return {}


def server_time(desk: BinanceDesk, _params: Params) -> object:
    return {"serverTime": desk.clock.now_ms()}


def klines(desk: BinanceDesk, params: Params) -> object:
    market = desk.symbol(params)
    interval = params.text("interval")
    length = desk.market.intervals.get(interval)
    if length is None:
        raise BinanceError(-1120, "Invalid interval.")
    rows = market.series.window(
        length,
        start_ms=params.integer("startTime"),
        end_ms=params.integer("endTime"),
        limit=params.limit(500, 1_000),
    )
    return [kline_row(row, length) for row in rows]


def recent_trades(desk: BinanceDesk, params: Params) -> list[Row]:
    """The newest ones."""
    recent = list(desk.symbol(params).trades)[-params.limit(500, 1_000) :]
    return [
        {
            "id": trade.trade_id, "price": text(trade.price), "qty": text(trade.quantity),
            "quoteQty": text(round(trade.price * trade.quantity, 8)), "time": trade.ts_ms,
            "isBuyerMaker": not trade.buyer_is_taker,
        }
        for trade in recent
    ]  # fmt: skip


def aggregates(desk: BinanceDesk, params: Params) -> list[Row]:
    """Reaches back as far as the kept tape; every trade is an aggregate of its own."""
    start, end, first = params.integer("startTime"), params.integer("endTime"), params.integer("fromId")
    limit = params.limit(500, 1_000)
    found = [
        trade
        for trade in desk.symbol(params).trades
        if (start is None or trade.ts_ms >= start)
        and (end is None or trade.ts_ms <= end)
        and (first is None or trade.trade_id >= first)
    ]
    found = found[-limit:] if start is None and first is None else found[:limit]
    return [
        {
            "a": trade.trade_id, "p": text(trade.price), "q": text(trade.quantity), "f": trade.trade_id,
            "l": trade.trade_id, "T": trade.ts_ms, "m": not trade.buyer_is_taker,
        }
        for trade in found
    ]  # fmt: skip


def day(desk: BinanceDesk, market: SymbolMarket) -> Row:
    """An element of ticker/24hr."""
    statistics = DayStatistics(market, desk.clock.now_ms())
    return statistics.answer(market.id, market.book.best(), market.last_quantity)


def best(market: SymbolMarket) -> Row:
    """An element of ticker/bookTicker."""
    quote = market.book.best()
    return {
        "symbol": market.id, "bidPrice": quote.bid, "bidQty": quote.bid_quantity, "askPrice": quote.ask,
        "askQty": quote.ask_quantity,
    }  # fmt: skip


def last_price(market: SymbolMarket) -> Row:
    """An element of ticker/price."""
    return {"symbol": market.id, "price": text(market.series.last_price)}


def rate_limit(kind: str, interval: str, number: int, limit: int) -> Row:
    """An element of exchangeInfo's limits."""
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}


def chosen(desk: BinanceDesk, params: Params) -> list[SymbolMarket]:
    """What `symbol` or `symbols` names; everything without them."""
    if params.optional("symbol"):
        return [desk.symbol(params)]
    named = params.optional("symbols")
    if named is None:
        return list(desk.market.by_id.values())
    try:
        ids = orjson.loads(named)
    except orjson.JSONDecodeError as error:
        raise missing("symbols") from error
    if not isinstance(ids, list):
        raise missing("symbols")
    return [desk.by_id(str(symbol_id)) for symbol_id in ids]


def one_or_many(desk: BinanceDesk, params: Params, answer: Callable[[SymbolMarket], Row]) -> object:
    """An object for one `symbol`, a list otherwise."""
    answers = [answer(market) for market in chosen(desk, params)]
    return answers[0] if params.optional("symbol") else answers
