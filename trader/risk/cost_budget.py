"""The cost budget: what costs eat too much of must promise more before it is entered."""

import math
from collections.abc import Sequence

import msgspec

from trader.config.strategy import StrategySettings
from trader.domain.decisions import ClosedTrade
from trader.domain.reasons import Code, Reason, because
from trader.domain.units import DAY_MS


class Budget(msgspec.Struct, frozen=True):
    """What the bar of an entry is multiplied by, >= 1, and why it is more."""

    factor: float = 1.0
    reasons: tuple[Reason, ...] = ()


WITHIN = Budget()


def budget_of(strategy_id: str, trades: Sequence[ClosedTrade], now_ms: int, settings: StrategySettings) -> Budget:
    """By the strategy's trades of the last `cost_budget_days`, `trades` oldest first.

    The factor is costs / (`cost_budget_frac` x gross profit), at most `cost_budget_most`; that it also is where nothing
    was earned before costs. Costs are the fees; gross profit is the net one with the fees added.
    """
    since_ms, costs, net, count = now_ms - settings.cost_budget_days * DAY_MS, 0.0, 0.0, 0
    for trade in reversed(trades):
        if trade.closed_ms < since_ms:
            break
        if trade.strategy_id == strategy_id:
            costs, net, count = costs + float(trade.fees_quote), net + float(trade.profit_quote), count + 1
    if count < settings.cost_budget_trades or costs <= 0:
        return WITHIN
    share = costs / (net + costs) if net + costs > 0 else math.inf
    factor = min(settings.cost_budget_most, share / settings.cost_budget_frac)
    if factor <= 1:
        return WITHIN
    told = because(Code.COST_BUDGET, share=share, most=settings.cost_budget_frac, trades=count, factor=factor)
    return Budget(factor, (told,))
