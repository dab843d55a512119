"""What the rest of a portfolio leaves to one more position: its volatility as it is, in a shock, moving as one."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from trader.config.risk import RiskSettings
from trader.domain.commitments import Commitments
from trader.domain.sizing import Beside, Swing
from trader.risk.correlation import Correlations

Pairs = Sequence[tuple[str, str, float]]


class Vols(NamedTuple):
    """Annualised volatility of a symbol, fractions >= 0."""

    now: float
    shocked: float  # at its 99 % quantile, >= now


def beside(
    symbol: str,
    sign: int,
    committed: Commitments,
    vols: Mapping[str, Vols],
    correlations: Correlations,
    unknown: float,
    *,
    most_gross: float,
    risk: RiskSettings,
) -> Beside:
    """`committed` without `symbol`, which is wanted on the side `sign`, in shares of its equity (> 0).

    `vols`: of `symbol` and of all that is committed. Two symbols without a measured correlation count as `unknown`
    where they are on one side, and as 0 where one would hedge the other.
    """
    others = {name: each for name, each in committed.by_symbol.items() if name != symbol}
    weights = {name: each.net / committed.equity for name, each in others.items()}
    signs = {name: -1 if weight < 0 else 1 for name, weight in weights.items()} | {symbol: sign}
    alike = [
        (one, other, _likeness(correlations.measured(one, other), unknown, signs[one] * signs[other]))
        for one, other in combinations(signs, 2)
    ]
    target = risk.portfolio_vol_target
    return Beside(
        usual=_swing(symbol, weights, {name: each.now for name, each in vols.items()}, alike),
        shocked=_swing(symbol, weights, {name: each.shocked for name, each in vols.items()}, alike),
        stacked=sum(abs(weight) * vols[name].now for name, weight in weights.items()),
        gross=sum(each.notional for each in others.values()) / committed.equity,
        most_vol=target,
        most_shocked=target * risk.portfolio_vol_shocked,
        most_stacked=target * risk.portfolio_vol_stacked,
        most_gross=most_gross,
    )


def _likeness(measured: float | None, unknown: float, signs: int) -> float:
    return (unknown if signs > 0 else 0.0) if measured is None else measured


def _swing(symbol: str, weights: Mapping[str, float], vols: Mapping[str, float], alike: Pairs) -> Swing:
    """`alike`: each pair of `weights` and `symbol`, which is the second of its pairs."""
    swings = {name: weight * vols[name] for name, weight in weights.items()}
    variance, covariance = sum(swing**2 for swing in swings.values()), 0.0
    for one, other, likeness in alike:
        if other == symbol:
            covariance += likeness * swings[one] * vols[symbol]
        else:
            variance += 2 * likeness * swings[one] * swings[other]
    return Swing(variance, covariance, vols[symbol])
