"""Whether a model may trade real money: evidence, or the reasons why there is not enough of it."""

from statistics import NormalDist
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from trader.domain.candle_arrays import Floats, Times
from trader.domain.reasons import Code, Reason, because
from trader.domain.signals import ModelVerdict
from trader.domain.units import BPS, DAY_MS
from trader.models.statistics import bootstrap_lower_bound

NEVER_DAYS = 36_500.0


class GateRules(msgspec.Struct, frozen=True):
    """What evidence is enough. `configurations`: how many were compared to find this one; divides the level."""

    level: float = 0.05
    configurations: int = 1
    active_days: int = 60
    effective_days: float = 30.0
    regimes: int = 2
    slope_t: float = 2.0
    best_days_left_out: int = 3
    recent_days: int = 90


class Trades(NamedTuple):
    """Out-of-sample trades, one per row, after costs."""

    day: NDArray[np.int64]  # UTC day number of the exit
    net: Floats  # return of one trade, fraction
    regime: NDArray[np.int64]


class GateResult(msgspec.Struct, frozen=True):
    """May it trade, and every reason why not. Returns are per active day, sum over that day's trades."""

    verdict: ModelVerdict
    reasons: tuple[Reason, ...]
    trades: int
    days: int  # of the evaluated window
    active_days: int
    effective_days: float  # (sum |day|)^2 / sum day^2: how many equal days carry the result
    mean_trade_bps: float
    day_return: float
    day_return_low: float | None  # None with fewer than 2 active days
    day_return_high: float | None
    low_without_best: float | None
    recent_return: float
    slope_t: float
    days_to_decision: float | None  # calendar days until the lower bound would pass zero at today's mean; None = never


def judge(trades: Trades, days: int, slope_t: float, rules: GateRules) -> GateResult:
    """The verdict over `days` evaluated calendar days. Days are independent blocks (bootstrap)."""
    numbers, returns = day_returns(trades)
    level = rules.level / max(1, rules.configurations)
    low = bootstrap_lower_bound(returns, level)
    high = -bootstrap_lower_bound(-returns, level)
    rest = np.sort(returns)[: max(0, len(returns) - rules.best_days_left_out)]
    low_rest = bootstrap_lower_bound(rest, level)
    effective = effective_count(returns)
    recent = float(returns[numbers > numbers.max() - rules.recent_days].sum()) if len(numbers) else 0.0
    regimes = len(np.unique(trades.regime))
    checks = (
        (len(returns) >= rules.active_days, because(Code.ACTIVE_DAYS, days=len(returns), least=rules.active_days)),
        (effective >= rules.effective_days, because(Code.EFFECTIVE_DAYS, days=effective, least=rules.effective_days)),
        (regimes >= rules.regimes, because(Code.REGIMES, regimes=regimes, least=rules.regimes)),
        (slope_t >= rules.slope_t, because(Code.SLOPE_T, slope_t=slope_t, least=rules.slope_t)),
        (low > 0, _net_low(low)),
        (low_rest > 0, _net_low_without_best(low_rest, rules.best_days_left_out)),
        (recent >= 0, because(Code.RECENT_NET, net_bps=recent * BPS)),
    )
    reasons = tuple(reason for passed, reason in checks if not passed)
    return GateResult(
        verdict=ModelVerdict.OBSERVE if reasons else ModelVerdict.TRADE,
        reasons=reasons,
        trades=len(trades.net),
        days=days,
        active_days=len(returns),
        effective_days=effective,
        mean_trade_bps=float(trades.net.mean() * BPS) if len(trades.net) else 0.0,
        day_return=float(returns.mean()) if len(returns) else 0.0,
        day_return_low=_finite(low),
        day_return_high=_finite(high),
        low_without_best=_finite(low_rest),
        recent_return=recent,
        slope_t=slope_t,
        days_to_decision=_days_to_decision(returns, days, level),
    )


def day_returns(trades: Trades) -> tuple[NDArray[np.int64], Floats]:
    """(active day numbers, sum of that day's net returns)."""
    numbers, group = np.unique(trades.day, return_inverse=True)
    return numbers, np.bincount(group, weights=trades.net, minlength=len(numbers)).astype(np.float64)


def effective_count(returns: Floats) -> float:
    """(sum |r|)^2 / sum r^2: n for n equal days, 1 if one day carries everything."""
    square = float(returns @ returns)
    return float(np.abs(returns).sum() ** 2 / square) if square > 0 else 0.0


def days_of(times_ms: Times) -> NDArray[np.int64]:
    """UTC day numbers."""
    return np.asarray(times_ms // DAY_MS, np.int64)


def _days_to_decision(returns: Floats, days: int, level: float) -> float | None:
    """Days in total at which mean - z sd / sqrt(active days) passes zero, if mean and spread stay as they are."""
    if len(returns) < 5 or returns.mean() <= 0:
        return None
    z = NormalDist().inv_cdf(1 - level)
    needed = (z * float(returns.std(ddof=1)) / float(returns.mean())) ** 2
    return min(NEVER_DAYS, max(0.0, (needed - len(returns)) * days / len(returns)))


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _net_low(low: float) -> Reason:
    return because(Code.NET_LOW, net_bps=low * BPS) if np.isfinite(low) else because(Code.NET_LOW_UNKNOWN)


def _net_low_without_best(low: float, left_out: int) -> Reason:
    if not np.isfinite(low):
        return because(Code.NET_LOW_WITHOUT_BEST_UNKNOWN, left_out=left_out)
    return because(Code.NET_LOW_WITHOUT_BEST, left_out=left_out, net_bps=low * BPS)
