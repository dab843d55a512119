"""A sandbox goes on where it stopped, is found again, and leaves by itself."""

import asyncio
import os
import signal
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.kit.sandbox import candle_ends, ccxt_binance, market_clock, sandbox, truth
from trader.config.sandbox import SandboxSettings
from trader.domain.errors import Misconfigured
from trader.sandbox.server.options import SandboxOptions
from trader.sandbox.server.process import answers, ensure_running, stop
from trader.sandbox.server.run import SandboxServer
from trader.sandbox.server.status import read_status

BTC = "BTC/USDT"
SPOT_ONLY = {"options": {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False}}
SHORT: dict[str, Any] = {"history_candles": 1_500, "symbols": (BTC, "ETH/USDT")}


async def test_a_restart_resumes_account_orders_candles_and_market_time(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as first, ccxt_binance(first, **SPOT_ONLY) as exchange:
        filled = await exchange.create_order(BTC, "market", "buy", 0.01)
        price = round(filled["average"] * 0.9, 2)
        resting = await exchange.create_order(BTC, "limit", "buy", 0.01, price, {"newClientOrderId": "waits"})
        await candle_ends(market_clock(first))
        candles = await exchange.fetch_ohlcv(BTC, "1m", limit=1_000)
        trade_id = int((await exchange.fetch_trades(BTC))[-1]["id"])
        before = await truth(first)
    async with sandbox(tmp_path, **SHORT) as second, ccxt_binance(second, **SPOT_ONLY) as exchange:
        after = await truth(second)
        assert (after["orders"], after["fills"], after["balances"]) == (
            before["orders"], before["fills"], before["balances"],
        )  # fmt: skip
        assert second.market_epoch_ms >= before["market_ms"]
        assert second.market_epoch_ms <= before["market_ms"] + 60_000  # it stood still while nobody served it
        again = {row[0]: row for row in await exchange.fetch_ohlcv(BTC, "1m", limit=1_000)}
        closed = candles[:-1]
        assert [again[row[0]] for row in closed if row[0] in again] == [row for row in closed if row[0] in again]
        assert len(again.keys() & {row[0] for row in closed}) > 900
        assert int((await exchange.watch_trades(BTC))[0]["id"]) > trade_id
        found = await exchange.fetch_order(None, BTC, {"origClientOrderId": "waits"})
        assert (found["id"], found["status"]) == (resting["id"], "open")
        assert (first.api_key, first.api_secret) == (second.api_key, second.api_secret)


async def test_a_symbol_listed_later_changes_no_other(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as first, ccxt_binance(first, **SPOT_ONLY) as exchange:
        candles = await exchange.fetch_ohlcv(BTC, "1m", limit=500)
        balance = (await truth(first))["balances"]
    more = {**SHORT, "symbols": (BTC, "ETH/USDT", "SOL/USDT")}
    async with sandbox(tmp_path, **more) as second, ccxt_binance(second, **SPOT_ONLY) as exchange:
        again = {row[0]: row for row in await exchange.fetch_ohlcv(BTC, "1m", limit=500)}
        assert [again[row[0]] for row in candles[5:-1]] == candles[5:-1]
        assert len(await exchange.fetch_ohlcv("SOL/USDT", "1m", limit=500)) == 500
        assert (await truth(second))["balances"] == balance


async def test_another_market_is_another_exchange_and_the_former_is_kept(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as first, ccxt_binance(first, **SPOT_ONLY) as exchange:
        await exchange.create_order(BTC, "market", "buy", 0.01)
        kept = (await truth(first))["orders"]
    async with sandbox(tmp_path, seed=8, **SHORT) as other:
        assert (await truth(other))["orders"] == []
    async with sandbox(tmp_path, **SHORT) as again:
        assert (await truth(again))["orders"] == kept != []


async def test_one_directory_serves_one_sandbox_and_is_private(tmp_path: Path) -> None:
    directory = tmp_path / "box"
    async with sandbox(directory, **SHORT):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        for name in ("running.json", "keys.json", "server.pem"):
            assert stat.S_IMODE((directory / name).stat().st_mode) == 0o600
        second = SandboxServer(SandboxOptions(directory=directory, **SHORT))
        with pytest.raises(Misconfigured, match="open in another process"):
            await second.start()
        await second.close()
        assert read_status(directory) is not None
    assert read_status(directory) is None


async def test_it_leaves_when_no_client_came_for_a_while(tmp_path: Path) -> None:
    server = SandboxServer(SandboxOptions(directory=tmp_path, idle_exit_s=0.3, **SHORT))
    await server.start()
    await asyncio.wait_for(server.run(), 20)
    await server.close()


@pytest.mark.real_time
async def test_the_detached_process_is_found_replaced_and_survives_kill_9(tmp_path: Path) -> None:
    symbols = (BTC, "ETH/USDT")
    log = tmp_path / "sandbox.log"

    async def ensure(**settings: Any) -> Any:
        wanted = SandboxSettings(**{"idle_exit_s": 60, "speed": 60, **settings})
        return await ensure_running(wanted, symbols, "1m", tmp_path / "box", log)

    running = await ensure()
    try:
        assert os.getsid(running.pid) == running.pid  # a session of its own: signals to ours do not reach it
        assert (await ensure()).pid == running.pid
        async with ccxt_binance(running, **SPOT_ONLY) as exchange:
            filled = await exchange.create_order(BTC, "market", "buy", 0.01)
        os.kill(running.pid, signal.SIGKILL)
        revived = await ensure()
        assert revived.pid != running.pid
        assert (await truth(revived))["orders"][0]["orderId"] == int(filled["id"])
        running = await ensure(speed=30)
        assert running.speed == market_clock(running).speed == 30
        assert not await answers(revived)
        assert (await truth(running))["orders"][0]["orderId"] == int(filled["id"])
    finally:
        await stop(tmp_path / "box", running)
    assert not await answers(running)


@pytest.mark.real_time
async def test_a_sandbox_that_cannot_start_says_why(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "import sys; print('error: no such thing'); sys.exit(2)")
    with pytest.raises(Misconfigured, match="no such thing"):
        await ensure_running(SandboxSettings(), (BTC,), "1m", tmp_path, tmp_path / "log", command)
    with pytest.raises(Misconfigured, match="timeframe '7m'"):
        await ensure_running(SandboxSettings(), (BTC,), "7m", tmp_path, tmp_path / "log", command)
