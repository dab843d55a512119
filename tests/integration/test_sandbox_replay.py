"""A recorded market served over the wire."""

import os
from pathlib import Path

import numpy as np
import pytest

from tests.kit.sandbox import ccxt_binance, eventually_true, http_session, sandbox, truth
from tests.unit.sandbox.recorded.test_replay import START, write

SPOT_ONLY = {"options": {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False}}


async def test_a_replay_serves_the_file_trades_it_and_ends(tmp_path: Path) -> None:
    folder = tmp_path / "candles"
    folder.mkdir()
    write(folder, "BTCUSDT-1m", 130, missing=frozenset({20, 21, 122}))
    options = {"replay": folder, "symbols": ("BTC/USDT",), "replay_offset_candles": 120, "speed": 300.0}
    async with sandbox(tmp_path / "box", **options) as running, ccxt_binance(running, **SPOT_ONLY) as exchange:
        assert running.market_epoch_ms == START + 120 * 60_000
        bought = await exchange.create_order("BTC/USDT", "market", "buy", 1)
        assert bought["status"] == "closed"

        async def has_ended() -> bool:
            return bool((await truth(running))["finished"])

        await eventually_true(has_ended)
        rows = await exchange.fetch_ohlcv("BTC/USDT", "1m", limit=1_000)
        import pyarrow.parquet as pq

        recorded = pq.read_table(folder / "BTCUSDT-1m.parquet").to_pydict()
        names = ("open", "high", "low", "close", "volume")
        assert [row[1:] for row in rows] == [list(values) for values in zip(*(recorded[n] for n in names), strict=True)]
        assert len(rows) == 127  # gaps stay gaps
        book = await exchange.fetch_order_book("BTC/USDT")
        assert book["bids"][0][0] < book["asks"][0][0]


@pytest.mark.recorded
@pytest.mark.skipif("TRADER_DATA" not in os.environ, reason="TRADER_DATA is not set")
async def test_real_recordings_come_out_bit_for_bit(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    folder = Path(os.environ["TRADER_DATA"]) / "candles" / "binance_2020_2021"  # has gaps and long decimals
    symbols = ("BTC/USDT", "XRP/USDT", "LINK/USDT")
    async with (
        sandbox(tmp_path, replay=folder, symbols=symbols, timeframe="15m", replay_offset_candles=8_000) as running,
        http_session(running) as session,
    ):
        for symbol in symbols:
            name = symbol.replace("/", "")
            table = pq.read_table(folder / f"{name}-5m.parquet")
            times = table["timestamp"].to_numpy().astype("datetime64[ms]").astype(np.int64)
            values = np.stack([table[c].to_numpy() for c in ("open", "high", "low", "close", "volume")], axis=1)
            start = int(times[5_500])  # around the outage of 2020-12-21
            url = f"https://api.binance.com/api/v3/klines?symbol={name}&interval=5m&limit=1000&startTime={start}"
            async with session.get(url) as answer:
                rows = await answer.json()
            served = np.array([[float(text) for text in row[1:6]] for row in rows])
            assert [row[0] for row in rows] == times[5_500:6_500].tolist()
            assert np.array_equal(served, values[5_500:6_500])
            async with session.get(url.replace("interval=5m", "interval=15m")) as answer:
                first = (await answer.json())[1]
            inside = values[(times >= first[0]) & (times < first[0] + 900_000)]
            assert [float(text) for text in first[1:5]] == [
                inside[0, 0], inside[:, 1].max(), inside[:, 2].min(), inside[-1, 3],
            ]  # fmt: skip
