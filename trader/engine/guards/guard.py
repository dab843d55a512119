"""What the account is worth, and whether the breakers let it trade: the only code that changes either."""

from decimal import Decimal

import msgspec

from trader.domain.decisions import KeepTradingState, RecordEquity
from trader.domain.events import StreamState, Ticked
from trader.domain.reasons import Reason
from trader.domain.units import MINUTE_MS
from trader.engine.desk import Desk
from trader.engine.state.worth import worth_now
from trader.risk import breakers
from trader.risk.breakers import BreakerState, BreakerView

_RECORD_EVERY_MS = MINUTE_MS  # market time between two rows of equity: half a million a year
_PEAK_NEWS = 1.001  # a peak this much higher would move a limit


def on_tick(desk: Desk, tick: Ticked) -> None:
    """Value the account, then let the breakers judge."""
    desk.state.guard.measured = tick
    revalue(desk)
    _judge(desk)


def pause(desk: Desk) -> None:
    """Open nothing new."""
    _set(desk, breakers.pause(desk.state.guard.breakers))


def resume(desk: Desk) -> None:
    """Trade again; the limits are measured from what the account is worth now."""
    revalue(desk)
    worth = desk.state.guard.worth
    desk.state.failures.clear()  # one that goes on is told again
    _set(desk, breakers.resume(desk.state.guard.breakers, worth.equity if worth is not None else None))


def halt(desk: Desk, reason: Reason) -> None:
    """Stop opening at once; only a command resumes."""
    _set(desk, breakers.halt(desk.state.guard.breakers, reason))


def trade_closed(desk: Desk, profit_quote: float) -> None:
    """A row of losses grows or ends."""
    _put(desk, breakers.trade_closed(desk.state.guard.breakers, profit_quote))


def transferred(desk: Desk, currency: str, amount: Decimal) -> None:
    """Money came in from outside, or went out: what profit and loss are measured from moves with it."""
    state = desk.state
    prices = {market.instrument.quote: 1.0 for market in state.markets.values()}
    prices |= {market.instrument.base: market.mid or 0.0 for market in state.markets.values()}
    state.guard.equity_recorded_ms = 0
    _put(desk, breakers.transferred(state.guard.breakers, float(amount) * prices.get(currency, 0.0)))


def revalue(desk: Desk) -> None:
    """Mark every position to market; once a minute (market time) the result is recorded, where it is certain."""
    state = desk.state
    if not state.account.is_opened:
        return
    worth = worth_now(state)
    if worth is None:
        return
    state.guard.worth = worth
    if worth.unpriced:
        return
    _put(desk, breakers.marked(state.guard.breakers, desk.now_ms, worth.equity))
    snapshot = state.guard.equity
    if snapshot is not None and desk.now_ms - state.guard.equity_recorded_ms >= _RECORD_EVERY_MS:
        state.guard.equity_recorded_ms = desk.now_ms
        desk.emit(RecordEquity(snapshot))


def _set(desk: Desk, changed: BreakerState) -> None:
    """What a person, or a broken record, has changed: judged at once, remembered whatever it is."""
    desk.state.guard.breakers = changed
    desk.state.guard.equity_recorded_ms = 0
    _judge(desk)
    _keep(desk)


def _judge(desk: Desk) -> None:
    """Evaluate the breakers by what is known now; tell when the trading state or its reasons change."""
    state, before = desk.state, desk.state.guard.breakers
    tick, worth = state.guard.measured, state.guard.worth
    view = BreakerView(
        now_ms=desk.now_ms,
        equity=worth.judged if worth is not None else None,
        unpriced=worth.unpriced if worth is not None else (),
        account_is_live=state.account.is_live,
        data_is_live=any(market.stream is StreamState.LIVE for market in state.markets.values()),
        errors_last_minute=tick.errors_last_minute,
        clock_offset_ms=tick.clock_offset_ms,
    )
    after = breakers.evaluate(before, view, desk.settings.risk)
    if after.trading_state is not before.trading_state or (
        after.reasons != before.reasons and _kinds(after) != _kinds(before)
    ):
        desk.emit(KeepTradingState(after.trading_state, after.reasons))
    _put(desk, after)


def _kinds(state: BreakerState) -> list[tuple[str, str]]:
    """Its reasons without the numbers, which change with every tick."""
    return [(reason.code, reason.about) for reason in state.reasons]


def _put(desk: Desk, after: BreakerState) -> None:
    """Go on with `after`; remember it when it says more than what is remembered."""
    guard = desk.state.guard
    guard.breakers = after
    if after != guard.breakers_kept and _is_news(guard.breakers_kept, after):
        _keep(desk)


def _keep(desk: Desk) -> None:
    desk.state.guard.breakers_kept = desk.state.guard.breakers
    desk.keep("breakers", "", desk.state.guard.breakers)


def _is_news(kept: BreakerState, now: BreakerState) -> bool:
    """A new peak every second is none, and neither are other numbers behind the same reasons."""
    peak = now.peak
    if kept.peak is not None and peak is not None and kept.peak <= peak < kept.peak * _PEAK_NEWS:
        peak = kept.peak
    reasons = kept.reasons if _kinds(kept) == _kinds(now) else now.reasons
    return msgspec.structs.replace(now, peak=peak, reasons=reasons) != kept
