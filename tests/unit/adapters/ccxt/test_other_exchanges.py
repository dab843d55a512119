"""The same adapter at other exchanges: their messages go through ccxt's own parsers, none has code of its own."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from tests.kit.idle_time import network_passes
from tests.kit.sandbox import eventually
from trader.adapters.ccxt.account.exchange import CcxtExchange
from trader.adapters.ccxt.account.fills import ClientIds
from trader.adapters.ccxt.account.order_calls import order_call
from trader.adapters.ccxt.account.stream import AccountStream
from trader.adapters.ccxt.exchanges import facts_for
from trader.adapters.ccxt.market.feed import CcxtFeed
from trader.adapters.ccxt.transport.client import Client
from trader.adapters.ccxt.transport.timing import MarketTime, Pause
from trader.clock import SimulatedClock
from trader.config.credentials import Credentials
from trader.config.exchange import ExchangeSettings
from trader.config.market import MarketSettings
from trader.domain.errors import Misconfigured, Rejected
from trader.domain.events import BookUpdated, CandleClosed, FillArrived, OrderReported, TradePrinted
from trader.domain.orders import OrderIntent, OrderRef, OrderStatus, OrderType, Purpose, Side, TimeInForce

pytestmark = pytest.mark.idle_time

BTC = "BTC/USDT"
NOW_MS = 1_760_000_040_000  # a full minute

# what each exchange answers when asked for its spot instruments (and assets)
INSTRUMENTS: dict[str, dict[str, Any]] = {
    "bybit": {
        "instruments-info": {
            "retCode": 0,
            "retMsg": "OK",
            "result": {
                "category": "spot",
                "list": [
                    {
                        "symbol": "BTCUSDT", "baseCoin": "BTC", "quoteCoin": "USDT", "status": "Trading",
                        "lotSizeFilter": {
                            "basePrecision": "0.000001", "quotePrecision": "0.0000001", "minOrderQty": "0.000011",
                            "maxOrderQty": "83", "minOrderAmt": "5", "maxOrderAmt": "8000000",
                        },
                        "priceFilter": {"tickSize": "0.1"},
                    }
                ],
            },
        }
    },
    "okx": {
        "public/instruments": {
            "code": "0",
            "msg": "",
            "data": [
                {
                    "instId": "BTC-USDT", "instType": "SPOT", "baseCcy": "BTC", "quoteCcy": "USDT", "state": "live",
                    "lotSz": "0.000001", "minSz": "0.00001", "tickSz": "0.1", "maxLmtSz": "9999", "maxMktSz": "1000",
                    "ctVal": "", "settleCcy": "", "uly": "", "lever": "", "listTime": "1606468572000", "expTime": "",
                    "instFamily": "", "alias": "", "category": "1", "ctMult": "", "ctType": "", "ctValCcy": "",
                }
            ],
        }
    },
    "kraken": {
        "Assets": {
            "error": [],
            "result": {
                "XXBT": {"aclass": "currency", "altname": "XBT", "decimals": 10, "display_decimals": 5},
                "USDT": {"aclass": "currency", "altname": "USDT", "decimals": 8, "display_decimals": 4},
            },
        },
        "AssetPairs": {
            "error": [],
            "result": {
                "XBTUSDT": {
                    "altname": "XBTUSDT", "wsname": "XBT/USDT", "aclass_base": "currency", "base": "XXBT",
                    "aclass_quote": "currency", "quote": "USDT", "lot": "unit", "cost_decimals": 5, "pair_decimals": 1,
                    "lot_decimals": 8, "lot_multiplier": 1, "leverage_buy": [], "leverage_sell": [],
                    "fees": [[0, 0.4]], "fees_maker": [[0, 0.25]], "ordermin": "0.00005", "costmin": "0.5",
                    "tick_size": "0.1", "status": "online",
                }
            },
        },
    },
}  # fmt: skip


@asynccontextmanager
async def offline(ccxt_id: str, *, with_keys: bool = False) -> AsyncIterator[Client]:
    """A client of a real exchange whose REST answers are `INSTRUMENTS` and whose subscriptions never return."""
    keys = Credentials("k" * 32, "c2VjcmV0" * 8, "p") if with_keys else None
    settings = ExchangeSettings(id=ccxt_id, symbols=(BTC,))
    time = MarketTime(SimulatedClock(NOW_MS + 3_000))
    client = Client(ccxt_id, facts_for(ccxt_id), settings, time=time, pause=Pause(), credentials=keys)

    async def fetch(url: str, *_rest: Any) -> Any:
        found = next((answer for word, answer in INSTRUMENTS[ccxt_id].items() if word in url), None)
        assert found is not None, f"unexpected request {url}"
        return json.loads(json.dumps(found))

    async def never(*_arguments: Any) -> Any:
        await asyncio.Event().wait()

    client.raw.fetch = fetch
    client.raw.has["fetchCurrencies"] = ccxt_id == "kraken"
    for name in ("trades", "trades_for_symbols", "ohlcv", "ohlcv_for_symbols", "order_book"):
        setattr(client.raw, f"watch_{name}", never)
    try:
        await client.read("load_markets")
        yield client
    finally:
        client.raw.timeout_on_exit = 0
        await client.close()


@pytest.mark.parametrize(
    ("ccxt_id", "step", "tick", "minimum", "notional"),
    [
        ("bybit", "0.000001", "0.1", "0.000011", "5"),
        ("okx", "0.000001", "0.1", "0.00001", "0"),
        ("kraken", "0.00000001", "0.1", "0.00005", "0.5"),
    ],
)
async def test_instruments(ccxt_id: str, step: str, tick: str, minimum: str, notional: str) -> None:
    async with offline(ccxt_id) as client:
        feed = CcxtFeed(client, ExchangeSettings(id=ccxt_id, symbols=(BTC,)), MarketSettings())
        found = (await feed.instruments())[BTC]
        assert (found.base, found.quote) == ("BTC", "USDT")
        assert (found.quantity_step, found.price_tick) == (Decimal(step), Decimal(tick))
        assert (found.min_quantity, found.min_notional) == (Decimal(minimum), Decimal(notional))
        with pytest.raises(Misconfigured, match="timeframe '7m' is not at"):
            await CcxtFeed(
                client,
                ExchangeSettings(id=ccxt_id, symbols=(BTC,)),
                MarketSettings(timeframe="7m", higher_timeframes=("14m",)),
            ).instruments()


# public messages in the exchanges' own words: (socket, a trade, two states of one candle and its successor, a book)
def bybit_public() -> tuple[str, list[Any]]:
    def kline(start: int, close: str) -> Any:
        entry = {
            "start": start, "end": start + 59_999, "interval": "1", "open": "100.5", "close": close, "high": "103",
            "low": "100", "volume": "2.5", "turnover": "250", "confirm": False, "timestamp": start + 5,
        }  # fmt: skip
        return {"topic": "kline.1.BTCUSDT", "data": [entry], "ts": start + 5, "type": "snapshot"}

    trade = {
        "T": NOW_MS + 7,
        "s": "BTCUSDT",
        "S": "Sell",
        "v": "0.25",
        "p": "101.5",
        "i": "2290000000061666327",
        "BT": False,
    }
    book = {
        "s": "BTCUSDT",
        "b": [["101", "1.5"], ["100.5", "2"]],
        "a": [["102", "0.5"]],
        "u": 18521288,
        "seq": 7961638724,
    }
    return "wss://stream.bybit.com/v5/public/spot", [
        {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": NOW_MS + 8, "data": [trade]},
        kline(NOW_MS, "101"),
        kline(NOW_MS, "102.5"),
        kline(NOW_MS + 60_000, "102"),
        {"topic": "orderbook.200.BTCUSDT", "type": "snapshot", "ts": NOW_MS + 9, "data": book},
    ]


def okx_public() -> tuple[str, list[Any]]:
    def candle(start: int, close: str) -> Any:
        row = [str(start), "100.5", "103", "100", close, "2.5", "250", "250", "0"]
        return {"arg": {"channel": "candle1m", "instId": "BTC-USDT"}, "data": [row]}

    trade = {
        "instId": "BTC-USDT",
        "tradeId": "130639474",
        "px": "101.5",
        "sz": "0.25",
        "side": "sell",
        "ts": str(NOW_MS + 7),
    }
    book = {"asks": [["102", "0.5", "0", "1"]], "bids": [["101", "1.5", "0", "2"], ["100.5", "2", "0", "1"]],
            "ts": str(NOW_MS + 9), "checksum": 0, "seqId": 10, "prevSeqId": -1}  # fmt: skip
    return "wss://ws.okx.com:8443/ws/v5/public", [
        {"arg": {"channel": "trades", "instId": "BTC-USDT"}, "data": [trade]},
        candle(NOW_MS, "101"),
        candle(NOW_MS, "102.5"),
        candle(NOW_MS + 60_000, "102"),
        {"arg": {"channel": "books", "instId": "BTC-USDT"}, "action": "snapshot", "data": [book]},
    ]


def kraken_public() -> tuple[str, list[Any]]:
    def stamp(ms: int) -> str:
        import datetime

        moment = datetime.datetime.fromtimestamp(ms / 1000, tz=datetime.UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"

    def candle(start: int, close: float) -> Any:
        entry = {
            "symbol": "BTC/USDT", "open": 100.5, "high": 103.0, "low": 100.0, "close": close, "vwap": 101.0,
            "trades": 3, "volume": 2.5, "interval_begin": stamp(start), "interval": 1,
            "timestamp": stamp(start + 60_000),
        }  # fmt: skip
        return {"channel": "ohlc", "type": "update", "timestamp": stamp(start), "data": [entry]}

    trade = {
        "symbol": "BTC/USDT", "side": "sell", "price": 101.5, "qty": 0.25, "ord_type": "market", "trade_id": 4665906,
        "timestamp": stamp(NOW_MS + 7),
    }  # fmt: skip
    book = {"symbol": "BTC/USDT", "bids": [{"price": 101.0, "qty": 1.5}, {"price": 100.5, "qty": 2.0}],
            "asks": [{"price": 102.0, "qty": 0.5}], "checksum": 0}  # fmt: skip
    return "wss://ws.kraken.com/v2", [
        {"channel": "trade", "type": "update", "data": [trade]},
        candle(NOW_MS, 101.0),
        candle(NOW_MS, 102.5),
        candle(NOW_MS + 60_000, 102.0),
        {"channel": "book", "type": "snapshot", "data": [book]},
    ]


@pytest.mark.parametrize(
    ("ccxt_id", "public"), [("bybit", bybit_public), ("okx", okx_public), ("kraken", kraken_public)]
)
async def test_candles_trades_and_books(ccxt_id: str, public: Callable[[], tuple[str, list[Any]]]) -> None:
    url, messages = public()
    async with offline(ccxt_id) as client:
        feed = CcxtFeed(client, ExchangeSettings(id=ccxt_id, symbols=(BTC,)), MarketSettings(timeframe="1m"))
        asked: list[Any] = []

        async def fetch_ohlcv(*arguments: Any) -> list[list[float]]:
            asked.append(arguments)
            return [[NOW_MS - 60_000 * (3 - n), 100.0, 101.0, 99.0, 100.5, 1.0] for n in range(3)]

        client.raw.fetch_ohlcv = fetch_ohlcv
        events: list[Any] = []
        async with asyncio.TaskGroup() as group:
            task = group.create_task(feed.run(events.append))
            await eventually(lambda: bool(asked))
            await network_passes(0.05)
            socket = SimpleNamespace(
                url=url, subscriptions={}, futures={}, resolve=lambda *_: None, reject=lambda *_: None, keepAlive=1
            )
            for message in messages:
                client.raw.handle_message(socket, message)
            await eventually(lambda: any(isinstance(event, BookUpdated) for event in events))
            task.cancel()
    trade = next(event.trade for event in events if isinstance(event, TradePrinted))
    assert (trade.symbol, trade.price, trade.quantity, trade.buyer_is_taker) == (BTC, 101.5, 0.25, False)
    assert trade.ts_ms == NOW_MS + 7
    candles = [event.candle for event in events if isinstance(event, CandleClosed)]
    assert [(candle.open_ms, candle.close) for candle in candles] == [(NOW_MS, 102.5)]
    book = next(event.book for event in events if isinstance(event, BookUpdated))
    assert (book.bids, book.asks) == (((101.0, 1.5), (100.5, 2.0)), ((102.0, 0.5),))


def intent(**changes: Any) -> OrderIntent:
    values: dict[str, Any] = {
        "client_id": "ab12", "parent_id": "ab12", "decision_id": "d", "symbol": BTC, "side": Side.BUY,
        "type": OrderType.LIMIT, "quantity": Decimal("0.0012"), "purpose": Purpose.ENTRY, "price": Decimal("50000.1"),
    }  # fmt: skip
    return OrderIntent(**{**values, **changes})


REQUESTS = {
    "bybit": ("orderLinkId", {"qty": "0.0012", "price": "50000.1", "timeInForce": "IOC"}),
    "okx": ("clOrdId", {"sz": "0.0012", "px": "50000.1", "ordType": "ioc"}),
    "kraken": ("cl_ord_id", {"volume": "0.0012", "price": "50000.1", "timeinforce": "IOC"}),
}


@pytest.mark.parametrize("ccxt_id", sorted(REQUESTS))
async def test_orders_carry_our_id_and_exactly_our_numbers(ccxt_id: str) -> None:
    key, expected = REQUESTS[ccxt_id]
    async with offline(ccxt_id, with_keys=True) as client:
        call = order_call(client.raw, intent(time_in_force=TimeInForce.IOC), client.facts)
        sent = wire_request(client.raw, ccxt_id, call)
        assert sent[key] == "ab12"
        assert {name: sent[name] for name in expected} == expected
        stop = order_call(
            client.raw,
            intent(type=OrderType.STOP_MARKET, side=Side.SELL, price=None, stop_price=Decimal("48000.5")),
            client.facts,
        )
        assert "48000.5" in json.dumps(wire_request(client.raw, ccxt_id, stop))
        with pytest.raises(Rejected) as refused:
            order_call(client.raw, intent(price=Decimal("50000.13")), client.facts)
        assert refused.value.code == "price_filter"


def wire_request(raw: Any, ccxt_id: str, call: Any) -> dict[str, Any]:
    """The body ccxt would send."""
    arguments = (call.symbol, call.type, call.side, call.amount, call.price, call.params)
    if ccxt_id == "kraken":
        request = {"pair": "XBTUSDT", "volume": raw.amount_to_precision(call.symbol, call.amount)}
        made = raw.order_request("createOrder", call.symbol, call.type, request, call.amount, call.price, call.params)
        return {**made[0], **made[1]}
    if ccxt_id == "bybit":
        return dict(raw.create_order_request(*arguments, True))
    made = raw.create_order_request(*arguments)
    return dict(made[0] if isinstance(made, list) else made)


def bybit_private() -> list[Any]:
    execution = {
        "category": "spot", "symbol": "BTCUSDT", "execFee": "0.0000012", "execId": "e-77", "execPrice": "50000.1",
        "execQty": "0.0012", "execType": "Trade", "execValue": "60.00012", "isMaker": False, "feeRate": "0.001",
        "orderId": "o-9", "orderLinkId": "ab12", "orderPrice": "50000.1", "orderQty": "0.0012", "orderType": "Limit",
        "side": "Buy", "execTime": str(NOW_MS + 3), "leavesQty": "0", "feeCurrency": "BTC",
    }  # fmt: skip
    order = {
        "category": "spot", "symbol": "BTCUSDT", "orderId": "o-9", "orderLinkId": "ab12", "side": "Buy",
        "orderType": "Limit", "price": "50000.1", "qty": "0.0012", "timeInForce": "GTC", "orderStatus": "Filled",
        "cumExecQty": "0.0012", "cumExecValue": "60.00012", "avgPrice": "50000.1", "leavesQty": "0",
        "createdTime": str(NOW_MS), "updatedTime": str(NOW_MS + 4), "triggerPrice": "", "stopOrderType": "",
    }  # fmt: skip
    return [
        {"topic": "execution", "id": "1", "creationTime": NOW_MS + 3, "data": [execution]},
        {"topic": "order", "id": "2", "creationTime": NOW_MS + 4, "data": [order]},
    ]


def okx_private() -> list[Any]:
    order = {
        "instType": "SPOT", "instId": "BTC-USDT", "ordId": "o-9", "clOrdId": "ab12", "side": "buy", "ordType": "limit",
        "px": "50000.1", "sz": "0.0012", "state": "filled", "accFillSz": "0.0012", "avgPx": "50000.1",
        "fillPx": "50000.1", "fillSz": "0.0012", "tradeId": "e-77", "fillTime": str(NOW_MS + 3),
        "fillFee": "-0.0000012", "fillFeeCcy": "BTC", "fee": "-0.0000012", "feeCcy": "BTC", "execType": "T",
        "uTime": str(NOW_MS + 4), "cTime": str(NOW_MS), "tgtCcy": "", "slTriggerPx": "", "tpTriggerPx": "",
        "reduceOnly": "false",
    }  # fmt: skip
    return [{"arg": {"channel": "orders", "instType": "SPOT"}, "data": [order]}]


@pytest.mark.parametrize(("ccxt_id", "private"), [("bybit", bybit_private), ("okx", okx_private)])
async def test_own_executions_and_orders(ccxt_id: str, private: Callable[[], list[Any]]) -> None:
    events: list[Any] = []
    async with offline(ccxt_id, with_keys=True) as client:
        stream = AccountStream(client, (BTC,), ClientIds(client), events.append)

        async def nothing(*_arguments: Any) -> None:
            await asyncio.sleep(0)

        async def never(*_arguments: Any) -> Any:
            await asyncio.Event().wait()

        client.raw.authenticate = nothing
        for name in ("orders", "my_trades", "balance"):
            setattr(client.raw, f"watch_{name}", never)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(stream.run())
            await network_passes(0.05)
            socket = SimpleNamespace(
                url="wss://stream.bybit.com/v5/private", subscriptions={}, futures={}, resolve=lambda *_: None
            )
            for message in private():
                client.raw.handle_message(socket, message)
                if ccxt_id == "okx":  # its order channel carries executions for whoever asked for both
                    client.raw.handle_my_trades(socket, message)
            task.cancel()
    fill = next(event.fill for event in events if isinstance(event, FillArrived))
    assert (fill.fill_id, fill.client_id, fill.exchange_order_id) == ("e-77", "ab12", "o-9")
    assert (fill.quantity, fill.price, fill.fee, fill.fee_currency, fill.is_maker) == (
        Decimal("0.0012"), Decimal("50000.1"), Decimal("0.0000012"), "BTC", False,
    )  # fmt: skip
    report = next(event.report for event in events if isinstance(event, OrderReported))
    assert (report.client_id, report.status, report.filled) == ("ab12", OrderStatus.FILLED, Decimal("0.0012"))


async def test_an_order_is_searched_for_where_it_cannot_be_queried_by_our_id() -> None:
    async with offline("bybit", with_keys=True) as client:
        entry = {"id": "o-9", "symbol": BTC, "amount": "1", "filled": "0.5", "status": "canceled", "timestamp": NOW_MS}
        ended = {**entry, "clientOrderId": "ab12"}

        async def none(*_arguments: Any) -> list[Any]:
            return []

        async def some(*_arguments: Any) -> list[Any]:
            return [{**ended, "id": "o-8", "clientOrderId": "other"}, ended]

        client.raw.fetch_open_orders = none
        client.raw.fetch_canceled_and_closed_orders = some
        exchange = CcxtExchange(client, client, (BTC,))
        report = await exchange.order(OrderRef(BTC, "ab12"))
        assert report is not None
        assert (report.exchange_id, report.status, report.filled) == ("o-9", OrderStatus.CANCELED, Decimal("0.5"))
        assert await exchange.order(OrderRef(BTC, "unheard-of")) is None
