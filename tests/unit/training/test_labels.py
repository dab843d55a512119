"""Labels: the return, the barriers and the weights, on candles small enough to check by hand."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.config.risk import AtTarget, RiskSettings
from trader.domain.candle_arrays import CandleArrays
from trader.training.labels import (
    LABEL_LIMIT,
    Distances,
    barrier_outcome,
    forward_return,
    likeness_of_symbols,
    scaled_return,
    uniqueness,
)


def candles(*rows: tuple[float, float, float, float]) -> CandleArrays:
    """(open, high, low, close)"""
    opens, highs, lows, closes = (np.array(column, np.float64) for column in zip(*rows, strict=True))
    return CandleArrays(np.arange(len(rows)) * 60_000, opens, highs, lows, closes, np.ones(len(rows)))


FLAT = (100.0, 100.0, 100.0, 100.0)
BARRIERS = RiskSettings(partial_frac=0.0, partial_at_r=100.0, at_target=AtTarget.CLOSE)
"""Nothing but a stop and a target."""


def distances(n: int, stop: float = 0.02, r: float = 0.01, target: float = 0.04) -> Distances:
    return Distances(*(np.full(n, each) for each in (stop, r, target)))


def outcome(
    made: CandleArrays, horizon: int = 2, side: int = 1, cost: float = 0.0, settings: RiskSettings = BARRIERS
) -> tuple[Any, int]:
    found = barrier_outcome(made, distances(len(made.close)), horizon, cost, settings, side=side)
    return float(found.net[0]), int(found.exit_candle[0])


def test_the_forward_return_ends_after_the_horizon() -> None:
    close = np.array([1.0, 2.0, 4.0, 8.0])
    assert forward_return(close, 2)[:2].tolist() == pytest.approx([np.log(4), np.log(4)])
    assert np.isnan(forward_return(close, 2)[2:]).all()
    assert np.isnan(forward_return(close, 9)).all()


def test_the_scaled_return_is_clipped_and_in_units_of_volatility() -> None:
    close = np.array([100.0, 101.0, 150.0])
    atr = np.full(3, 1.0)
    expected = np.log(1.01) / (0.01 * np.sqrt(np.pi / 8))
    found = scaled_return(close, atr, 1)
    assert found[0] == pytest.approx(expected)
    assert found[1] == LABEL_LIMIT


def test_time_runs_out() -> None:
    assert outcome(candles(FLAT, FLAT, (100, 101, 100, 101))) == (pytest.approx(0.01), 2)


def test_costs_turn_a_small_gain_into_a_loss() -> None:
    assert outcome(candles(FLAT, FLAT, (100, 101, 100, 101)), cost=0.012)[0] == pytest.approx(-0.002)


def test_the_stop_fills_at_its_price() -> None:
    assert outcome(candles(FLAT, (100, 100, 97, 99), (99, 110, 99, 110))) == (pytest.approx(-0.02), 1)


def test_a_gap_through_the_stop_fills_at_the_open() -> None:
    assert outcome(candles(FLAT, (95, 96, 94, 96), FLAT)) == (pytest.approx(-0.05), 1)


def test_the_target_fills_at_its_price_and_beyond_a_gap_at_the_open() -> None:
    assert outcome(candles(FLAT, (101, 111, 101, 110), FLAT)) == (pytest.approx(0.04), 1)
    assert outcome(candles(FLAT, (110, 111, 109, 110), FLAT)) == (pytest.approx(0.10), 1)


def test_inside_one_candle_the_stop_counts_first() -> None:
    assert outcome(candles(FLAT, (100, 120, 90, 100), FLAT)) == (pytest.approx(-0.02), 1)


def test_a_short_trade_is_the_mirror() -> None:
    assert outcome(candles(FLAT, (100, 103, 100, 100), FLAT), side=-1) == (pytest.approx(-0.02), 1)
    assert outcome(candles(FLAT, (100, 100, 95, 100), FLAT), side=-1) == (pytest.approx(0.04), 1)
    assert outcome(candles(FLAT, FLAT, (100, 100, 99, 99)), side=-1) == (pytest.approx(0.01), 2)


def test_what_is_not_over_yet_is_not_known() -> None:
    found = barrier_outcome(candles(FLAT, FLAT, FLAT), distances(3), 2, 0.0, BARRIERS)
    assert np.isnan(found.net).tolist() == [False, True, True]


LADDERS: dict[str, tuple[list[tuple[float, float, float, float]], float, int]] = {
    # R is 1 %, the stop 5 % away, the target 4 %; what is left after three candles is sold at 100.5
    "half at 2 R, the rest at the end": (
        [(100, 102.5, 99, 101), (101, 101, 100.5, 100.5)],
        0.5 * 0.02 + 0.5 * 0.005,
        3,
    ),
    "half at 2 R, the rest back at the entry": ([(100, 102.5, 99, 101), (101, 101, 98, 99)], 0.5 * 0.02, 2),
    "half at an open beyond 2 R": ([(103, 103, 101, 101)], 0.5 * 0.03 + 0.5 * 0.005, 3),
    # the target is reached at 104, the best price is 106: the stop is 106 x 0.985
    "the rest trails and is caught": ([(100, 106, 100, 104)], 0.5 * 0.02 + 0.5 * (106 * 0.985 / 100 - 1), 1),
    "the rest trails and is caught later": (
        [(100, 106, 100, 105), (105, 105, 104, 104)],
        0.5 * 0.02 + 0.5 * (106 * 0.985 / 100 - 1),
        2,
    ),
    "short of the target nothing trails": ([(100, 103.9, 100, 101)], 0.5 * 0.02 + 0.5 * 0.005, 3),
    # closes at 101.5: the stop follows to 101.5 x 0.95
    "the stop follows the close": ([(100, 101.6, 100, 101.5), (101.5, 101.5, 96, 96)], 101.5 * 0.95 / 100 - 1, 2),
    "the stop's own width": ([(100, 100, 94, 97)], -0.05, 1),
    "an open beyond the stop": ([(93, 94, 92, 93)], -0.07, 1),
}


@pytest.mark.parametrize("name", LADDERS)
def test_a_ladder_worked_by_hand(name: str) -> None:
    path, expected, last = LADDERS[name]
    rest = [(100.5, 100.5, 100.5, 100.5)] * (4 - len(path))
    made = candles(FLAT, *path, *rest)
    found = barrier_outcome(made, distances(len(made.close), stop=0.05), 3, 0.0, RiskSettings())
    assert (found.net[0], found.exit_candle[0]) == (pytest.approx(expected), last)


def test_a_losing_trade_is_closed_after_its_time() -> None:
    """Two minutes: still winning then, it is closed when it falls below the entry; losing then, at that close."""
    risk = RiskSettings(losing_time_exit_h=2 / 60)
    above, below = (100.0, 101.0, 100.0, 101.0), (100.0, 100.0, 99.0, 99.0)
    later = candles(FLAT, above, above, (100.5, 101.0, 99.5, 99.6), FLAT, FLAT)
    then = candles(FLAT, below, below, below, FLAT, FLAT)
    for made, expected, last in ((later, 0.0, 3), (then, -0.01, 2)):
        found = barrier_outcome(made, distances(6, stop=0.05), 4, 0.0, risk)
        assert (found.net[0], found.exit_candle[0]) == (pytest.approx(expected), last)


@given(st.integers(0, 10_000))
def test_a_long_trade_never_leaves_its_barriers_except_by_a_gap(seed: int) -> None:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, 60)))
    opens = np.concatenate(([100.0], close[:-1])) * np.exp(rng.normal(0, 0.002, 60))
    high, low = np.maximum(opens, close) * 1.003, np.minimum(opens, close) * 0.997
    made = CandleArrays(np.arange(60), opens, high, low, close, np.ones(60))
    found = barrier_outcome(made, distances(60, target=0.03), 10, 0.001, BARRIERS)
    known = np.flatnonzero(np.isfinite(found.net))
    gross = found.net[known] + 0.001
    opened = opens[found.exit_candle[known]] / close[known] - 1
    assert (gross <= np.maximum(0.03, opened) + 1e-12).all()
    assert (found.exit_candle[known] - known <= 10).all()
    assert (gross >= np.minimum(-0.02, opened) - 1e-12).all()


def test_uniqueness_is_the_share_of_time_a_label_has_for_itself() -> None:
    start = np.array([0, 1, 2, 100], np.int64)
    end = np.array([2, 3, 4, 102], np.int64)
    one = np.zeros(4, np.int64)
    assert uniqueness(start, end, one).tolist() == pytest.approx([0.75, 0.5, 0.75, 1.0])
    assert uniqueness(start, end, np.arange(4)).tolist() == [1, 1, 1, 1]


def test_overlapping_labels_of_one_symbol_share_their_weight() -> None:
    start = np.arange(200, dtype=np.int64)
    weights = uniqueness(start, start + 16, np.zeros(200, np.int64))
    assert weights[50:150] == pytest.approx(1 / 16)


def test_labels_of_like_symbols_share_their_weight_too() -> None:
    start = np.repeat(np.arange(200, dtype=np.int64), 3)
    symbol = np.tile(np.arange(3), 200)
    apart, alike, half = (uniqueness(start, start + 16, symbol, likeness)[150:450] for likeness in (0.0, 1.0, 0.5))
    assert apart == pytest.approx(1 / 16)
    assert alike == pytest.approx(1 / 48)
    assert half == pytest.approx(1 / 32)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_likeness_is_the_correlation_across_symbols(share: float) -> None:
    rng = np.random.default_rng(0)
    common = rng.normal(size=(20_000, 1))
    y = np.sqrt(share) * common + np.sqrt(1 - share) * rng.normal(size=(20_000, 4))
    found = likeness_of_symbols(y.ravel(), np.repeat(np.arange(20_000), 4))
    assert found == pytest.approx(share, abs=0.02)


def test_one_symbol_is_like_no_other() -> None:
    assert likeness_of_symbols(np.arange(5.0), np.arange(5)) == 0
