"""Recorded order books served over the wire to the unmodified ccxt clients."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.kit.recorded_books import START_MS, lively_minutes, quiet_minutes
from tests.kit.sandbox import ccxt_binance, eventually, eventually_true, sandbox, truth
from tests.kit.small_daemon import small_daemon
from tests.kit.usdm import ccxt_usdm
from trader.domain.events import CommandName
from trader.sandbox.server.status import RunningSandbox

SPOT, PERPETUAL = "BTC/USDT", "BTC/USDT:USDT"
SPOT_ONLY = {"options": {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False}}
recorded = [
    pytest.mark.recorded,
    pytest.mark.skipif("TRADER_DATA" not in os.environ, reason="TRADER_DATA is not set"),
]


@asynccontextmanager
async def client(running: RunningSandbox, symbol: str) -> AsyncIterator[Any]:
    opened = ccxt_usdm(running) if symbol == PERPETUAL else ccxt_binance(running, **SPOT_ONLY)
    async with opened as exchange:
        await exchange.load_markets()
        yield exchange


async def has_ended(running: RunningSandbox) -> bool:
    return bool((await truth(running))["finished"])


@pytest.mark.parametrize("symbol", [SPOT, PERPETUAL])
async def test_a_recorded_book_is_served_traded_and_ends(tmp_path: Path, symbol: str) -> None:
    made = quiet_minutes(is_futures=symbol == PERPETUAL)
    made.trade(600_000, 99.9, 5.0, "sell")
    made.write(tmp_path, "BTCUSDT")
    options = {"replay": tmp_path, "symbols": (symbol,), "speed": 120.0, "quote_balance": 1_000.0}
    async with sandbox(tmp_path / "box", **options) as running, client(running, symbol) as exchange:
        assert running.market_epoch_ms == START_MS + 51_000
        market = exchange.market(symbol)
        assert (market["precision"]["price"], market["precision"]["amount"]) == (0.1, 0.1)
        book = await exchange.watch_order_book(symbol)
        assert (book["bids"][0], book["asks"][0]) == ([99.9, 4.0], [100.1, 5.0])
        bought = await exchange.create_order(symbol, "market", "buy", 0.6)
        assert bought["average"] == 100.1
        resting = await exchange.create_order(symbol, "limit", "buy", 1, 99.9)
        trades = await exchange.watch_trades(symbol)
        assert (trades[-1]["price"], trades[-1]["amount"]) in ((99.9, 1.0), (100.1, 1.0))
        await eventually_true(lambda: has_ended(running))
        # 4 were ahead of it
        ended = await exchange.fetch_order(resting["id"], symbol)
        assert (ended["filled"], ended["average"]) == (1.0, 99.9)
        rows = await exchange.fetch_ohlcv(symbol, "1m")
        assert [row[0] - START_MS for row in rows] == [60_000, 120_000, 180_000, 600_000]
        assert rows[0][1:] == [99.9, 100.1, 99.9, 100.1, 6.0]


async def test_a_daemon_trades_on_a_recorded_book(tmp_path: Path) -> None:
    """It enters, is protected at the exchange, and both agree, while the recorded market goes on as it was."""
    folder = tmp_path / "books"
    folder.mkdir()
    for seed, market_id in enumerate(("BTCUSDT", "ETHUSDT")):
        lively_minutes(20, seed=seed).write(folder, market_id)
    async with small_daemon(tmp_path / "box", replay=folder) as daemon:
        daemon.forecast(atr_frac=0.005)  # the tick of these books is 0.1 % of the price
        await daemon.is_entered()
        await daemon.assert_agrees_with_exchange()
        await daemon.command(CommandName.FLATTEN)
        await eventually(lambda: daemon.held() == 0)
        await daemon.assert_agrees_with_exchange()


def quotes(name: str) -> tuple[Any, Any]:
    """(update ids (n,), best bid and its size, best ask and its size (n, 4)) as recorded."""
    import pyarrow.parquet as pq

    table = pq.read_table(Path(os.environ["TRADER_DATA"]) / "books" / f"{name}-bbo.parquet")
    values = [table[column].to_numpy() for column in ("bid_price", "bid_size", "ask_price", "ask_size")]
    return table["update_id"].to_numpy(), np.stack(values, axis=1)


@pytest.mark.parametrize(
    ("symbol", "folder", "name"),
    [(SPOT, "binance_spot", "20240808T2354"), (PERPETUAL, "binance_usdm", "20240718T2357")],
)
class TestRecorded:
    pytestmark = recorded

    async def test_the_book_ccxt_rebuilds_has_the_recorded_top(
        self, tmp_path: Path, symbol: str, folder: str, name: str
    ) -> None:
        """So it has after every update of the recording, but for two of 6,493 on spot."""
        ids, tops = quotes(f"{folder}/BTCUSDT-{name}")
        replay = Path(os.environ["TRADER_DATA"]) / "books" / folder
        seen: dict[int, list[float]] = {}
        options = {"replay": replay, "recording": name, "symbols": (symbol,), "speed": 60.0}
        async with sandbox(tmp_path, **options) as running, client(running, symbol) as exchange:
            while len(seen) < 25:
                book = await exchange.watch_order_book(symbol)
                seen[book["nonce"]] = [*book["bids"][0][:2], *book["asks"][0][:2]]
        expected = {nonce: tops[np.searchsorted(ids, nonce, "right") - 1].tolist() for nonce in seen}
        assert sum(seen[nonce] != expected[nonce] for nonce in seen) <= 1
        assert len({tuple(top) for top in seen.values()}) > 10  # it moved

    async def test_a_restart_goes_on_with_orders_queue_and_recording(
        self, tmp_path: Path, symbol: str, folder: str, name: str
    ) -> None:
        replay = Path(os.environ["TRADER_DATA"]) / "books" / folder
        options = {"replay": replay, "recording": name, "symbols": (symbol,), "speed": 60.0}
        async with sandbox(tmp_path, **options) as running, client(running, symbol) as exchange:
            book = await exchange.fetch_order_book(symbol, 100)
            far = book["bids"][60][0]
            order = await exchange.create_order(symbol, "limit", "buy", 0.002, far)
            bought = await exchange.create_order(symbol, "market", "buy", 0.003)
        async with sandbox(tmp_path, **options) as running, client(running, symbol) as exchange:
            assert running.market_epoch_ms >= bought["timestamp"]
            again = await exchange.watch_order_book(symbol)
            assert again["nonce"] > book["nonce"]
            state = await truth(running)
            kept = state["usdm"] if symbol == PERPETUAL else state
            assert kept["orders"][0]["clientOrderId"] == order["clientOrderId"]
            assert len(kept["fills"]) >= 1
            assert not state["finished"]
