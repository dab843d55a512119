"""Batch and stream are two drivers of one step."""

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.unit.features.candles import Candles, random_candles, recorded_candles
from trader.domain.errors import Misconfigured
from trader.domain.signals import CONTEXT_COLUMNS
from trader.features import (
    COLUMNS,
    MODEL_INPUTS,
    WARM_UP,
    FeatureStream,
    column_names,
    compute_features,
    feature_set_hash,
    warm_up,
)

Array = np.ndarray[Any, np.dtype[Any]]


def stream_rows(stream: FeatureStream, candles: Candles) -> list[Array | None]:
    columns = (column.tolist() for column in candles)
    return [stream.update(*values) for values in zip(*columns, strict=True)]


def test_stream_equals_batch_bit_for_bit() -> None:
    candles = random_candles(2_600)
    batch = candles.matrix("1m")
    rows = stream_rows(FeatureStream("1m"), candles)
    assert all(row is None for row in rows[:WARM_UP])
    assert np.array_equal(np.array(rows[WARM_UP:]), batch[WARM_UP:])
    assert np.isnan(batch[:WARM_UP]).all()
    assert np.isfinite(batch[WARM_UP:]).all()


@pytest.mark.recorded
@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT", "SOLUSDT", "DOGEUSDT", "SUIUSDT", "ZECUSDT"])
def test_stream_equals_batch_on_recorded_candles(symbol: str) -> None:
    candles = recorded_candles(f"binance/{symbol}-5m", 4_000)
    rows = stream_rows(FeatureStream("5m"), candles)
    assert np.array_equal(np.array(rows[WARM_UP:]), candles.matrix("5m")[WARM_UP:])


def test_a_restored_stream_goes_on_as_if_nothing_had_happened() -> None:
    candles = random_candles(2_300)
    whole = stream_rows(FeatureStream("1m"), candles)
    first, second = FeatureStream("1m"), FeatureStream("1m")
    stream_rows(first, candles.part(0, 2_100))
    second.restore(first.snapshot())
    stream_rows(first, candles.part(2_100, 2_200))  # the saved state is a copy
    assert second.last_open_ms == candles.open_ms[2_099]
    assert np.array_equal(np.array(stream_rows(second, candles.part(2_100))), np.array(whole[2_100:]))


def test_a_snapshot_fits_its_own_timeframe_only() -> None:
    saved = FeatureStream("1m").snapshot()
    with pytest.raises(ValueError, match="does not fit"):
        FeatureStream("5m").restore(saved)
    with pytest.raises(ValueError, match="not a feature snapshot"):
        FeatureStream("1m").restore(b"\x00")


def test_missing_candles_are_flat_ones_without_volume() -> None:
    candles = random_candles(2_200)
    missing = slice(2_050, 2_060)
    filled = Candles(*(column.copy() for column in candles))
    for prices in filled[1:5]:
        prices[missing] = candles.close[2_049]
    filled.volume[missing] = 0.0
    keep = np.r_[0:2_050, 2_060:2_200]
    with_hole = Candles(*(column[keep] for column in candles))
    assert np.array_equal(with_hole.matrix("1m")[WARM_UP:], filled.matrix("1m")[keep][WARM_UP:])


GOOD = {"open": 100.0, "high": 101.0, "low": 99.5, "close": 100.5, "volume": 5.0}
BAD: list[tuple[str, int, dict[str, float]]] = [
    ("no later", 0, {}),  # twice the same
    ("no later", -60_000, {}),  # out of order
    ("whole number of candles", 90_000, {}),
    ("start a new series", 60_000 * 10_000, {}),
    ("not finite", 60_000, {"close": np.nan}),
    ("not finite", 60_000, {"volume": np.inf}),
    ("not above 0", 60_000, {"low": 0.0}),
    ("not above 0", 60_000, {"low": -99.0}),
    ("negative volume", 60_000, {"volume": -1.0}),
    ("low <= open, close <= high", 60_000, {"high": 99.0}),  # below the low
    ("low <= open, close <= high", 60_000, {"close": 102.0}),
]


@pytest.mark.parametrize(("reason", "open_ms", "change"), BAD)
def test_candles_that_cannot_be_are_refused_with_row_and_reason(
    reason: str, open_ms: int, change: dict[str, float]
) -> None:
    bad = {**GOOD, **change}
    frame = pd.DataFrame([GOOD, bad, GOOD], index=pd.Index([0, open_ms, 120_000_000_000]))
    with pytest.raises(ValueError, match=f"row 1 .*{reason}"):
        compute_features(frame, "1m")
    stream = FeatureStream("1m")
    stream.update(0, *GOOD.values())
    before = stream.snapshot()
    with pytest.raises(ValueError, match=reason):
        stream.update(open_ms, *bad.values())
    assert stream.snapshot() == before


def test_what_is_no_candle_frame_is_refused_by_name() -> None:
    frame = pd.DataFrame([GOOD, GOOD, GOOD], index=pd.Index([0, 60_000, 120_000]))
    with pytest.raises(ValueError, match="column 'volume' is missing"):
        compute_features(frame.drop(columns="volume"), "1m")
    with pytest.raises(ValueError, match=r"row 1 .*not finite"):
        compute_features(frame.assign(close=[100.5, "a word", 100.5]), "1m")
    with pytest.raises(ValueError, match=r"peer ETH: candle in row 2 .*not above 0"):
        compute_features(frame, "1m", peers={"ETH": frame.assign(low=[99.5, 99.5, -1.0])})


def test_a_frame_keeps_its_index_and_takes_times_from_index_or_column() -> None:
    candles = random_candles(2_010)
    matrix = candles.matrix("1m")
    frame = pd.DataFrame(candles._asdict()).drop(columns="open_ms")
    stamps = pd.to_datetime(candles.open_ms, unit="ms")
    for given in (
        frame.set_index(stamps),
        frame.set_index(stamps.tz_localize("UTC").as_unit("ns")),
        frame.set_index(pd.Index(candles.open_ms)),
        frame.assign(timestamp=stamps.tz_localize("UTC")),
    ):
        features = compute_features(given, "1m")
        assert features.index.equals(given.index)
        assert tuple(features.columns) == COLUMNS
        assert np.array_equal(features.to_numpy()[WARM_UP:], matrix[WARM_UP:])


def test_the_strategy_finds_its_columns_and_the_model_never_sees_levels() -> None:
    assert set(CONTEXT_COLUMNS) <= set(COLUMNS)
    assert not {"close", "atr_14", "sma_50", "ema_9", "obv", "ma_15m", "rsi_1h"} & set(MODEL_INPUTS)
    assert {"rsi_15m", "ma_15m", "rsi_1h", "ma_1h"} <= set(COLUMNS)


def test_higher_timeframes_name_their_columns() -> None:
    assert {"rsi_1h", "ma_4h"} <= set(column_names(("1h", "4h")))
    assert len(column_names(("1h", "4h"))) == len(COLUMNS)
    assert feature_set_hash(("1h", "4h")) != feature_set_hash()
    assert warm_up("5m", ("1h", "4h")) == WARM_UP
    assert warm_up("1m", ("1h", "4h")) == 23 * 240
    assert FeatureStream("1h").columns == column_names(("1h", "4h"))
    for refused in ((), ("1h", "1h"), ("1h", "7m")):
        with pytest.raises(Misconfigured, match="higher_timeframes"):
            FeatureStream("5m", higher_timeframes=refused)


def test_the_live_process_needs_no_pandas() -> None:
    code = (
        "import sys, trader.features as f; f.FeatureStream('1m').update(0, 1., 1., 1., 1., 0.);"
        "print([m for m in ('pandas', 'pyarrow', 'scipy.stats', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_one_step_of_the_whole_pipeline_works_without_a_writable_cache() -> None:
    code = (
        "from trader.features import FeatureStream\n"
        "stream = FeatureStream('1m')\n"
        "for i in range(2002): row = stream.update(i * 60_000, 1., 1., 1., 1., 0.)\n"
        "print(len(row))"
    )
    nowhere = {**os.environ, "NUMBA_CACHE_DIR": "/dev/null/nowhere"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=nowhere)
    assert int(done.stdout) == len(COLUMNS)


def test_a_cache_that_cannot_be_written_is_done_without() -> None:
    code = (
        "import os; os.environ['NUMBA_CACHE_DIR'] = '/dev/null/nowhere'\n"
        "from trader.features.compiled import entry_point\n"
        "print(entry_point(lambda x: x + 1)(1))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2"
