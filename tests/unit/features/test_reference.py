"""Every column equals a slow implementation of its formula that shares no code with it."""

import numpy as np
import pytest

from tests.unit.features.candles import Array, Candles, random_candles, recorded_candles
from tests.unit.features.reference import REFERENCES, Past
from tests.unit.features.reference.shapes import new_york_trades
from trader.features import COLUMNS, WARM_UP, compute_matrix

SAMPLES = 12


def test_every_column_has_a_reference() -> None:
    assert set(REFERENCES) == set(COLUMNS)


def rows_of(candles: Candles, timeframe: str, seed: int) -> tuple[Array, list[Past]]:
    """Some rows and what was known at them."""
    matrix = candles.matrix(timeframe)
    chosen = np.random.default_rng(seed).choice(np.arange(WARM_UP, len(matrix)), SAMPLES, replace=False)
    return matrix[chosen], [Past(candles.part(None, i + 1), int(timeframe[:-1])) for i in chosen]


def assert_all_agree(rows: Array, pasts: list[Past]) -> None:
    spread = {name: float(np.std(rows[:, i])) for i, name in enumerate(COLUMNS)}
    for position, name in enumerate(COLUMNS):
        expected = [float(REFERENCES[name](past)) for past in pasts]
        close = pytest.approx(expected, rel=1e-8, abs=1e-8 * (spread[name] or 1.0))
        assert rows[:, position].tolist() == close, name


@pytest.mark.parametrize(("timeframe", "seed"), [("1m", 3), ("5m", 4)])
def test_columns_equal_their_formulas(timeframe: str, seed: int) -> None:
    assert_all_agree(*rows_of(random_candles(3_000, timeframe=timeframe, seed=seed), timeframe, seed))


@pytest.mark.recorded
@pytest.mark.parametrize("series", ["binance/BTCUSDT-1m", "binance/DOGEUSDT-5m", "binance_usdm/XRPUSDT-5m"])
def test_columns_equal_their_formulas_on_recorded_candles(series: str) -> None:
    assert_all_agree(*rows_of(recorded_candles(series, 4_000), series[-2:], 5))


def test_new_york_hours_follow_summer_time() -> None:
    """Every hour of three years, two of them with the change in another week of the month."""
    half_hour = 1_800_000
    opened = np.arange(1_672_531_200_000, 1_767_225_600_000, half_hour)
    ones = np.ones(len(opened))
    matrix = compute_matrix(opened, ones, ones, ones, ones, ones, "30m", higher_timeframes=("1h", "4h"))
    ours = matrix[WARM_UP:, COLUMNS.index("is_market_open_hours")]
    candles = Candles(opened, ones, ones, ones, ones, ones)
    for i in range(WARM_UP, len(opened), 7):
        last = Candles(*(column[i : i + 1] for column in candles))
        assert ours[i - WARM_UP] == new_york_trades(Past(last, 30)), opened[i]
