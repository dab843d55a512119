"""The hedge: when the portfolio's beta calls for one, on which side, and how much of it."""

import math
from collections.abc import Collection, Mapping

from trader.config.risk import RiskSettings
from trader.domain.commitments import Commitments
from trader.domain.orders import Side

LEAST_BETA = 0.5
"""|beta| an instrument must have to hedge: with less, most of what is sold would be a bet of its own."""


def portfolio_beta(
    committed: Commitments, betas: Mapping[str, float], leaving: Collection[str] = frozenset()
) -> float | None:
    """What the account's return is when the leader's is 1: sum of signed value x beta / equity, the hedge left out.

    `betas`: by symbol. What is `leaving` is as good as gone. None while it cannot be told: a symbol without a beta, or
    equity that is not above 0.
    """
    if not (math.isfinite(committed.equity) and committed.equity > 0):
        return None
    total = 0.0
    for symbol, each in committed.by_symbol.items():
        if not each.net or symbol in leaving:
            continue
        beta = betas.get(symbol)
        if beta is None:
            return None
        total += each.net * beta
    return total / committed.equity


def is_wanted(beta: float, *, is_held: bool, settings: RiskSettings) -> bool:
    """Whether there should be a hedge at the portfolio's `beta` (without it). Between the two bounds what is stays."""
    if not settings.hedge:
        return False
    return beta >= settings.hedge_beta_below if is_held else beta > settings.hedge_beta_above


def hedge_side(own_beta: float, *, can_short: bool) -> Side | None:
    """How an instrument with `own_beta` hedges a portfolio that moves with the leader; None if it cannot."""
    if own_beta > 0:
        return Side.SELL if can_short else None
    return Side.BUY if own_beta < 0 else None


def hedge_notional(beta: float, own_beta: float, equity: float, settings: RiskSettings) -> float:
    """Value of the hedge in quote, >= 0: a share of `equity`, and never more than brings `beta` (> 0) to 0."""
    return equity * max(0.0, min(settings.hedge_frac, settings.max_order_notional_frac, beta / abs(own_beta)))
