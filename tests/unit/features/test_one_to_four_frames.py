"""One to four higher timeframes: each adds its columns and changes no other; batch and stream agree."""

import numpy as np
import pytest

from tests.unit.features.candles import random_candles
from tests.unit.features.test_drivers import Array, stream_rows
from trader.config.market import MarketSettings
from trader.domain.candle_arrays import CandleArrays
from trader.domain.errors import Misconfigured
from trader.features import COLUMNS, FEATURE_SET_HASH, FeatureStream, column_names, compute_matrix, feature_set_hash
from trader.features.market import MarketStream, compute_market

FRAMES = [("15m",), ("15m", "1h"), ("15m", "1h", "5m"), ("5m", "15m", "30m", "1h")]
OF_ONE = 8  # columns of one higher timeframe


@pytest.fixture(scope="module")
def usual() -> dict[str, Array]:
    """Every column with the usual two, by name."""
    return dict(zip(COLUMNS, random_candles(2_300).matrix("1m").T, strict=True))


@pytest.mark.parametrize("frames", FRAMES)
def test_a_timeframe_adds_its_columns_and_changes_no_other(frames: tuple[str, ...], usual: dict[str, Array]) -> None:
    matrix = compute_matrix(*random_candles(2_300), "1m", higher_timeframes=frames)
    names = column_names(frames)
    assert matrix.shape == (2_300, len(COLUMNS) + (len(frames) - 2) * OF_ONE)
    for name, column in zip(names, matrix.T, strict=True):
        assert np.isfinite(column[2_000:]).all(), name
        if name in usual:
            assert np.array_equal(column, usual[name], equal_nan=True), name
    assert {name for name in names if name not in usual} == {
        f"{what}_{frame}"
        for frame in frames
        if frame not in ("15m", "1h")
        for what in ("rsi", "ma", "rsi_simple", "ma_dist", "return_1", "return_5", "range_position", "atr_frac")
    }


@pytest.mark.parametrize("frames", FRAMES)
def test_each_is_what_it_is_alone(frames: tuple[str, ...]) -> None:
    candles = random_candles(2_300)
    together = dict(zip(column_names(frames), compute_matrix(*candles, "1m", higher_timeframes=frames).T, strict=True))
    for frame in frames:
        alone = dict(
            zip(column_names((frame,)), compute_matrix(*candles, "1m", higher_timeframes=(frame,)).T, strict=True)
        )
        for name in (f"rsi_{frame}", f"return_5_{frame}", f"atr_frac_{frame}"):
            assert np.array_equal(together[name], alone[name], equal_nan=True)


@pytest.mark.parametrize("frames", FRAMES)
def test_the_stream_is_the_batch(frames: tuple[str, ...]) -> None:
    candles = random_candles(2_200)
    first = FeatureStream("1m", higher_timeframes=frames)
    stream_rows(first, candles.part(0, 2_100))
    second = FeatureStream("1m", higher_timeframes=frames)
    second.restore(first.snapshot())
    rows = stream_rows(second, candles.part(2_100))
    assert np.array_equal(np.array(rows), compute_matrix(*candles, "1m", higher_timeframes=frames)[2_100:])
    assert first.columns == column_names(frames)


@pytest.mark.parametrize("frames", FRAMES)
def test_groups_follow_whatever_the_frames_are(frames: tuple[str, ...]) -> None:
    """Ranks are made of columns behind those of the frames; the leader's come from the same step."""
    candles = {name: CandleArrays(*random_candles(2_010, seed=n)) for n, name in enumerate(("BTC", "ETH", "SOL"), 1)}
    usual = compute_market(candles, "1m", ("leader", "peers"))["ETH"]
    matrix = compute_market(candles, "1m", ("leader", "peers"), higher_timeframes=frames)["ETH"]
    stream = MarketStream("1m", list(candles), ("leader", "peers"), higher_timeframes=frames)
    width = len(stream.columns)
    groups = matrix.shape[1] - len(column_names(frames))
    assert matrix.shape[1] == width
    assert groups > 0
    assert np.array_equal(matrix[:, -groups:], usual[:, -groups:], equal_nan=True)


def test_models_of_before_fit_the_usual_two() -> None:
    assert feature_set_hash(("15m", "1h")) == FEATURE_SET_HASH
    assert len({feature_set_hash(frames) for frames in FRAMES}) == len(FRAMES)


@pytest.mark.parametrize("frames", [(), ("5m", "15m", "30m", "1h", "4h"), ("1h", "1h")])
def test_none_and_five_and_one_twice_are_refused_where_they_are_read(frames: tuple[str, ...]) -> None:
    with pytest.raises(Misconfigured, match="one to four"):
        FeatureStream("1m", higher_timeframes=frames)
    with pytest.raises(ValueError, match=r"one to four that differ"):
        MarketSettings(higher_timeframes=frames)


@pytest.mark.parametrize("frames", FRAMES)
def test_what_is_read_is_what_runs(frames: tuple[str, ...]) -> None:
    settings = MarketSettings(higher_timeframes=frames)
    assert FeatureStream(settings.timeframe, higher_timeframes=settings.higher_timeframes).higher_timeframes == frames
