"""Public REST of Binance spot: instruments, candles, books, trades, tickers."""

from collections.abc import Callable

import orjson

from trader.domain.instrument import Instrument
from trader.sandbox.errors import BinanceError, missing
from trader.sandbox.numbers import text
from trader.sandbox.params import Params
from trader.sandbox.symbol_market import SymbolMarket
from trader.sandbox.ticker import DayStatistics, kline_row
from trader.sandbox.venue import Venue

ORDER_TYPES = (
    "LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT",
)  # fmt: skip
MOST_OPEN_ORDERS = 200  # per symbol
MOST_OPEN_STOPS = 5


def ping(_venue: Venue, _params: Params) -> object:
    return {}


def server_time(venue: Venue, _params: Params) -> object:
    return {"serverTime": venue.clock.now_ms()}


def exchange_info(venue: Venue, params: Params) -> object:
    chosen = _chosen(venue, params)
    return {
        "timezone": "UTC",
        "serverTime": venue.clock.now_ms(),
        "rateLimits": [
            _limit("REQUEST_WEIGHT", "MINUTE", 1, venue.options.request_weight_per_minute),
            _limit("ORDERS", "SECOND", 10, 100),
            _limit("ORDERS", "DAY", 1, 200_000),
            _limit("RAW_REQUESTS", "MINUTE", 5, 61_000),
        ],
        "exchangeFilters": [],
        "symbols": [_symbol(venue, market) for market in chosen],
    }


def klines(venue: Venue, params: Params) -> object:
    market = venue.symbol(params)
    interval = params.text("interval")
    length = venue.market.intervals.get(interval)
    if length is None:
        raise BinanceError(-1120, "Invalid interval.")
    rows = market.series.window(
        length,
        start_ms=params.integer("startTime"),
        end_ms=params.integer("endTime"),
        limit=params.limit(500, 1_000),
    )
    return [kline_row(row, length) for row in rows]


def depth(venue: Venue, params: Params) -> object:
    book = venue.symbol(params).book
    bids, asks = book.pairs(params.limit(100, 5_000))
    return {"lastUpdateId": book.update_id, "bids": bids, "asks": asks}


def depth_weight(params: Params) -> int:
    limit = params.limit(100, 5_000)
    return next((weight for most, weight in ((100, 5), (500, 25), (1_000, 50)) if limit <= most), 250)


def trades(venue: Venue, params: Params) -> object:
    market = venue.symbol(params)
    recent = list(market.trades)[-params.limit(500, 1_000) :]
    return [
        {
            "id": trade.trade_id, "price": text(trade.price), "qty": text(trade.quantity),
            "quoteQty": text(round(trade.price * trade.quantity, 8)), "time": trade.ts_ms,
            "isBuyerMaker": not trade.buyer_is_taker, "isBestMatch": True,
        }
        for trade in recent
    ]  # fmt: skip


def aggregate_trades(venue: Venue, params: Params) -> object:
    """Reaches back as far as the kept tape; every trade is an aggregate of its own."""
    start, end, first = params.integer("startTime"), params.integer("endTime"), params.integer("fromId")
    limit = params.limit(500, 1_000)
    found = [
        trade
        for trade in venue.symbol(params).trades
        if (start is None or trade.ts_ms >= start)
        and (end is None or trade.ts_ms <= end)
        and (first is None or trade.trade_id >= first)
    ]
    found = found[-limit:] if start is None and first is None else found[:limit]
    return [
        {
            "a": trade.trade_id, "p": text(trade.price), "q": text(trade.quantity), "f": trade.trade_id,
            "l": trade.trade_id, "T": trade.ts_ms, "m": not trade.buyer_is_taker, "M": True,
        }
        for trade in found
    ]  # fmt: skip


def day_ticker(venue: Venue, params: Params) -> object:
    return _one_or_many(venue, params, lambda market: _day(venue, market))


def book_ticker(venue: Venue, params: Params) -> object:
    return _one_or_many(venue, params, _best)


def price_ticker(venue: Venue, params: Params) -> object:
    return _one_or_many(venue, params, lambda market: {"symbol": market.id, "price": text(market.series.last_price)})


def average_price(venue: Venue, params: Params) -> object:
    market = venue.symbol(params)
    rows = market.series.window(venue.market.base_ms, start_ms=None, end_ms=None, limit=5)
    volume = float(rows[:, 5].sum())
    average = float(rows[:, 6].sum()) / volume if volume else market.series.last_price
    return {"mins": 5, "price": text(round(average, 8)), "closeTime": venue.clock.now_ms()}


def empty_exchange_info(venue: Venue, _params: Params) -> object:
    """Derivatives are not listed here (yet)."""
    return {
        "timezone": "UTC",
        "serverTime": venue.clock.now_ms(),
        "rateLimits": [],
        "exchangeFilters": [],
        "symbols": [],
    }


def empty_list(_venue: Venue, _params: Params) -> object:
    return []


def _day(venue: Venue, market: SymbolMarket) -> dict[str, object]:
    day = DayStatistics(market.series, venue.market.base_ms, venue.clock.now_ms())
    return day.answer(market.id, market.book.best(), market.last_quantity)


def _best(market: SymbolMarket) -> dict[str, object]:
    best = market.book.best()
    return {
        "symbol": market.id, "bidPrice": best.bid, "bidQty": best.bid_quantity, "askPrice": best.ask,
        "askQty": best.ask_quantity,
    }  # fmt: skip


def _chosen(venue: Venue, params: Params) -> list[SymbolMarket]:
    if params.optional("symbol"):
        return [venue.symbol(params)]
    named = params.optional("symbols")
    if named is None:
        return list(venue.market.by_id.values())
    try:
        ids = orjson.loads(named)
    except orjson.JSONDecodeError as error:
        raise missing("symbols") from error
    if not isinstance(ids, list):
        raise missing("symbols")
    return [venue.by_id(str(symbol_id)) for symbol_id in ids]


def _one_or_many(venue: Venue, params: Params, answer: Callable[[SymbolMarket], dict[str, object]]) -> object:
    answers = [answer(market) for market in _chosen(venue, params)]
    return answers[0] if params.optional("symbol") else answers


def _limit(kind: str, interval: str, number: int, limit: int) -> dict[str, object]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}


def _symbol(venue: Venue, market: SymbolMarket) -> dict[str, object]:
    instrument = venue.exchange.instrument(market.symbol)
    return {
        "symbol": market.id,
        "status": "BREAK" if venue.faults.is_halted(market.symbol) else "TRADING",
        "baseAsset": instrument.base,
        "baseAssetPrecision": 8,
        "quoteAsset": instrument.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": list(ORDER_TYPES),
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(instrument),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": ["NONE"],
    }


def _filters(instrument: Instrument) -> list[dict[str, object]]:
    tick, step, most = text(instrument.price_tick), text(instrument.quantity_step), text(instrument.max_quantity)
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000000.00000000", "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": text(instrument.min_quantity), "maxQty": most, "stepSize": step},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": most, "stepSize": "0.00000000"},
        {
            "filterType": "NOTIONAL", "minNotional": text(instrument.min_notional), "applyMinToMarket": True,
            "maxNotional": "9000000.00000000", "applyMaxToMarket": False, "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": MOST_OPEN_ORDERS},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": MOST_OPEN_STOPS},
    ]  # fmt: skip
