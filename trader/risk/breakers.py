"""Circuit breakers: when trading shrinks or stops, and when it may go on."""

import math

import msgspec

from trader.config.risk import RiskSettings
from trader.domain.decisions import TradingState
from trader.domain.reasons import Code, Reason, because
from trader.domain.units import DAY_MS


class BreakerState(msgspec.Struct, frozen=True):
    """What the breakers remember. `day_start` and `peak` are equity in quote, None before the first look."""

    trading_state: TradingState = TradingState.ACTIVE
    reasons: tuple[Reason, ...] = ()
    day: int = -1  # days since 1970, UTC
    day_start: float | None = None
    peak: float | None = None
    losses_in_a_row: int = 0
    is_paused: bool = False
    halt: Reason | None = None  # set = halted until a person resumes


class BreakerView(msgspec.Struct, frozen=True):
    """What the breakers look at. `equity` is marked to market with unknown orders at their worst; None = not known.

    While something held is `unpriced` it is the most that equity can be: a loss from it is certain, a gain is none.
    """

    now_ms: int
    equity: float | None
    account_is_live: bool = True
    data_is_live: bool = True  # False when the whole market's data is stale; one symbol is the review's matter
    errors_last_minute: int = 0
    clock_offset_ms: float = 0.0
    unpriced: tuple[str, ...] = ()  # symbols


def evaluate(state: BreakerState, view: BreakerView, settings: RiskSettings) -> BreakerState:
    """`state` after `view`, with the trading state it leads to and why.

    HALTED stays until `resume`. Every reason for REDUCING clears by itself: with the data, or with the new day.
    """
    if not view.unpriced:
        state = marked(state, view.now_ms, view.equity)
    halt = state.halt or _halting(state, view, settings)
    reducing = _reducing(state, view, settings)
    trading, reasons = TradingState.ACTIVE, reducing
    if halt is not None:
        trading, reasons = TradingState.HALTED, (halt, *reducing)
    elif reducing:
        trading = TradingState.REDUCING
    return msgspec.structs.replace(state, trading_state=trading, reasons=reasons, halt=halt)


def transferred(state: BreakerState, amount_quote: float) -> BreakerState:
    """Money that came from outside (or went there, below 0) is neither profit nor loss."""
    return msgspec.structs.replace(
        state,
        day_start=None if state.day_start is None else max(0.0, state.day_start + amount_quote),
        peak=None if state.peak is None else max(0.0, state.peak + amount_quote),
    )


def trade_closed(state: BreakerState, profit_quote: float) -> BreakerState:
    """Count a closed trade; a profit ends the row of losses."""
    losses = state.losses_in_a_row + 1 if profit_quote < 0 else 0
    return msgspec.structs.replace(state, losses_in_a_row=losses)


def pause(state: BreakerState) -> BreakerState:
    """A person asked to open nothing new."""
    return msgspec.structs.replace(state, is_paused=True)


def halt(state: BreakerState, reason: Reason) -> BreakerState:
    """Stop for good: a kill command, or books that disagree."""
    return msgspec.structs.replace(state, halt=state.halt or reason)


def resume(state: BreakerState, equity: float | None) -> BreakerState:
    """A person lets it trade again: limits are measured anew from `equity`, or from the next known one."""
    return msgspec.structs.replace(state, is_paused=False, halt=None, losses_in_a_row=0, day_start=equity, peak=equity)


def marked(state: BreakerState, now_ms: int, equity: float | None) -> BreakerState:
    """Peak and day start after the newest equity. A new UTC day also forgives the row of losses."""
    if equity is None or not math.isfinite(equity):
        return state
    day = now_ms // DAY_MS
    if state.day != day:
        state = msgspec.structs.replace(
            state, day=day, day_start=equity, losses_in_a_row=state.losses_in_a_row if state.day < 0 else 0
        )
    if state.day_start is None:
        state = msgspec.structs.replace(state, day_start=equity)
    if state.peak is None or equity > state.peak:
        state = msgspec.structs.replace(state, peak=equity)
    return state


def _loss_frac(start: float | None, equity: float | None) -> float:
    """Loss since `start` as a fraction of it; 0 when either is not known."""
    if start is None or equity is None or not (start > 0 and math.isfinite(equity)):
        return 0.0
    return max(0.0, (start - equity) / start)


def _halting(state: BreakerState, view: BreakerView, settings: RiskSettings) -> Reason | None:
    daily, drawdown = _loss_frac(state.day_start, view.equity), _loss_frac(state.peak, view.equity)
    if daily > 0 and daily >= 2 * settings.daily_loss_frac:
        return because(Code.DAILY_LOSS, loss_frac=daily, most_frac=2 * settings.daily_loss_frac)
    if drawdown > 0 and drawdown >= settings.drawdown_frac:
        return because(Code.DRAWDOWN, loss_frac=drawdown, most_frac=settings.drawdown_frac)
    return None


def _reducing(state: BreakerState, view: BreakerView, settings: RiskSettings) -> tuple[Reason, ...]:
    reasons = []
    daily = _loss_frac(state.day_start, view.equity)
    if state.is_paused:
        reasons.append(because(Code.PAUSED))
    if view.unpriced:
        reasons.append(because(Code.UNPRICED, ", ".join(view.unpriced)))
    elif view.equity is None or not math.isfinite(view.equity):
        reasons.append(because(Code.NOT_VALUED))
    if daily > 0 and daily >= settings.daily_loss_frac:
        reasons.append(because(Code.DAILY_LOSS, loss_frac=daily, most_frac=settings.daily_loss_frac))
    if state.losses_in_a_row >= settings.consecutive_losses:
        reasons.append(because(Code.LOSSES_IN_A_ROW, losses=state.losses_in_a_row))
    if not view.account_is_live:
        reasons.append(because(Code.ACCOUNT_NOT_LIVE))
    if not view.data_is_live:
        reasons.append(because(Code.ALL_DATA_STALE))
    if view.errors_last_minute > settings.max_errors_per_minute:
        most = settings.max_errors_per_minute
        reasons.append(because(Code.TOO_MANY_ERRORS, errors=view.errors_last_minute, most_errors=most))
    if not abs(view.clock_offset_ms) <= settings.max_clock_offset_ms:
        most_ms = settings.max_clock_offset_ms
        reasons.append(because(Code.CLOCK_OFF, offset_ms=view.clock_offset_ms, most_ms=most_ms))
    return tuple(reasons)
