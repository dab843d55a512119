"""When a position is left, in whole or in part."""

import math
from typing import assert_never

import msgspec

from trader.config.risk import RiskSettings
from trader.domain.closing import CloseReason
from trader.domain.orders import Side
from trader.domain.units import HOUR_MS
from trader.risk.ladder import Rung, at_price
from trader.risk.stops import PositionPlan, tighten


class Exit(msgspec.Struct, frozen=True):
    """Close `fraction` (0..1] of what is held now, for one of the plan's own reasons."""

    reason: CloseReason
    fraction: float = 1.0


def on_price(
    plan: PositionPlan, bid: float, ask: float, now_ms: int, settings: RiskSettings, wait_ms: int = 0
) -> tuple[PositionPlan, Exit | None]:
    """The plan after the touch `bid`/`ask` and the first exit that is due, if any.

    Checked in the order stop, partial, target, trail, horizon, time, at the price the position could be closed at (a
    long's bid, a short's ask). The partial exit marks itself done; the others are returned at every call until the
    position is gone, so whoever acts on them must know of an exit under way. `wait_ms`: how much later than its end the
    horizon is due here, see `horizon_wait_ms`.
    """
    sign, price = (1, bid) if plan.side is Side.BUY else (-1, ask)
    worst = price if (price - plan.worst_price) * sign < 0 else plan.worst_price
    if not plan.has_ladder:
        best = price if (price - plan.best_price) * sign > 0 else plan.best_price
        plan = _moved(plan, plan.stop_price, best, worst, is_halved=plan.partial_done, is_trailing=plan.trailing)
        return plan, _own_exit(plan, price, sign, now_ms - wait_ms)
    target = math.nan if plan.take_profit_price is None else plan.take_profit_price
    rung, stop, best, is_halved, is_trailing = at_price(
        sign, price, plan.entry_price, plan.r_frac, plan.stop_price, target, plan.best_price, plan.partial_done,
        plan.trailing, settings,
    )  # fmt: skip
    plan = _moved(plan, stop, best, worst, is_halved=is_halved, is_trailing=is_trailing)
    match rung:
        case Rung.STOP:
            return plan, Exit(stop_reason(plan))
        case Rung.PARTIAL:
            return plan, Exit(CloseReason.PARTIAL, settings.partial_frac) if settings.partial_frac else None
        case Rung.TARGET:
            return plan, Exit(CloseReason.TAKE_PROFIT)
        case Rung.NONE:
            return plan, _by_time(plan, price, sign, now_ms, settings, wait_ms)
        case never:
            assert_never(never)


def on_candle(plan: PositionPlan, close: float) -> PositionPlan:
    """The plan after a candle closed at `close`: a stop of the initial width follows it, only ever nearer.

    Without a ladder the stop stays where the strategy has put it.
    """
    if not plan.has_ladder:
        return plan
    return tighten(plan, close * (1 - plan.side.sign * plan.atr_width_frac))


def horizon_wait_ms(plan: PositionPlan, candle_ms: int, settings: RiskSettings) -> int:
    """How long after its horizon a plan waits for the forecast of the close that ends it, on candles of `candle_ms`.

    An end between two closes is the later one's, but for a strategy without the ladder: it has said when.
    """
    to_close_ms = -plan.horizon_end_ms % candle_ms
    if to_close_ms and not plan.has_ladder:
        return 0
    return to_close_ms + round(settings.horizon_wait_candles * candle_ms)


def quiet_until_ms(plan: PositionPlan, settings: RiskSettings, wait_ms: int) -> int:
    """Until when time alone makes no exit of `plan` due."""
    horizon_ms = plan.horizon_end_ms + wait_ms
    if not plan.has_ladder:
        return horizon_ms
    return min(horizon_ms, plan.opened_ms + math.floor(settings.losing_time_exit_h * HOUR_MS))


def quiet_between(plan: PositionPlan, settings: RiskSettings) -> tuple[float, float]:
    """(lowest, highest) price, both included, at which a plan that one of them has left as it is stays so.

    They reach from the worst price seen to the best, as far as no stop, rung or target lies between.
    """
    sign = plan.side.sign
    ends = [] if plan.take_profit_price is None else [plan.take_profit_price]
    if plan.has_ladder and not plan.partial_done:
        ends.append(plan.entry_price * (1.0 + sign * settings.partial_at_r * plan.r_frac))
    best = min([plan.best_price * sign, *(math.nextafter(end * sign, -math.inf) for end in ends)])
    worst = max(plan.worst_price * sign, math.nextafter(plan.stop_price * sign, math.inf))
    return (worst, best) if sign > 0 else (-best, -worst)


def extend(plan: PositionPlan, until_ms: int) -> PositionPlan:
    """The plan with its horizon moved to `until_ms`, because the edge still holds; never earlier than it was."""
    return msgspec.structs.replace(plan, horizon_end_ms=max(plan.horizon_end_ms, until_ms))


def _moved(
    plan: PositionPlan, stop: float, best: float, worst: float, *, is_halved: bool, is_trailing: bool
) -> PositionPlan:
    """The plan as it is after a price; the same object where nothing has changed."""
    if is_trailing is plan.trailing and is_halved is plan.partial_done and stop == plan.stop_price:
        if best == plan.best_price and worst == plan.worst_price:
            return plan
        return msgspec.structs.replace(plan, best_price=best, worst_price=worst)
    return msgspec.structs.replace(
        plan,
        stop_price=stop,
        best_price=best,
        worst_price=worst,
        partial_done=is_halved,
        trailing=is_trailing,
        take_profit_price=None if is_trailing else plan.take_profit_price,
    )


def _by_time(
    plan: PositionPlan, price: float, sign: int, now_ms: int, settings: RiskSettings, wait_ms: int
) -> Exit | None:
    """The horizon, then the day that a losing position is given."""
    if now_ms - wait_ms >= plan.horizon_end_ms:
        return Exit(CloseReason.HORIZON)
    if (price - plan.entry_price) * sign < 0 and now_ms - plan.opened_ms >= settings.losing_time_exit_h * HOUR_MS:
        return Exit(CloseReason.TIME)
    return None


def _own_exit(plan: PositionPlan, price: float, sign: int, now_ms: int) -> Exit | None:
    """Of a plan without a ladder: its stop, its target, its horizon."""
    if (price - plan.stop_price) * sign <= 0:
        return Exit(stop_reason(plan))
    target = plan.take_profit_price
    if target is not None and (price - target) * sign >= 0:
        return Exit(CloseReason.TAKE_PROFIT)
    return Exit(CloseReason.HORIZON) if now_ms >= plan.horizon_end_ms else None


def stop_reason(plan: PositionPlan) -> CloseReason:
    """Which stop it is that ends the position, by where it stands."""
    if plan.trailing:
        return CloseReason.TRAILING_STOP
    if (plan.stop_price - plan.entry_price) * plan.side.sign >= 0:
        return CloseReason.BREAK_EVEN
    return CloseReason.STOP
