"""The sandbox's USD-M messages have the keys and JSON types of recorded ones; what differs is listed with a reason."""

import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.kit.sandbox import http_session, sandbox
from tests.kit.streams import listening
from tests.kit.usdm import BTC, SHORT, ccxt_usdm, touch
from tests.kit.wire import differences, sample, samples, session
from tests.unit.sandbox.binance.test_usdm_userfeed import Listening
from tests.unit.simulation.perpetual_shop import BUY, market
from trader.sandbox.binance.usdm.events import force_order
from trader.simulation.records.sim_orders import OrderChanged

pytestmark = [
    pytest.mark.recorded,
    pytest.mark.skipif("TRADER_DATA" not in os.environ, reason="TRADER_DATA is not set"),
]
BOOKS = (
    "hftbacktest/usdm-btcusdt_20240718",
    "hftbacktest/usdm-btcusdt_20230404.dat",
    "cryptofeed/BINANCE_FUTURES.ws.1.0",
)

OLDER = "the recording is older than the key"
NARROW = "the sample leaves it out; Binance's documentation and ccxt have it"
TRAILING = "only orders that became of a trailing stop have it, as the sample has"
_EVERY_ORDER = {
    ".o.AP is missing": TRAILING, ".o.cr is missing": TRAILING, ".o.er is extra": OLDER, ".o.gtd is extra": OLDER,
    ".o.pm is extra": OLDER,
}  # fmt: skip
LISTED: dict[str, dict[str, str]] = {
    "depthUpdate": {".ps is extra": OLDER, ".st is extra": OLDER},
    "bookTicker": {".ps is extra": OLDER, ".st is extra": OLDER},
    "trade": {".st is extra": OLDER},
    "aggTrade": {".st is extra": OLDER},
    "markPriceUpdate": {".st is extra": OLDER},
    "trade_stream": {".X is extra": "the sample leaves it out; recorded trades have it", ".st is extra": OLDER},
    "exchangeInfo": {
        ".symbols[].maxMoveOrderLimit is extra": OLDER,
        ".symbols[].settlePlan is missing": "Binance does not send it any more",
    },
    "order_update_new": _EVERY_ORDER,
    "order_update_trade": _EVERY_ORDER,
    "order_update_trade_partial": _EVERY_ORDER,
    "order_update_calculated": _EVERY_ORDER,
    "order_update_calculated_pending": {
        **_EVERY_ORDER,
        **{f".o.{key} is extra": "the sample leaves it out; that of a plain new order has it" for key in "nN"},
    },
    "account_update": {".a.P[].ma is extra": OLDER},
    "account_info_v2": {
        f".positions[].{key} is extra": NARROW
        for key in ("breakEvenPrice", "isolatedMargin", "isolatedWallet", "notional")
    },
    "open_algo_orders": {
        "[].type is missing": "an older name of orderType",
        **{
            f"[].{key} is extra": NARROW
            for key in (
                "actualOrderId", "actualPrice", "actualQty", "closePosition", "goodTillDate", "icebergQuantity",
                "orderType", "price", "priceMatch", "priceProtect", "selfTradePreventionMode", "slPrice",
                "slTriggerPrice", "tpOrderType", "tpPrice", "tpTriggerPrice", "triggerTime",
            )
        },
    },
}  # fmt: skip
NOT_SERVED = {
    "trade_lite": "a short form of ORDER_TRADE_UPDATE, which is sent as well",
    "order_update_adl": "nobody else holds positions here, so none is deleveraged",
    "order_update_insurance": "a liquidation is executed at once; the insurance covers what is missing in the wallet",
    "order_update_delivery": "perpetuals are not delivered",
    "order_update_settlement": "perpetuals are not settled",
}


def test_every_sample_is_compared_or_has_a_reason() -> None:
    source = Path(__file__).read_text()
    assert [name for name in samples("futures") if f'"{name}"' not in source] == []
    assert NOT_SERVED.keys() <= set(samples("futures"))


def compare(name: str, ours: Any, theirs: Any) -> None:
    """Exactly the listed differences, no more and no fewer."""
    assert differences(ours, theirs) == set(LISTED.get(name, {})), name


def is_event(kind: str, message: Any) -> bool:
    return bool(message.get("e") == kind)


STREAMS = {
    "public": {"depth@100ms": "depth_update_stream", "trade": "trade_stream", "bookTicker": "book_ticker_stream"},
    "market": {
        "aggTrade": "agg_trade_stream", "kline_1m": "kline_stream_open", "markPrice@1s": "mark_price_stream",
        "ticker": "ticker_stream",
    },
}  # fmt: skip


async def test_market_streams(tmp_path: Path) -> None:
    async with sandbox(tmp_path, speed=180, **SHORT) as running, http_session(running) as client:
        for door, kinds in STREAMS.items():
            url = f"wss://fstream.binance.com/{door}/ws/1"
            async with listening(client, url, tuple(f"btcusdt@{name}" for name in kinds)) as first:
                for name in kinds.values():
                    theirs = sample("futures", name)
                    told = await first(partial(is_event, theirs["e"]))
                    compare(name, told, theirs)
                    for recording in BOOKS:
                        if theirs["e"] in session(recording):
                            compare(theirs["e"], told, session(recording)[theirs["e"]])
                if door == "market":
                    closed = await first(lambda m: m.get("e") == "kline" and m["k"]["x"])
                    compare("kline_stream_closed", closed, sample("futures", "kline_stream_closed"))


async def test_public_answers(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, http_session(running) as client:

        async def asked(path: str, **params: str) -> Any:
            async with client.get(f"https://fapi.binance.com/fapi/v1/{path}", params=params) as answer:
                return json.loads(await answer.read())

        book = await asked("depth", symbol="BTCUSDT")
        for recording in (*BOOKS[:2], "cryptofeed/BINANCE_FUTURES.http.0.0"):
            compare("depth", book, session(recording)["depth"])
        compare("exchangeInfo", await asked("exchangeInfo"), session("cryptofeed/BINANCE_FUTURES.0")["exchangeInfo"])


async def test_account_events(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_usdm(running) as exchange, http_session(running) as client:
        key = (await exchange.fapiPrivatePostListenKey())["listenKey"]
        async with listening(client, f"wss://fstream.binance.com/private/ws?listenKey={key}") as first:

            async def event(name: str, **values: Any) -> None:
                theirs = sample("futures", name)

                def fits(message: Any) -> bool:
                    told = message.get("o", {})
                    return message.get("e") == theirs["e"] and all(told.get(k) == v for k, v in values.items())

                compare(name, await first(fits), theirs)

            await exchange.create_order(BTC, "market", "buy", 0.02)
            bid, _ = await touch(exchange)
            below = {"stopLossPrice": round(bid * 0.9, 1)}
            stop = await exchange.create_order(BTC, "market", "sell", 0.02, None, below)
            await exchange.cancel_order(stop["id"], BTC, {"trigger": True})
            await event("order_update_new", x="NEW")
            await event("order_update_trade", x="TRADE")
            await event("order_update_trade_partial", x="TRADE")
            await event("algo_update_new", X="NEW")
            await event("algo_update_canceled", X="CANCELED")
            await event("account_update")
            await event("account_update_bnfcr")


def test_a_liquidation() -> None:
    told = Listening()
    orders: list[OrderChanged] = []
    told.shop.exchange.subscribe(lambda event: orders.append(event) if isinstance(event, OrderChanged) else None)
    told.shop.submit(market(BUY, "80"))
    told.shop.mark(80.0)
    assert [force_order(change, 0) for change in orders[:-1]] == [None] * (len(orders) - 1)
    compare("liquidation_stream", force_order(orders[-1], 0), sample("futures", "liquidation_stream"))
    forced = told.ear.of("ORDER_TRADE_UPDATE")
    compare("order_update_calculated", forced[-1], sample("futures", "order_update_calculated"))
    compare("order_update_calculated_pending", forced[-2], sample("futures", "order_update_calculated_pending"))


async def test_private_answers(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_usdm(running) as exchange:
        order = await exchange.create_order(BTC, "market", "buy", 0.02)
        bid, _ = await touch(exchange)
        await exchange.create_order(BTC, "market", "sell", 0.02, None, {"stopLossPrice": round(bid * 0.9, 1)})
        for name, method, parameters in (
            ("account_info_v2", "fapiPrivateV2GetAccount", {}),
            ("balance", "fapiPrivateV2GetBalance", {}),
            ("position_risk", "fapiPrivateV2GetPositionRisk", {}),
            ("order_response", "fapiPrivateGetOrder", {"symbol": "BTCUSDT", "orderId": order["id"]}),
            ("open_algo_orders", "fapiPrivateGetOpenAlgoOrders", {}),
        ):
            await getattr(exchange, method)(parameters)
            compare(name, json.loads(exchange.last_http_response), sample("futures", name))
