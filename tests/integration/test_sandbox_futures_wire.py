"""The sandbox's USD-M messages have the keys and types of recorded ones."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.kit.sandbox import http_session, sandbox
from tests.kit.usdm import BTC, SHORT, ccxt_usdm, touch

pytestmark = [
    pytest.mark.recorded,
    pytest.mark.skipif("TRADER_DATA" not in os.environ, reason="TRADER_DATA is not set"),
]
# what only some messages of a kind carry
OPTIONAL = {
    "order_update_new": {"AP", "cr"},
    "order_update_trade": {"AP", "cr"},
    "order_update_trade_partial": {"AP", "cr"},
    "order_update_calculated": {"AP", "cr"},
    "account_update": {"iw"},
    "open_algo_orders": {"type"},  # an older name of orderType
    "position_risk": {"isolatedMargin"},
}


def recorded(name: str) -> Any:
    folder = Path(os.environ["TRADER_DATA"]) / "wire" / "nautilus" / "binance" / "futures"
    [path] = folder.glob(f"*/{name}.json")
    return json.loads(path.read_text())


def differences(ours: Any, theirs: Any, optional: set[str], where: str = "") -> list[str]:
    """What `theirs` has and `ours` has not, or has as something else; of lists the first elements are compared."""
    if isinstance(theirs, dict):
        if not isinstance(ours, dict):
            return [f"{where}: not an object"]
        found = []
        for key, value in theirs.items():
            if key in ours:
                found += differences(ours[key], value, optional, f"{where}.{key}")
            elif key not in optional:
                found.append(f"{where}.{key} is missing")
        return found
    if isinstance(theirs, list):
        if not isinstance(ours, list):
            return [f"{where}: not a list"]
        return differences(ours[0], theirs[0], optional, f"{where}[]") if ours and theirs else []
    if ours is None or theirs is None or type(ours) is type(theirs):
        return []
    return [f"{where} is {ours!r}, recorded {theirs!r}"]


def compare(ours: Any, name: str) -> None:
    assert differences(ours, recorded(name), OPTIONAL.get(name, set())) == []


@asynccontextmanager
async def listening(session: aiohttp.ClientSession, url: str, streams: tuple[str, ...] = ()) -> AsyncIterator[Any]:
    """Every message of one websocket, collected in the background; yields a function that waits for one."""
    heard: list[Any] = []
    async with session.ws_connect(url) as socket:
        if streams:
            await socket.send_json({"method": "SUBSCRIBE", "params": list(streams), "id": 1})

        async def read() -> None:
            async for message in socket:
                heard.append(message.json())

        async def first(fits: Callable[[Any], bool]) -> Any:
            for _ in range(400):
                for message in heard:
                    if fits(message):
                        return message
                await asyncio.sleep(0.05)
            raise AssertionError("no such message")

        reader = asyncio.create_task(read())
        try:
            yield first
        finally:
            reader.cancel()


def named(event: str, **values: Any) -> Callable[[Any], bool]:
    """Messages of that event, whose `o` has these values."""
    return lambda m: m.get("e") == event and all(m["o"].get(key) == value for key, value in values.items())


PUBLIC = {"depth_update_stream": "depth@100ms", "trade_stream": "trade", "book_ticker_stream": "bookTicker"}
MARKET = {
    "agg_trade_stream": "aggTrade",
    "kline_stream_open": "kline_1m",
    "mark_price_stream": "markPrice@1s",
    "ticker_stream": "ticker",
}


async def test_market_streams(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, http_session(running) as session:
        for door, kinds in (("public", PUBLIC), ("market", MARKET)):
            for name, stream in kinds.items():
                url = f"wss://fstream.binance.com/{door}/ws/1"
                async with listening(session, url, (f"btcusdt@{stream}",)) as first:
                    event = recorded(name)["e"]
                    compare(await first(lambda m, event=event: m.get("e") == event), name)


async def test_account_streams(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_usdm(running) as exchange, http_session(running) as session:
        key = (await exchange.fapiPrivatePostListenKey())["listenKey"]
        async with listening(session, f"wss://fstream.binance.com/private/ws?listenKey={key}") as first:
            await exchange.create_order(BTC, "market", "buy", 0.02)
            bid, _ = await touch(exchange)
            stop = await exchange.create_order(
                BTC, "market", "sell", 0.02, None, {"stopLossPrice": round(bid * 0.9, 1)}
            )
            await exchange.cancel_order(stop["id"], BTC, {"trigger": True})
            compare(await first(named("ORDER_TRADE_UPDATE", x="NEW")), "order_update_new")
            compare(await first(named("ORDER_TRADE_UPDATE", x="TRADE")), "order_update_trade")
            compare(await first(named("ALGO_UPDATE", X="NEW")), "algo_update_new")
            compare(await first(named("ALGO_UPDATE", X="CANCELED")), "algo_update_canceled")
            compare(await first(lambda m: m.get("e") == "ACCOUNT_UPDATE"), "account_update")


async def test_rest_answers(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_usdm(running) as exchange:
        order = await exchange.create_order(BTC, "market", "buy", 0.02)
        bid, _ = await touch(exchange)
        await exchange.create_order(BTC, "market", "sell", 0.02, None, {"stopLossPrice": round(bid * 0.9, 1)})
        compare(await exchange.fapiPrivateV2GetAccount(), "account_info_v2")
        compare(await exchange.fapiPrivateV2GetBalance(), "balance")
        compare(await exchange.fapiPrivateV2GetPositionRisk(), "position_risk")
        compare(await exchange.fapiPrivateGetOrder({"symbol": "BTCUSDT", "orderId": order["id"]}), "order_response")
        compare(await exchange.fapiPrivateGetOpenAlgoOrders(), "open_algo_orders")
