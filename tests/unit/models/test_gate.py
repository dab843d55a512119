"""Real money needs evidence: each missing piece is named."""

from typing import Any

import numpy as np
import pytest

from trader.domain.reasons import Code, texts
from trader.models.gate import GateRules, Trades, judge

RULES = GateRules()


def trades(day_returns: Any, *, regimes: int = 2) -> Trades:
    returns = np.asarray(day_returns, np.float64)
    days = np.arange(len(returns))
    return Trades(days, returns, days % regimes)


def good() -> Any:
    return np.random.default_rng(0).normal(0.004, 0.006, 200)


def test_steady_profit_over_a_long_time_may_trade() -> None:
    result = judge(trades(good()), 200, 3.0, RULES)
    assert (result.verdict, result.reasons) == ("trade", ())
    assert result.day_return_low is not None
    assert result.day_return_high is not None
    assert 0 < result.day_return_low < result.day_return < result.day_return_high


@pytest.mark.parametrize(
    ("made", "slope_t", "reason"),
    [
        (trades(good()[:50]), 3.0, "active_days 50<60"),
        (trades(good(), regimes=1), 3.0, "regimes 1<2"),
        (trades(good()), 1.9, "slope_t 1.9<2.0"),
        (trades(np.concatenate((good(), np.full(90, -0.001)))), 3.0, "recent_net_bps -900.0<0"),
        (trades(np.concatenate((np.full(197, 1e-5), [0.5, 0.5, 0.5]))), 3.0, "effective_days 3<30"),
    ],
)
def test_missing_evidence_is_named(made: Trades, slope_t: float, reason: str) -> None:
    result = judge(made, 300, slope_t, RULES)
    assert result.verdict == "observe"
    assert reason in texts(result.reasons)


def test_profit_that_three_days_carry_is_luck() -> None:
    returns = np.concatenate((np.random.default_rng(1).normal(0, 0.001, 100), [0.1, 0.1, 0.1]))
    reasons = judge(trades(returns), 103, 3.0, RULES).reasons
    assert any(reason.code is Code.NET_LOW_WITHOUT_BEST for reason in reasons)


def test_comparing_many_configurations_raises_the_bar() -> None:
    returns = np.random.default_rng(2).normal(0.0011, 0.006, 200)
    assert judge(trades(returns), 200, 3.0, RULES).verdict == "trade"
    assert judge(trades(returns), 200, 3.0, GateRules(configurations=500)).verdict == "observe"


def test_without_a_trade_it_observes_and_says_never() -> None:
    result = judge(trades([]), 30, 0.0, RULES)
    assert result.verdict == "observe"
    assert result.days_to_decision is None
    assert result.day_return_low is None


def test_the_wait_shrinks_with_the_mean() -> None:
    noise = np.random.default_rng(3).normal(0, 0.01, 100)
    noise -= noise.mean()
    waits = [judge(trades(noise + mean), 200, 3.0, RULES).days_to_decision for mean in (0.0005, 0.001)]
    slow, fast = (wait or 0.0 for wait in waits)
    assert slow == pytest.approx(4 * fast + 3 * 200, rel=0.05)  # days needed grow with 1 / mean^2
    assert fast > 0
