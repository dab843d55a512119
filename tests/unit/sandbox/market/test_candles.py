"""Longer candles are exactly what their base candles make; windows are Binance's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.sandbox.market.candles import MAX_CANDLES, CandleSeries, bucket_open, interval_ms, resampled
from trader.sandbox.market.source import COLUMNS, Floats

MINUTE = 60_000
MONDAY = 1_736_121_600_000


def candles(count: int, *, start_ms: int = MONDAY, seed: int = 1, missing: frozenset[int] = frozenset()) -> Floats:
    random = np.random.default_rng(seed)
    close = 100 + np.cumsum(random.normal(size=count))
    open_ = np.concatenate(([100.0], close[:-1]))
    spread = random.random(count)
    rows = np.zeros((count, len(COLUMNS)))
    rows[:, 0] = start_ms + MINUTE * np.arange(count)
    rows[:, 1], rows[:, 4] = open_, close
    rows[:, 2], rows[:, 3] = np.maximum(open_, close) + spread, np.minimum(open_, close) - spread
    rows[:, 5:] = random.integers(1, 1_000, size=(count, 5)) / 8
    return rows[[number for number in range(count) if number not in missing]]


def test_fifteen_minutes_are_fifteen_minutes() -> None:
    rows = candles(60)
    longer = resampled(rows, 15 * MINUTE)
    assert longer.shape == (4, len(COLUMNS))
    for number, row in enumerate(longer):
        part = rows[15 * number : 15 * number + 15]
        assert row[0] == part[0, 0]
        assert row[1:5].tolist() == [part[0, 1], part[:, 2].max(), part[:, 3].min(), part[-1, 4]]
        assert row[5:].tolist() == pytest.approx(part[:, 5:].sum(axis=0).tolist())


def test_weeks_begin_on_monday_and_gaps_stay_gaps() -> None:
    week = interval_ms("1w")
    assert week is not None
    times = np.array([MONDAY - 1, MONDAY, MONDAY + week - 1], dtype=np.int64)
    assert bucket_open(times, week).tolist() == [MONDAY - week, MONDAY, MONDAY]
    hole = resampled(candles(30, missing=frozenset(range(5, 20))), 5 * MINUTE)
    assert ((hole[:, 0] - MONDAY) / MINUTE).tolist() == [0, 20, 25]


def test_a_window_without_start_is_the_newest_and_includes_the_running_candle() -> None:
    rows = candles(100)
    series = CandleSeries(MINUTE, rows[:99])
    series.running = tuple(rows[99].tolist())
    window = series.window(MINUTE, start_ms=None, end_ms=None, limit=10)
    assert np.array_equal(window, rows[90:])
    hours = series.window(60 * MINUTE, start_ms=None, end_ms=None, limit=5)
    assert np.array_equal(hours, resampled(rows, 60 * MINUTE))
    assert series.current(5 * MINUTE) == tuple(resampled(rows, 5 * MINUTE)[-1].tolist())


@given(
    start=st.integers(-5, 130), length=st.integers(0, 130), limit=st.integers(1, 50), per=st.sampled_from([1, 5, 15])
)
def test_windows_hold_what_was_asked_for(start: int, length: int, limit: int, per: int) -> None:
    rows = candles(120)
    series = CandleSeries(MINUTE, rows)
    start_ms, end_ms = MONDAY + start * MINUTE, MONDAY + (start + length) * MINUTE
    longer = resampled(rows, per * MINUTE)
    inside = longer[(longer[:, 0] >= start_ms) & (longer[:, 0] <= end_ms)]
    window = series.window(per * MINUTE, start_ms=start_ms, end_ms=end_ms, limit=limit)
    assert np.array_equal(window, inside[:limit])
    newest = series.window(per * MINUTE, start_ms=None, end_ms=end_ms, limit=limit)
    assert np.array_equal(newest, longer[longer[:, 0] <= end_ms][-limit:])


def test_a_candle_with_a_gap_in_front_is_not_taken_for_a_cut_one() -> None:
    rows = candles(60, missing=frozenset(range(15, 20)))
    series = CandleSeries(MINUTE, rows)
    window = series.window(15 * MINUTE, start_ms=MONDAY + 15 * MINUTE, end_ms=None, limit=5)
    assert ((window[:, 0] - MONDAY) / MINUTE).tolist() == [15, 30, 45]
    late = CandleSeries(MINUTE, rows[7:])
    newest = late.window(15 * MINUTE, start_ms=None, end_ms=None, limit=10)
    assert ((newest[:, 0] - MONDAY) / MINUTE).tolist() == [15, 30, 45]  # the first quarter lacks its beginning


def test_old_candles_make_room() -> None:
    rows = candles(2_000)
    series = CandleSeries(MINUTE, rows[:1])
    for row in rows[1:]:
        series.append(tuple(row.tolist()))
    assert np.array_equal(series.closed, rows)
    assert series.last_price == rows[-1, 4]
    assert len(CandleSeries(MINUTE, np.zeros((MAX_CANDLES + 5, len(COLUMNS)))).closed) == MAX_CANDLES


def test_only_binances_intervals_are_known() -> None:
    assert interval_ms("15m") == 15 * MINUTE
    assert interval_ms("7m") is None
    assert interval_ms("") is None
