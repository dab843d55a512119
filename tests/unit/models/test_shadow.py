"""A challenger must be watched long enough, and must not be worse."""

import numpy as np
import pytest

from trader.models.compiled import RowForecast
from trader.models.shadow import Shadow

HOUR = 3_600_000


def forecast(prediction: float) -> RowForecast:
    return RowForecast(prediction, 0.5, 0.5)


def shadowed(n: int, champion: float, challenger: float, *, step: int = HOUR, seed: int = 0) -> Shadow:
    """A market that the first part of a forecast knows; each model sees that part with its own noise."""
    rng = np.random.default_rng(seed)
    shadow = Shadow(1.0, 1.0, HOUR)
    close, known = 100.0, 0.0
    for i in range(n):
        if i:
            close *= float(np.exp(known + rng.normal(0, 0.01)))
        shadow.closed("BTC/USDT", i * step, close)
        known = float(rng.normal(0, 0.01))
        made = (forecast(known + float(rng.normal(0, noise))) for noise in (champion, challenger))
        shadow.saw("BTC/USDT", i * step, close, *made)
    return shadow


def test_it_waits_for_enough_forecasts_and_enough_time() -> None:
    assert shadowed(0, 0.0, 0.0).result().verdict == "wait"
    assert shadowed(100, 0.01, 0.0).result().reason == "forecasts 99<300"


def test_a_better_challenger_is_promoted() -> None:
    result = shadowed(1_000, 0.01, 0.001).result()
    assert result.verdict == "promote"
    assert result.advantage_t > 2
    assert result.challenger_error < result.champion_error


def test_a_worse_challenger_is_dismissed() -> None:
    result = shadowed(1_000, 0.001, 0.01).result()
    assert result.verdict == "dismiss"
    assert result.advantage_t < -2


def test_an_equal_challenger_is_fresher_and_promoted() -> None:
    assert shadowed(1_000, 0.0, 0.0).result().verdict == "promote"


def test_slopes_count() -> None:
    shadow = Shadow(1.0, 0.0, HOUR)
    shadow.saw("X", 0, 100.0, forecast(0.05), forecast(99.0))
    shadow.closed("X", HOUR, 100.0)
    result = shadow.result()
    assert result.champion_error == pytest.approx(0.0025)
    assert result.challenger_error == 0


def test_symbols_are_kept_apart_and_missed_ends_dropped() -> None:
    shadow = Shadow(1.0, 1.0, HOUR)
    shadow.saw("A", 0, 100.0, forecast(0.0), forecast(0.0))
    shadow.saw("B", 0, 50.0, forecast(0.0), forecast(0.0))
    shadow.closed("A", HOUR, 100.0)
    shadow.closed("B", 2 * HOUR, 75.0)
    result = shadow.result()
    assert (result.forecasts, result.champion_error) == (1, 0.0)


def test_an_abstention_is_no_forecast() -> None:
    shadow = Shadow(1.0, 1.0, HOUR)
    shadow.saw("A", 0, 100.0, RowForecast(float("nan"), float("nan"), float("nan")), forecast(0.0))
    shadow.closed("A", HOUR, 100.0)
    assert shadow.result().forecasts == 0
