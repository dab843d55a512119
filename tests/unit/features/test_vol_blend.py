"""The volatility that stops are measured by: a day and a month, wherever the series began."""

import math

import msgspec
import numpy as np
import pytest

from tests.kit.builders import a_context
from tests.unit.features.candles import Candles, random_candles
from trader.domain.signals import MarketContext
from trader.features import COLUMNS
from trader.features.families.variance import keep_share

MINUTE = 60_000
HOUR = 60 * MINUTE


def blend(candles: Candles, timeframe: str) -> float:
    return float(candles.matrix(timeframe)[-1, COLUMNS.index("vol_blend")])


def moving(moves: list[float], timeframe_ms: int) -> Candles:
    """Candles whose closes move by `moves` (log returns)."""
    close = 100 * np.exp(np.cumsum(moves))
    opened = np.concatenate(([100.0], close[:-1]))
    count = len(moves)
    return Candles(
        np.arange(count) * timeframe_ms, opened, np.maximum(opened, close), np.minimum(opened, close), close,
        np.ones(count),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("base_ms", "days", "span"),
    [(15 * MINUTE, 1, 96), (15 * MINUTE, 30, 2_880), (4 * HOUR, 1, 20), (4 * HOUR, 30, 180)],
)
def test_a_weight_falls_by_the_span_of_its_period(base_ms: int, days: int, span: int) -> None:
    assert keep_share(base_ms, days) == pytest.approx(1 - 2 / (span + 1))


def test_moves_of_one_size_are_their_own_volatility() -> None:
    """1 % each quarter of an hour: 35,040 of them a year."""
    assert blend(moving([0.01, -0.01] * 1_250, 15 * MINUTE), "15m") == pytest.approx(0.01 * math.sqrt(35_040))


def test_one_move_counts_by_its_age() -> None:
    """A single 5 %, 96 candles of 15m ago; all other candles are flat."""
    moves = [0.0] * 2_500
    moves[-97] = 0.05

    def share(span: int) -> float:
        keep = 1 - 2 / (span + 1)
        return keep**96 * (1 - keep) / (1 - keep**2_000)

    expected = 0.05 * (0.7 * math.sqrt(share(96)) + 0.3 * math.sqrt(share(2_880))) * math.sqrt(35_040)
    assert blend(moving(moves, 15 * MINUTE), "15m") == pytest.approx(expected, rel=1e-9)


def test_what_is_older_than_the_warm_up_is_forgotten() -> None:
    long = random_candles(5_000, seed=5)
    for count in (2_001, 2_300, 4_000):
        assert blend(long.part(-count, None), "1m") == pytest.approx(blend(long, "1m"), rel=1e-9)


def test_a_context_of_before_is_measured_as_it_was() -> None:
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(a_context(hist_vol_20=0.4)))
    del kept["vol_blend"]
    assert msgspec.convert(kept, MarketContext).annual_vol == 0.4
    assert msgspec.structs.replace(a_context(hist_vol_20=0.4), vol_blend=0.3).annual_vol == 0.3
