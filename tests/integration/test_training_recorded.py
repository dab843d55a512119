"""On real recorded markets: the compiled ensemble equals its libraries, and nothing is too good to be true."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.kit.fitted import of_one
from trader.adapters.parquet.candles import RecordedCandles
from trader.bench.libraries import compiled_of
from trader.config.market import MarketSettings
from trader.config.model import ModelSettings
from trader.config.schema import Settings
from trader.domain.reasons import Code
from trader.training.dataset import build_dataset, sampled
from trader.training.ensemble import StackedEnsemble
from trader.training.fit import train
from trader.training.members import make_member
from trader.training.profiles import EXACT, Member

pytestmark = [
    pytest.mark.recorded,
    pytest.mark.skipif("TRADER_DATA" not in os.environ, reason="TRADER_DATA is not set"),
]
SETTINGS = Settings(
    market=MarketSettings(timeframe="15m", higher_timeframes=("1h", "4h")), model=ModelSettings(profile="quick")
)
SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT")


@pytest.fixture(scope="module")
def candles() -> Any:
    recorded = RecordedCandles(Path(os.environ["TRADER_DATA"]) / "candles" / "binance")
    return {symbol: recorded.read_arrays(symbol, "15m").take(slice(-6_000, None)) for symbol in SYMBOLS}


@pytest.fixture(scope="module")
def table(candles: Any) -> Any:
    return build_dataset(candles, SETTINGS)


@pytest.mark.parametrize("name", list(EXACT.members))
def test_the_full_parameters_compiled_equal_the_library_over_10_000_real_rows(name: str, table: Any) -> None:
    member = EXACT.members[name]
    if member.kind == "mlp":  # fewer rounds: they change weights, not structure
        member = Member("mlp", {**member.parameters, "max_iter": 5})
    few = sampled(table, 1_500)
    ensemble = of_one(name, make_member(member, 42).fit(few.X, few.y), few.X.shape[1])
    compiled = compiled_of(ensemble, few.X)
    rows = table.X[:10_000]
    assert len(rows) == 10_000
    np.testing.assert_allclose(compiled.predict_members(rows), ensemble.predict_members(rows), rtol=0, atol=1e-6)
    np.testing.assert_allclose(compiled.predict(rows), ensemble.predict(rows), rtol=0, atol=1e-6)


def test_real_returns_raise_no_leak_alarm_and_no_claim(candles: Any) -> None:
    trained = train(candles, SETTINGS)
    assert trained.evaluation.leaks == ()
    assert trained.manifest.info.verdict == "observe"
    assert abs(trained.ensemble.scores_.ic) < 0.15


def test_a_leak_is_noticed(table: Any) -> None:
    """One column that knows half of the future raises the alarm."""
    from trader.training.evaluate import leak_alarms

    few = sampled(table, 2_000)
    rng = np.random.default_rng(0)
    X = np.column_stack((few.X, few.y + rng.normal(size=len(few.y))))
    ensemble = StackedEnsemble("quick").fit(X, few.y, label_start=few.start_ms, label_end=few.end_ms)
    assert any((alarm.code, alarm.about) == (Code.LEAK_ALARM, "ic") for alarm in leak_alarms(ensemble.scores_))
