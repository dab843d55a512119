"""The regime: order of the tests, and no flicker."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.builders import a_context
from trader.config.strategy import StrategySettings
from trader.domain.signals import MarketContext, Regime
from trader.strategy.regime import classify

SETTINGS = StrategySettings()


@pytest.mark.parametrize(
    ("context", "regime"),
    [
        (a_context(adx=30, close=103), Regime.BULL_TREND),
        (a_context(adx=30, close=97), Regime.BEAR_TREND),
        (a_context(adx=30, close=103, hist_vol_20=0.9), Regime.BULL_TREND),  # trend is asked first
        (a_context(adx=30, close=101), Regime.RANGE_BOUND),  # inside the band
        (a_context(adx=20, close=110), Regime.RANGE_BOUND),  # no trend strength
        (a_context(hist_vol_20=0.7), Regime.HIGH_VOLATILITY),
        (a_context(hist_vol_20=0.1), Regime.LOW_VOLATILITY),
        (a_context(hist_vol_20=0.2), Regime.RANGE_BOUND),
        (a_context(adx=30, close=98), Regime.RANGE_BOUND),
        (a_context(), Regime.RANGE_BOUND),
    ],
)
def test_first_test_that_passes(context: MarketContext, regime: Regime) -> None:
    assert classify(context, None, SETTINGS) is regime


@pytest.mark.parametrize("threshold", ["adx", "hist_vol_20", "close"])
def test_values_at_the_threshold_do_not_pass(threshold: str) -> None:
    at = {"adx": 25.0, "hist_vol_20": 0.6, "close": 102.0}[threshold]
    context = msgspec.structs.replace(a_context(adx=30, close=103) if threshold != "hist_vol_20" else a_context())
    context = msgspec.structs.replace(context, **{threshold: at})
    assert classify(context, None, SETTINGS) is Regime.RANGE_BOUND


def test_a_regime_is_left_only_when_clearly_missed() -> None:
    barely = a_context(adx=23, close=101.9)
    assert classify(barely, None, SETTINGS) is Regime.RANGE_BOUND
    assert classify(barely, Regime.BULL_TREND, SETTINGS) is Regime.BULL_TREND
    assert classify(a_context(adx=22, close=101.9), Regime.BULL_TREND, SETTINGS) is Regime.RANGE_BOUND
    assert classify(a_context(hist_vol_20=0.55), Regime.HIGH_VOLATILITY, SETTINGS) is Regime.HIGH_VOLATILITY
    assert classify(a_context(hist_vol_20=0.21), Regime.LOW_VOLATILITY, SETTINGS) is Regime.LOW_VOLATILITY
    assert classify(a_context(hist_vol_20=0.23), Regime.LOW_VOLATILITY, SETTINGS) is Regime.RANGE_BOUND


def test_hysteresis_holds_only_the_regime_one_is_in() -> None:
    assert classify(a_context(adx=23, close=101.9), Regime.BEAR_TREND, SETTINGS) is Regime.RANGE_BOUND


def test_without_data_it_is_a_range() -> None:
    nothing = MarketContext(*[math.nan] * len(MarketContext.__struct_fields__))
    assert classify(nothing, Regime.BULL_TREND, SETTINGS) is Regime.RANGE_BOUND


@given(st.floats(0, 100), st.floats(50, 150), st.floats(0, 2), st.sampled_from(Regime))
def test_the_same_market_never_flickers(adx: float, close: float, vol: float, previous: Regime) -> None:
    context = a_context(adx=adx, close=close, hist_vol_20=vol)
    first = classify(context, previous, SETTINGS)
    assert classify(context, first, SETTINGS) is first
