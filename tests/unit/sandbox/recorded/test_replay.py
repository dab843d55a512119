"""Recorded candles come out as they went in, with a plausible way through each."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.domain.errors import Misconfigured
from trader.sandbox.market.source import STEPS_PER_CANDLE
from trader.sandbox.recorded.replay import ReplayedMarket, price_path, spread_volume

MINUTE = 60_000
START = 1_736_121_600_000


def write(folder: Path, name: str, count: int, *, missing: frozenset[int] = frozenset(), decimals: int = 2) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(3)
    kept = [number for number in range(count) if number not in missing]
    close = np.round(100 + np.cumsum(random.normal(size=count)), decimals)[kept]
    open_ = np.round(close + random.normal(size=len(kept)) / 10, decimals)
    step = 5 * MINUTE if name.endswith("5m") else MINUTE
    table = pa.table(
        {
            "timestamp": pa.array([START + number * step for number in kept], pa.timestamp("ms", tz="UTC")),
            "open": open_,
            "high": np.round(np.maximum(open_, close) + 0.3, decimals),
            "low": np.round(np.minimum(open_, close) - 0.3, decimals),
            "close": close,
            "volume": np.round(random.random(len(kept)) * 50, 5),
        }
    )
    pq.write_table(table, folder / f"{name}.parquet")


prices = st.integers(1, 10_000)


@given(open_=prices, close=prices, above=st.integers(0, 500), below=st.integers(0, 500), points=st.integers(4, 60))
def test_a_path_meets_open_high_low_and_close_and_nothing_beyond(
    open_: int, close: int, above: int, below: int, points: int
) -> None:
    high, low = max(open_, close) + above, min(open_, close) - below
    path = price_path(open_, high, low, close, points)
    assert len(path) == points
    assert (path[0], max(path), min(path), path[-1]) == (open_, high, low, close)
    first_low, first_high = path.index(low), path.index(high)
    if close > open_ and below and above:
        assert first_low < first_high
    if close < open_ and below and above:
        assert first_high < first_low


@given(total=st.integers(0, 500), path=st.lists(st.integers(1, 9), min_size=4, max_size=40))
def test_volume_is_spread_without_loss(total: int, path: list[int]) -> None:
    corners = [path[0], max(path), min(path), path[-1]]
    spread = spread_volume(total, path, corners)
    assert sum(spread) == total
    assert len(spread) == len(path)
    assert min(spread) >= 0


def test_history_and_plans_equal_the_file(tmp_path: Path) -> None:
    write(tmp_path, "BTCUSDT-1m", 300, missing=frozenset({210, 211}))
    market = ReplayedMarket(tmp_path, ["BTC/USDT"], "1m", 200)
    assert (market.start_ms, market.base_ms, market.end_ms) == (START + 200 * MINUTE, MINUTE, START + 300 * MINUTE)
    recorded = market.begin(START + 300 * MINUTE)["BTC/USDT"]
    assert len(market.begin(market.start_ms)["BTC/USDT"]) == 200
    tick = float(market.listings["BTC/USDT"].instrument.price_tick)
    step = float(market.listings["BTC/USDT"].instrument.quantity_step)
    for number in range(200, 300):
        plans = market.plan(START + number * MINUTE)
        if number in (210, 211):
            assert plans == {}
            continue
        plan = plans["BTC/USDT"]
        row = recorded[recorded[:, 0] == START + number * MINUTE][0]
        assert plan.row == tuple(row.tolist())
        path = [round(ticks * tick, 8) for ticks in plan.price_ticks]
        assert [path[0], max(path), min(path), path[-1]] == row[1:5].tolist()
        assert sum(plan.quantity_steps) * step == pytest.approx(row[5], abs=step)
        assert len(plan.price_ticks) == len(plan.buyer_is_taker) == STEPS_PER_CANDLE


def test_the_longest_recorded_timeframe_that_fits_is_the_base(tmp_path: Path) -> None:
    write(tmp_path, "BTCUSDT-1m", 400)
    write(tmp_path, "BTCUSDT-5m", 400, decimals=1)
    write(tmp_path, "ETHUSDT-5m", 400)
    assert ReplayedMarket(tmp_path, ["BTC/USDT"], "3m", 10).base_ms == MINUTE
    both = ReplayedMarket(tmp_path, ["BTC/USDT", "ETH/USDT"], "15m", 10)
    assert both.base_ms == 5 * MINUTE
    assert both.start_ms == START + 150 * MINUTE
    assert float(both.listings["BTC/USDT"].instrument.price_tick) == 0.1
    with pytest.raises(Misconfigured, match="makes up 1m; they share 5m"):
        ReplayedMarket(tmp_path, ["BTC/USDT", "ETH/USDT"], "1m", 10)
    with pytest.raises(Misconfigured, match=r"no candles of SOL/USDT .*BTCUSDT-1m.parquet"):
        ReplayedMarket(tmp_path, ["SOL/USDT"], "5m", 10)
    with pytest.raises(Misconfigured, match="400 common candles of 5m; 8000 of history"):
        ReplayedMarket(tmp_path, ["ETH/USDT"], "5m", 8_000)


def test_a_file_that_is_no_recording_is_named(tmp_path: Path) -> None:
    (tmp_path / "BTCUSDT-1m.parquet").write_bytes(b"not parquet")
    with pytest.raises(Misconfigured, match=r"BTCUSDT-1m\.parquet cannot be read"):
        ReplayedMarket(tmp_path, ["BTC/USDT"], "1m", 10)
