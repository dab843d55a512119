"""What a model's out-of-fold record and its own closed trades say of a bet."""

import math
from collections.abc import Iterable, Mapping
from statistics import NormalDist

import msgspec

from trader.domain.decisions import ClosedTrade
from trader.domain.signals import ModelInfo, Outcomes, Regime

_Z = NormalDist().inv_cdf(0.95)  # one-sided, the level at which the gate asks a model for its return


class Odds(msgspec.Struct, frozen=True):
    """Mean net win and loss (> 0) as shares of what was put in, how many independent outcomes, how they scatter."""

    win_frac: float
    loss_frac: float
    count: float
    win_sd: float
    loss_sd: float


class Tally(msgspec.Struct, frozen=True):
    """Own trades that won, and those that did not: how many, and the sum of their returns (>= 0)."""

    wins: int = 0
    won_frac: float = 0.0
    losses: int = 0
    lost_frac: float = 0.0

    def with_one(self, net_frac: float) -> "Tally":
        """And one more."""
        if net_frac > 0:
            return Tally(self.wins + 1, self.won_frac + net_frac, self.losses, self.lost_frac)
        return Tally(self.wins, self.won_frac, self.losses + 1, self.lost_frac - net_frac)


class Own(msgspec.Struct, frozen=True):
    """The closed trades of a strategy with the model it has now."""

    trades: int = 0
    net_frac: float = 0.0  # sum of their returns after costs
    by_regime: Mapping[Regime, Tally] = {}


def own_record(trades: Iterable[ClosedTrade], strategy_id: str, since_ms: int) -> Own:
    """Of `trades` those that `strategy_id` opened at `since_ms` or later. One without a regime is in none."""
    count, net, by_regime = 0, 0.0, dict[Regime, Tally]()
    for trade in trades:
        if trade.strategy_id != strategy_id or trade.opened_ms < since_ms:
            continue
        count, net = count + 1, net + trade.return_frac
        if trade.regime is not None:
            by_regime[trade.regime] = by_regime.get(trade.regime, Tally()).with_one(trade.return_frac)
    return Own(count, net, by_regime)


def odds_of(model: ModelInfo, regime: Regime, own: Own, weight: float) -> Odds:
    """The record of `regime`, pooled with that of all where it is short, then blended with `own` trades in `regime`.

    What stands before counts as `weight` outcomes of each kind, what comes as many as there are: (w a + n b) / (w + n).
    """
    pooled = model.pooled or Outcomes(0.0, model.base_rate, model.average_win_frac, model.average_loss_frac)
    here, done = model.by_regime.get(regime), own.by_regime.get(regime, Tally())
    win, loss = model.average_win_frac, model.average_loss_frac
    if here is not None:
        wins = here.count * here.win_share
        win = _blend(win, weight, here.win_frac * wins, wins)
        loss = _blend(loss, weight, here.loss_frac * (here.count - wins), here.count - wins)
    win = _blend(win, weight, done.won_frac, done.wins)
    loss = _blend(loss, weight, done.lost_frac, done.losses)
    return Odds(win, loss, pooled.count + own.trades, pooled.win_sd, pooled.loss_sd)


def lower_probability(p: float, odds: Odds) -> float:
    """The win probability at which the edge p W - (1 - p) L is as low as 95 % confidence leaves it, 0..1.

    Standard error of the edge of one outcome (delta method): p q (W + L)^2 + p sd(win)^2 + q sd(loss)^2 over the count
    of independent ones. 0 without any.
    """
    q, span = 1 - p, odds.win_frac + odds.loss_frac
    variance = p * q * span**2 + p * odds.win_sd**2 + q * odds.loss_sd**2
    if not (odds.count > 0 and span > 0):
        return 0.0
    return max(0.0, p - _Z * math.sqrt(variance / odds.count) / span)


def proven(own: Own, enough: float) -> float:
    """Share of the evidence that is there, 0..1: own trades of `enough`, none while they have not earned."""
    return min(1.0, own.trades / enough) if own.net_frac > 0 else 0.0


def _blend(known: float, weight: float, total: float, count: float) -> float:
    """`known`, as the mean of `weight` outcomes, with `count` more whose sum is `total`."""
    return (weight * known + total) / (weight + count) if count > 0 else known
