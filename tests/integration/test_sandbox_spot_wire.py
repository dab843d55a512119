"""The sandbox's spot messages have the keys and JSON types of recorded ones. What differs is listed with its reason."""

import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.kit.sandbox import ccxt_binance, fault_control, http_session, sandbox
from tests.kit.streams import hearing, listening
from tests.kit.wire import differences, sample, samples, session

pytestmark = [
    pytest.mark.recorded,
    pytest.mark.skipif("TRADER_DATA" not in os.environ, reason="TRADER_DATA is not set"),
]
BTC = "BTC/USDT"
SHORT: dict[str, Any] = {"history_candles": 600, "symbols": (BTC, "ETH/USDT")}
HFT, CRYPTOFEED = "hftbacktest/spot-btcusdt_20240808", "cryptofeed/BINANCE"

OLDER = "the recording is older than the key"
NARROW = "the sample leaves out what every report has; the wrapped one has it"
LISTED: dict[str, dict[str, str]] = {
    "exchangeInfo": {
        f".symbols[].{key} is extra": OLDER
        for key in (
            "allowTrailingStop", "allowedSelfTradePreventionModes", "amendAllowed", "cancelReplaceAllowed",
            "defaultSelfTradePreventionMode", "opoAllowed", "otoAllowed", "pegInstructionsAllowed", "permissionSets",
        )
    } | {".sors is extra": OLDER},
    "exchange_info_response": {
        ".symbols[].permissionSets[] is ['str'], recorded ['str', 'str']": "there is no margin trading here",
    },
} | {
    f"execution_report_{what}": {f".{key} is extra": NARROW for key in "FIMQVWYg"}
    for what in ("new", "canceled", "trade", "expired", "stop_loss")
}  # fmt: skip

NOT_SERVED = {"list_status_wrapped": "there are no order lists (OCO, OTO) here"}


def test_every_sample_is_compared_or_has_a_reason() -> None:
    source = Path(__file__).read_text()
    wrapped = ("account_position_wrapped", "balance_update_wrapped")  # compared by the name of what is inside
    assert [name for name in samples("spot") if f'"{name}"' not in source] == []
    assert {*NOT_SERVED, *wrapped} <= set(samples("spot"))


def compare(name: str, ours: Any, theirs: Any) -> None:
    """Exactly the listed differences, no more and no fewer."""
    assert differences(ours, theirs) == set(LISTED.get(name, {})), name


def is_of_stream(stream: str, message: Any) -> bool:
    return bool(message["stream"] == stream)


async def test_market_streams(tmp_path: Path) -> None:
    recorded = {
        "depth@100ms": (session(HFT)["depthUpdate"], session(f"{CRYPTOFEED}.ws.1.0")["depthUpdate"]),
        "bookTicker": (session(HFT)["bookTicker"], session(f"{CRYPTOFEED}.ws.1.0")["bookTicker"]),
        "trade": (session(HFT)["trade"],),
        "aggTrade": (session(f"{CRYPTOFEED}.ws.1.0")["aggTrade"],),
        "kline_1m": (session(f"{CRYPTOFEED}.ws.1.0")["kline"],),
    }
    async with sandbox(tmp_path, **SHORT) as running, http_session(running) as client:
        names = "/".join(f"btcusdt@{name}" for name in recorded)
        async with listening(client, f"wss://stream.binance.com:9443/stream?streams={names}") as first:
            for name, samples in recorded.items():
                told = await first(partial(is_of_stream, f"btcusdt@{name}"))
                for theirs in samples:
                    compare(name, told["data"], theirs)


async def test_public_answers(tmp_path: Path) -> None:
    asked = {
        "ping": "ping_response", "time": "server_time_response", "avgPrice": "avg_price_response",
        "depth": "depth_response", "klines": "klines_response", "trades": "trades_response",
        "ticker/24hr": "ticker_24hr_response", "ticker/price": "ticker_price_response",
        "ticker/bookTicker": "book_ticker_response", "exchangeInfo": "exchange_info_response",
    }  # fmt: skip
    async with sandbox(tmp_path, **SHORT) as running, http_session(running) as client:
        for path, name in asked.items():
            wanted = {} if path in ("ping", "time", "exchangeInfo") else {"symbol": "BTCUSDT"}
            interval = {"interval": "1m"} if path == "klines" else {}
            url = f"https://api.binance.com/api/v3/{path}"
            async with client.get(url, params={**wanted, **interval}) as answer:
                ours = json.loads(await answer.read())
            compare(name, ours, sample("spot", name))
            if path == "depth":
                compare(name, ours, session(HFT)["depth"])
                compare(name, ours, session(f"{CRYPTOFEED}.http.0.0")["depth"])
            if path == "exchangeInfo":
                compare("exchangeInfo", ours, session(f"{CRYPTOFEED}.0")["exchangeInfo"])


async def test_private_answers(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_binance(running) as exchange:

        async def compared(name: str, method: str, **parameters: Any) -> Any:
            await getattr(exchange, method)(parameters)
            ours = json.loads(exchange.last_http_response)
            compare(name, ours, sample("spot", name))
            return ours

        of = {"symbol": "BTCUSDT"}
        buy = {**of, "side": "BUY", "quantity": "0.001"}
        await compared("new_order_full_response", "privatePostOrder", **buy, type="MARKET", newOrderRespType="FULL")
        rest = {**buy, "type": "LIMIT", "timeInForce": "GTC", "price": "50000"}
        placed = await exchange.privatePostOrder(rest)
        await compared("order_response", "privateGetOrder", **of, orderId=placed["orderId"])
        await compared("open_orders_response", "privateGetOpenOrders", **of)
        await compared("cancel_order_response", "privateDeleteOrder", **of, orderId=placed["orderId"])
        await exchange.privatePostOrder(rest)
        await compared("cancel_open_orders_response", "privateDeleteOpenOrders", **of)
        await compared("all_orders_response", "privateGetAllOrders", **of)
        await compared("account_trades_response", "privateGetMyTrades", **of)
        await compared("account_response", "privateGetAccount")


async def test_account_events(tmp_path: Path) -> None:
    async with (
        sandbox(tmp_path, **SHORT) as running,
        ccxt_binance(running) as exchange,
        hearing(exchange.watch_orders, exchange.watch_balance, of=exchange) as first,
        fault_control(running) as control,
    ):
        await control.deposit("BTC", "1")

        async def event(name: str, kind: str, **values: Any) -> None:
            def fits(message: Any) -> bool:
                told = message.get("event", {})
                return told.get("e") == kind and all(told.get(key) == value for key, value in values.items())

            told = await first(fits)
            compare(name, told["event"], sample("spot", name))
            if name in ("account_position", "balance_update"):
                compare(f"{name}_wrapped", told, sample("spot", f"{name}_wrapped"))
            if name == "execution_report_new":
                compare("execution_report_wrapped", told, sample("spot", "execution_report_wrapped"))

        await event("balance_update", "balanceUpdate")
        book = await exchange.fetch_order_book(BTC, 5)
        bid = book["bids"][0][0]
        rested = await exchange.create_order(BTC, "limit", "buy", 0.001, round(bid * 0.9, 2))
        await exchange.cancel_order(rested["id"], BTC)
        await exchange.create_order(BTC, "market", "buy", 0.001)
        await exchange.create_order(BTC, "limit", "buy", 0.001, round(bid * 0.9, 2), {"timeInForce": "IOC"})
        stop = {"stopLossPrice": round(bid * 0.9, 2)}
        await exchange.create_order(BTC, "limit", "sell", 0.001, round(bid * 0.89, 2), stop)
        await event("execution_report_new", "executionReport", x="NEW", o="LIMIT")
        await event("execution_report_canceled", "executionReport", x="CANCELED")
        await event("execution_report_trade", "executionReport", x="TRADE")
        await event("execution_report_expired", "executionReport", x="EXPIRED")
        await event("execution_report_stop_loss", "executionReport", o="STOP_LOSS_LIMIT")
        await event("account_position", "outboundAccountPosition")
