"""The candle store keeps what it was given, merges, and refuses the impossible."""

import os
from pathlib import Path

import numpy as np
import pytest

from trader.adapters.parquet.candles import ParquetCandleStore, RecordedCandles
from trader.domain.candle_arrays import CandleArrays
from trader.domain.errors import Misconfigured
from trader.domain.market import Candle
from trader.market.bulk import fill_gaps, resample

MINUTE = 60_000


def candle(minute: int, close: float = 100.0, symbol: str = "BTC/USDT", *, is_gap: bool = False) -> Candle:
    return Candle(symbol, minute * MINUTE, (minute + 1) * MINUTE, 100.0, max(close, 101.0), 99.0, close, 5.0, is_gap)


def arrays(minutes: list[int], closes: list[float]) -> CandleArrays:
    close = np.array(closes)
    return CandleArrays(np.array(minutes) * MINUTE, close, close + 1, close - 1, close, np.ones(len(closes)))


@pytest.fixture
def store(tmp_path: Path) -> ParquetCandleStore:
    return ParquetCandleStore(tmp_path)


def test_candles_come_back_as_they_were(store: ParquetCandleStore) -> None:
    rows = [candle(0), candle(1, is_gap=True), candle(2)]
    store.write("1m", [rows[2], rows[0], rows[1], candle(0, symbol="ETH/USDT:USDT")])
    assert store.read("BTC/USDT", "1m", 0, 10 * MINUTE) == rows
    assert store.read("BTC/USDT", "1m", MINUTE, 2 * MINUTE) == [rows[1]]
    assert store.symbols("1m") == ["BTC/USDT", "ETH/USDT:USDT"]
    assert store.read("XRP/USDT", "1m", 0, 10 * MINUTE) == []


def test_the_newest_of_equal_open_times_wins(store: ParquetCandleStore) -> None:
    store.write("1m", [candle(0), candle(1)])
    store.write("1m", [candle(2), candle(1, 100.5), candle(1, 100.7)])
    assert store.read_arrays("BTC/USDT", "1m").close.tolist() == [100.0, 100.7, 100.0]


def test_impossible_candles_are_refused_and_nothing_changes(store: ParquetCandleStore) -> None:
    store.write("1m", [candle(0)])
    upside_down = Candle("BTC/USDT", MINUTE, 2 * MINUTE, 100, 99, 101, 100, 1)
    off_grid = Candle("BTC/USDT", MINUTE + 1, 2 * MINUTE, 100, 101, 99, 100, 1)
    not_a_number = Candle("BTC/USDT", MINUTE, 2 * MINUTE, 100, float("nan"), 99, 100, 1)
    for bad, word in ((upside_down, "order"), (off_grid, "grid"), (not_a_number, "finite")):
        with pytest.raises(ValueError, match=word):
            store.write("1m", [candle(2), bad])
    assert len(store.read_arrays("BTC/USDT", "1m").open_ms) == 1


def test_a_damaged_file_names_itself(store: ParquetCandleStore, tmp_path: Path) -> None:
    store.write("1m", [candle(0)])
    (path,) = (tmp_path / "1m").glob("*.parquet")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(Misconfigured, match="unreadable"):
        store.read_arrays("BTC/USDT", "1m")


def test_no_draft_is_left_behind(store: ParquetCandleStore, tmp_path: Path) -> None:
    store.write("1m", [candle(0)])
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["BTC%2FUSDT.parquet"]


def test_a_missing_candle_becomes_flat_and_empty() -> None:
    filled = fill_gaps(arrays([0, 1, 4], [10.0, 20.0, 30.0]), MINUTE)
    assert (filled.open_ms / MINUTE).tolist() == [0, 1, 2, 3, 4]
    assert filled.low.tolist() == [9.0, 19.0, 20.0, 20.0, 29.0]
    assert filled.volume.tolist() == [1, 1, 0, 0, 1]


def test_resampling_uses_complete_candles_on_the_longer_grid() -> None:
    longer = resample(arrays(list(range(2, 12)), [float(i) for i in range(2, 12)]), MINUTE, 3 * MINUTE)
    assert (longer.open_ms / MINUTE).tolist() == [3, 6, 9]
    assert longer.open.tolist() == [3, 6, 9]
    assert longer.close.tolist() == [5, 8, 11]
    assert longer.high.tolist() == [6, 9, 12]
    assert longer.low.tolist() == [2, 5, 8]
    assert longer.volume.tolist() == [3, 3, 3]


@pytest.mark.recorded
@pytest.mark.skipif("TRADER_DATA" not in os.environ, reason="TRADER_DATA is not set")
def test_recorded_sets_are_read_and_resampled() -> None:
    recorded = RecordedCandles(Path(os.environ["TRADER_DATA"]) / "candles" / "binance_2020_2021")
    five = recorded.read_arrays("BTC/USDT", "5m")
    fifteen = recorded.read_arrays("BTC/USDT", "15m")
    assert (np.diff(five.open_ms) == 5 * MINUTE).all()
    assert len(five.open_ms) == 45_903 + 177
    assert fifteen.volume.sum() == pytest.approx(five.volume[: 3 * len(fifteen.open_ms)].sum())
    with pytest.raises(Misconfigured, match="5m"):
        recorded.read_arrays("BTC/USDT", "1m")
