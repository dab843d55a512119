"""How far a trade went for and against its position before it was closed: what tells whether a ladder fits a market."""

import msgspec

from trader.domain.decisions import ClosedTrade
from trader.risk.stops import PositionPlan


def with_excursions(trade: ClosedTrade, plan: PositionPlan) -> ClosedTrade:
    """`trade` with the best and the worst price that its plan has seen; the price it was closed at is one of them."""
    entry, exit_price, sign = float(trade.entry_price), float(trade.exit_price), plan.side.sign
    if not (entry > 0 and exit_price > 0 and plan.side is trade.side):
        return trade
    best = max(plan.best_price * sign, exit_price * sign, entry * sign) * sign
    worst = min(plan.worst_price * sign, exit_price * sign, entry * sign) * sign
    return msgspec.structs.replace(
        trade,
        best_frac=sign * (best / entry - 1),
        worst_frac=sign * (worst / entry - 1),
        r_frac=plan.r_frac,
    )
