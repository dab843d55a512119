"""What the rest of a portfolio leaves to one more position: its volatility as it is, in a shock, moving as one."""

from collections.abc import Mapping, Sequence
from operator import mul
from typing import NamedTuple

from trader.config.risk import RiskSettings
from trader.domain.commitments import Commitments
from trader.domain.sizing import Beside, Swing
from trader.risk.correlation import Correlations

Row = list[float]


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
    names = sorted(name for name in committed.by_symbol if name != symbol)
    rest = [committed.by_symbol[name] for name in names]
    weights = [each.net / committed.equity for each in rest]
    now = [weight * vols[name].now for name, weight in zip(names, weights, strict=True)]
    shocked = [weight * vols[name].shocked for name, weight in zip(names, weights, strict=True)]
    own, target = vols[symbol], risk.portfolio_vol_target
    alike = _alike(symbol, sign, names, weights, correlations, unknown)
    return Beside(
        usual=_swing(now, own.now, alike),
        shocked=_swing(shocked, own.shocked, alike),
        stacked=sum(map(abs, now)),
        gross=sum(each.notional for each in rest) / committed.equity,
        most_vol=target,
        most_shocked=target * risk.portfolio_vol_shocked,
        most_stacked=target * risk.portfolio_vol_stacked,
        most_gross=most_gross,
    )


def _alike(
    symbol: str, sign: int, names: Sequence[str], weights: Sequence[float], correlations: Correlations, unknown: float
) -> list[Row]:
    """Of each of `names` (sorted) its likeness with those before it, and last that of `symbol` with all of them.

    This runs for every size: pairs are looked up where `Correlations.measured` would find them.
    """
    pairs, longs = correlations.pairs, [weight >= 0 for weight in weights]
    unmeasured = {side: [unknown if is_long == side else 0.0 for is_long in longs] for side in (True, False)}
    rows = [
        [pairs.get((other, one), assumed) for other, assumed in zip(names[:number], unmeasured[is_long], strict=False)]
        for number, (one, is_long) in enumerate(zip(names, longs, strict=True))
    ]
    own = zip(names, unmeasured[sign > 0], strict=True)
    rows.append([pairs.get((min(other, symbol), max(other, symbol)), assumed) for other, assumed in own])
    return rows


def _swing(swings: Sequence[float], own_vol: float, alike: Sequence[Row]) -> Swing:
    """`swings`: weight x volatility of each of the rest; the last row of `alike` is the symbol's with them."""
    variance = 0.0
    for swing, row in zip(swings, alike, strict=False):
        variance += swing * (swing + 2 * _dot(row, swings))
    return Swing(variance, own_vol * _dot(alike[-1], swings), own_vol)


def _dot(some: Sequence[float], others: Sequence[float]) -> float:
    """Sum of the products, as far as `some` goes."""
    return float(sum(map(mul, some, others)))
