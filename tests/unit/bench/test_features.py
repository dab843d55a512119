"""The benchmark measures something; how fast it is no test may ask."""

import sys

import numpy as np
import pandas as pd
import pytest

from tests.unit.features.candles import random_candles
from trader.bench.features import measure
from trader.bench.rivals import pandas_columns, talib_columns
from trader.features import COLUMNS, WARM_UP


def test_measure_reports_every_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "talib", None)  # as if it were not installed
    numbers = measure(4_500)
    assert {"stream_p50_us", "batch_candles_per_s", "close_p50_ms", "compile_s", "rivals"} <= set(numbers)
    rivals = numbers.pop("rivals")
    assert "pip install TA-Lib" in rivals["talib"]
    pandas = rivals["pandas"]
    ratios = [*pandas.pop("times_ours").values(), *pandas.pop("times_ours_per_column").values()]
    assert all(value > 0 for value in [*numbers.values(), *pandas.values(), *ratios])


def test_pandas_is_timed_at_making_the_same_columns() -> None:
    candles = random_candles(4_000)
    frame = pd.DataFrame(candles._asdict())
    matrix = candles.matrix("1m")
    for name, theirs in pandas_columns(frame).items():
        expected = theirs.to_numpy()[WARM_UP:]
        ours = matrix[WARM_UP:, COLUMNS.index(name)]
        if name.startswith("hist_vol"):
            expected = expected * np.sqrt(365 * 24 * 60)
        if name == "obv":
            expected = expected + ours[0] - expected[0]
        assert ours.tolist() == pytest.approx(expected.tolist(), rel=1e-6, abs=1e-6), name


def test_talib_is_timed_at_columns_of_the_catalogue() -> None:
    pytest.importorskip("talib", reason="TA-Lib is not installed; it is an oracle for tests only")
    assert set(talib_columns(*random_candles(600)[1:])) <= set(COLUMNS)
