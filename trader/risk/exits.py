"""When a position is left, in whole or in part."""

import msgspec

from trader.config.risk import RiskSettings
from trader.domain.closing import CloseReason
from trader.domain.orders import Side
from trader.domain.units import HOUR_MS
from trader.risk.stops import PositionPlan, tighten


class Exit(msgspec.Struct, frozen=True):
    """Close `fraction` (0..1] of what is held now, for one of the plan's own reasons."""

    reason: CloseReason
    fraction: float = 1.0


def on_price(
    plan: PositionPlan, bid: float, ask: float, now_ms: int, settings: RiskSettings
) -> tuple[PositionPlan, Exit | None]:
    """The plan after the touch `bid`/`ask` and the first exit that is due, if any.

    Checked in the order stop, take profit, partial, trail, horizon, time, at the price the position could be
    closed at (a long's bid, a short's ask). The partial exit marks itself done; the others are returned at every
    call until the position is gone, so whoever acts on them must know of an exit under way.
    """
    sign, price = (1, bid) if plan.side is Side.BUY else (-1, ask)
    if (price - plan.best_price) * sign > 0:
        plan = msgspec.structs.replace(plan, best_price=price)
    if (price - plan.stop_price) * sign <= 0:
        return plan, Exit(_stop_reason(plan))
    if not plan.has_ladder:
        return plan, _own_exit(plan, price, sign, now_ms)
    if plan.partial_done:
        target = plan.take_profit_price  # for the remainder: before the partial exit it does not apply
        if target is not None and (price - target) * sign >= 0:
            return plan, Exit(CloseReason.TAKE_PROFIT)
    elif plan.profit_in_r(price) >= settings.partial_at_r:
        plan = tighten(msgspec.structs.replace(plan, partial_done=True), plan.entry_price)
        return plan, Exit(CloseReason.PARTIAL, settings.partial_frac) if settings.partial_frac else None
    plan = _trail(plan, settings)
    if now_ms >= plan.horizon_end_ms:
        return plan, Exit(CloseReason.HORIZON)
    if (price - plan.entry_price) * sign < 0 and now_ms - plan.opened_ms >= settings.losing_time_exit_h * HOUR_MS:
        return plan, Exit(CloseReason.TIME)
    return plan, None


def on_candle(plan: PositionPlan, close: float, settings: RiskSettings) -> PositionPlan:
    """The plan after a candle closed at `close`: a stop of the initial width follows it, only ever nearer.

    Without a ladder the stop stays where the strategy has put it.
    """
    if not plan.has_ladder:
        return plan
    return tighten(_trail(plan, settings), close * (1 - plan.side.sign * plan.atr_width_frac))


def extend(plan: PositionPlan, until_ms: int) -> PositionPlan:
    """The plan with its horizon moved to `until_ms`, because the edge still holds; never earlier than it was."""
    return msgspec.structs.replace(plan, horizon_end_ms=max(plan.horizon_end_ms, until_ms))


def _own_exit(plan: PositionPlan, price: float, sign: int, now_ms: int) -> Exit | None:
    """Of a plan without a ladder: its target, then its horizon."""
    target = plan.take_profit_price
    if target is not None and (price - target) * sign >= 0:
        return Exit(CloseReason.TAKE_PROFIT)
    return Exit(CloseReason.HORIZON) if now_ms >= plan.horizon_end_ms else None


def _trail(plan: PositionPlan, settings: RiskSettings) -> PositionPlan:
    """From `trail_at_r` on, the stop keeps `trail_frac` behind the best price and the target is dropped."""
    if not plan.trailing:
        if plan.profit_in_r(plan.best_price) < settings.trail_at_r:
            return plan
        plan = msgspec.structs.replace(plan, trailing=True, take_profit_price=None)
    return tighten(plan, plan.best_price * (1 - plan.side.sign * settings.trail_frac))


def _stop_reason(plan: PositionPlan) -> CloseReason:
    if plan.trailing:
        return CloseReason.TRAILING_STOP
    if (plan.stop_price - plan.entry_price) * plan.side.sign >= 0:
        return CloseReason.BREAK_EVEN
    return CloseReason.STOP
