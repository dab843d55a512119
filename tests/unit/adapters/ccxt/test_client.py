"""The guarded client: any exchange can be made, time is the market's, and ccxt changes nothing of ours."""

import decimal
import gc
from typing import Any

import ccxt.pro
import pytest

from trader.adapters.ccxt.exchanges import facts_for
from trader.adapters.ccxt.transport.client import Client
from trader.adapters.ccxt.transport.timing import MarketTime, Pause
from trader.clock import SimulatedClock
from trader.config.credentials import Credentials
from trader.config.exchange import ExchangeSettings
from trader.domain.errors import Misconfigured

NOW_MS = 1_760_000_040_000


def a_client(ccxt_id: str, *, share: float = 1.0, keys: Credentials | None = None, **changes: Any) -> Client:
    settings = ExchangeSettings(id=ccxt_id, **changes)
    time = MarketTime(SimulatedClock(NOW_MS))
    return Client(ccxt_id, facts_for(ccxt_id), settings, time=time, pause=Pause(), credentials=keys, rate_share=share)


async def closed(client: Client) -> None:
    client.raw.timeout_on_exit = 0
    await client.close()
    await client.close()  # twice is fine


async def test_every_streaming_exchange_can_be_made() -> None:
    for ccxt_id in ccxt.pro.exchanges:
        client = a_client(ccxt_id, keys=Credentials("k", "s" * 32, "p"))
        try:
            assert client.raw.milliseconds() == NOW_MS
            assert client.raw.options["ws"]["keepAlive"] <= 10_000
            assert client.raw.options["maxRetriesOnFailure"] == 0
            assert "checksum" not in str(client.raw.options.get("ws"))
        finally:
            await closed(client)
    gc.collect()


async def test_an_unknown_exchange_is_named_with_its_neighbours() -> None:
    with pytest.raises(Misconfigured, match=r"'binanze' .*alike: binance"):
        a_client("binanze")


async def test_signatures_carry_the_exchanges_time() -> None:
    client = a_client("binance", keys=Credentials("key", "secret"))
    try:
        client.time.offset_ms = 7_000.0
        signed = client.raw.sign("order", ["private"], "GET", {"symbol": "BTCUSDT"})
        assert f"timestamp={NOW_MS + 7_000}" in signed["url"]
        assert "recvWindow=5000" in signed["url"]
        assert client.raw.sign_params({})["timestamp"] == NOW_MS + 7_000
    finally:
        await closed(client)


async def test_clients_share_the_rate_limit() -> None:
    whole, half = a_client("binance"), a_client("binance", share=0.5)
    try:
        assert half.raw.rateLimit == 2 * whole.raw.rateLimit
        assert half.raw.tokenBucket["refillRate"] == whole.raw.tokenBucket["refillRate"] / 2
    finally:
        await closed(whole)
        await closed(half)


async def test_ccxt_leaves_our_decimal_arithmetic_alone() -> None:
    """Its rounding sets the context it runs in to half-up, process-wide if it can."""
    before = decimal.getcontext().copy()
    client = a_client("binance")
    try:

        async def rounds(*_arguments: Any) -> str:
            text: str = ccxt.decimal_to_precision("1.25", ccxt.ROUND, 1, ccxt.DECIMAL_PLACES)
            assert decimal.getcontext().rounding == decimal.ROUND_HALF_UP
            return text

        client.raw.fetch_status = rounds
        assert await client.read("fetch_status") == "1.3"
        socket = client.raw.client("wss://stream.binance.com:9443/ws/1")
        client.on_message = lambda _message: bool(ccxt.decimal_to_precision("1.25", ccxt.ROUND, 1, ccxt.DECIMAL_PLACES))
        socket.handle_message(_text('{"e":"x"}'))
    finally:
        await closed(client)
    after = decimal.getcontext()
    assert (after.rounding, after.prec) == (before.rounding, before.prec)


async def test_the_receive_loop_survives_what_it_cannot_read() -> None:
    client = a_client("binance")
    unreadable: list[str] = []
    client.on_unreadable = unreadable.append
    try:
        socket = client.raw.client("wss://stream.binance.com:9443/ws/1")
        for text in ('{"e":', '{"e":"kline"}', '{"e":"depthUpdate","s":7}'):
            socket.handle_message(_text(text))
        assert client.dispatch_failures >= 1
        assert len(unreadable) == client.dispatch_failures
        assert client.raw.client("wss://stream.binance.com:9443/ws/1") is socket
    finally:
        await closed(client)


def _text(data: str) -> Any:
    import aiohttp

    return aiohttp.WSMessage(aiohttp.WSMsgType.TEXT, data, None)
