"""The rules every feature obeys, on real-looking, recorded and invented series."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.features.candles import Array, Candles, random_candles, recorded_candles
from trader.domain.candle_arrays import CandleArrays
from trader.features import (
    CATALOGUE,
    COLUMNS,
    MODEL_INPUTS,
    WARM_UP,
    Feature,
    FeatureStream,
    catalogue,
    compute_market,
)

INPUTS = [COLUMNS.index(name) for name in MODEL_INPUTS]


def with_future(candles: Candles, start: int) -> Candles:
    """The same until `start`, then something entirely different."""
    changed = random_candles(len(candles.close), seed=99, volatility=0.02)
    return Candles(
        candles.open_ms,
        *(np.concatenate((old[:start], new[start:])) for old, new in zip(candles[1:], changed[1:], strict=True)),
    )


def test_no_feature_sees_the_future() -> None:
    candles = random_candles(2_400)
    known = candles.matrix("1m")
    for start in (2_001, 2_160, 2_399):
        changed = with_future(candles, start).matrix("1m")
        assert np.array_equal(known[WARM_UP:start], changed[WARM_UP:start])
        assert not np.array_equal(known[start], changed[start])


@pytest.mark.parametrize(("price", "volume"), [(1024.0, 1.0), (1.0, 1024.0), (2.0**-10, 2.0**12)])
def test_model_inputs_have_no_scale(price: float, volume: float) -> None:
    candles = random_candles(2_600)
    assert np.array_equal(
        candles.matrix("1m")[WARM_UP:, INPUTS], candles.scaled(price, volume).matrix("1m")[WARM_UP:, INPUTS]
    )


def residual_in_deviations(candles: Candles, timeframe: str, starts: tuple[int, ...]) -> Array:
    """Largest difference between series with different starts, past their warm-up, per model input."""
    whole = candles.matrix(timeframe)[:, INPUTS]
    spread = np.nanstd(whole, axis=0)
    spread[spread == 0] = 1.0
    worst = np.zeros(len(INPUTS))
    for start in starts:
        late = candles.part(start).matrix(timeframe)[WARM_UP:, INPUTS]
        worst = np.maximum(worst, np.max(np.abs(late - whole[start + WARM_UP :]) / spread, axis=0))
    return worst


def test_the_start_is_forgotten_after_the_warm_up() -> None:
    worst = residual_in_deviations(random_candles(6_000), "1m", (1, 7, 500, 1_777))
    assert dict(zip(MODEL_INPUTS, worst, strict=True)) == pytest.approx(dict.fromkeys(MODEL_INPUTS, 0.0), abs=1e-6)


@pytest.mark.recorded
@pytest.mark.parametrize("name", ["binance/BTCUSDT-1m", "binance/SUIUSDT-5m", "binance/ZECUSDT-5m"])
def test_the_start_is_forgotten_on_recorded_candles(name: str) -> None:
    worst = residual_in_deviations(recorded_candles(name, 16_000), name[-2:], (1, 333, 4_000, 10_000))
    assert dict(zip(MODEL_INPUTS, worst, strict=True)) == pytest.approx(dict.fromkeys(MODEL_INPUTS, 0.0), abs=1e-6)


def assert_in_range(rows: Array, entries: tuple[Feature, ...] = CATALOGUE) -> None:
    """Finite, and within what the catalogue declares, up to rounding."""
    assert np.isfinite(rows).all()
    assert rows.shape[1] == len(entries)
    for position, entry in enumerate(entries):
        low, high = entry.range[0] - 1e-9, entry.range[1] + 1e-9
        column = rows[:, position]
        assert low <= column.min(), (entry.name, column.min())
        assert column.max() <= high, (entry.name, column.max())


@pytest.mark.recorded
@pytest.mark.parametrize(
    "name",
    [
        *(f"binance/{symbol}-5m" for symbol in ("BTCUSDT", "ETHUSDT", "SUIUSDT", "INJUSDT", "ZECUSDT", "ADAUSDT")),
        "binance/BTCUSDT-1m",
        "binance_2020_2021/XRPUSDT-5m",
        "binance_2024/SOLUSDT-5m",
        "binance_usdm/DOGEUSDT-5m",
        "binanceus_202303/BTCUSDC-1m",
        "binanceus_202303/BTCUSD-1m",
    ],
)
def test_recorded_candles_stay_in_the_declared_ranges(name: str) -> None:
    """Together more than 800,000 rows past their warm-up."""
    assert_in_range(recorded_candles(name).matrix(name[-2:])[WARM_UP:])


@pytest.mark.recorded
def test_groups_on_recorded_candles_stay_in_the_declared_ranges() -> None:
    """Six markets through the crash of 2025-10-10 and the weeks before."""
    symbols = ("BTCUSDT", "ETHUSDT", "SUIUSDT", "INJUSDT", "ZECUSDT", "ADAUSDT")
    candles = {symbol: CandleArrays(*recorded_candles(f"binance/{symbol}-5m").part(-20_000)) for symbol in symbols}
    groups = ("leader", "peers")
    entries = catalogue(groups=groups)
    for matrix in compute_market(candles, "5m", groups).values():
        assert_in_range(matrix[WARM_UP:], entries)


SHAPES = st.sampled_from(["walk", "flat", "silent", "crash", "jump", "ticks", "gaps", "holes"])


def invented(shapes: list[str], seed: int) -> Candles:
    """Ordinary candles for the warm-up, then one stretch of each shape."""
    head = random_candles(WARM_UP - 100, seed=seed)
    rng = np.random.default_rng(seed)
    price = float(head.close[-1])
    rows: list[tuple[float, float, float, float, float, float]] = []
    opened = float(head.open_ms[-1])
    for shape in shapes:
        for step in range(60):
            # "gaps": the candle opens away from the last close; "holes": candles are missing
            open_ = price * float(np.exp(rng.normal(0, 0.01))) if shape == "gaps" else price
            opened += 60_000 * (1 + int(rng.integers(0, 40)) if shape == "holes" and step % 10 == 0 else 1)
            if shape == "crash" and step == 10:
                price *= 0.5
            elif shape == "jump" and step == 10:
                price *= 3.0
            elif shape == "ticks":
                price = max(0.01, round(price) + float(rng.integers(-1, 2)))
            elif shape in ("walk", "silent", "gaps", "holes"):
                price *= float(np.exp(rng.normal(0, 0.003)))
            volume = 0.0 if shape in ("flat", "silent") else float(rng.exponential(10))
            wick = 0.0 if shape == "flat" else float(rng.exponential(0.001))
            rows.append((opened, open_, max(open_, price) * (1 + wick), min(open_, price) / (1 + wick), price, volume))
    tail = np.array(rows)
    columns = [np.concatenate((old, new)) for old, new in zip(head, tail.T, strict=True)]
    return Candles(columns[0].astype(np.int64), *columns[1:])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(SHAPES, min_size=3, max_size=8), st.integers(0, 2**31))
def test_invented_series_give_finite_rows_in_range_and_the_same_in_both_drivers(shapes: list[str], seed: int) -> None:
    candles = invented(shapes, seed)
    matrix = candles.matrix("1m")
    given = ~np.isnan(matrix[:, 0])
    assert_in_range(matrix[given])
    stream = FeatureStream("1m")
    rows = [stream.update(*values) for values in zip(*(column.tolist() for column in candles), strict=True)]
    assert [row is not None for row in rows] == given.tolist()
    assert np.array_equal(np.array([row for row in rows if row is not None]), matrix[given])


def test_a_long_hole_gives_finite_rows_in_range() -> None:
    """Four and a half thousand flat candles: means decay by hundreds of orders of magnitude and nothing breaks."""
    before, after = random_candles(2_100), random_candles(500, seed=2)
    hole_ms = 4_500 * 60_000
    opened = np.concatenate((before.open_ms, before.open_ms[-1] + 60_000 + hole_ms + np.arange(500) * 60_000))
    joined = Candles(opened, *(np.concatenate(pair) for pair in zip(before[1:], after[1:], strict=True)))
    assert_in_range(joined.matrix("1m")[WARM_UP:])


@pytest.mark.parametrize("price", [2.0**-40, 2.0**30])
def test_tiny_and_huge_prices_are_fine(price: float) -> None:
    assert_in_range(random_candles(2_300).scaled(price / 64, 1.0).matrix("1m")[WARM_UP:])
