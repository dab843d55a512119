"""People's commands, the breakers, and what the account is worth."""

import re
from decimal import Decimal

import msgspec

from trader.domain.closing import CloseReason
from trader.domain.decisions import AnswerCommand, EquitySnapshot, KeepTradingState, Level, RecordEquity
from trader.domain.events import CommandName, CommandReceived, StreamState, Ticked
from trader.domain.orders import Purpose
from trader.domain.units import DAY_MS, MINUTE_MS
from trader.engine import algorithms, exits
from trader.engine.desk import Desk
from trader.portfolio.valuation import value
from trader.risk import breakers
from trader.risk.breakers import BreakerState, BreakerView

_RECORD_EVERY_MS = MINUTE_MS


def on_command(desk: Desk, command: CommandReceived) -> None:
    """Carry out a command and answer it."""
    state = desk.state
    match command.name:
        case CommandName.PAUSE:
            _set_breakers(desk, breakers.pause(state.breakers))
            answer = "paused: nothing new is opened, positions stay protected"
        case CommandName.RESUME:
            _set_breakers(desk, breakers.resume(state.breakers, state.equity.equity if state.equity else None))
            answer = "resumed"
        case CommandName.FLATTEN:
            answer = f"closing {_flatten(desk, CloseReason.FLATTEN)} positions"
        case CommandName.KILL:
            answer = f"halted, closing {_flatten(desk, CloseReason.KILL)} positions"
            _set_breakers(desk, breakers.halt(state.breakers, "killed by command"))
        case CommandName.STOP:
            state.is_stopping = True
            _abort_entries(desk, "shutting down")
            answer = "stopping"
    desk.notify(Level.INFO, f"command.{command.name.value}", f"{answer} (asked by {command.origin})")
    desk.emit(AnswerCommand(command.command_id, answer))


def on_tick(desk: Desk, tick: Ticked) -> None:
    """Value the account, then let the breakers judge."""
    revalue(desk)
    stale = tuple(s for s, market in desk.state.markets.items() if market.stream is not StreamState.LIVE)
    _judge(desk, stale, tick)


def halt(desk: Desk, reason: str) -> None:
    """Stop opening at once; only a command resumes."""
    _set_breakers(desk, breakers.halt(desk.state.breakers, reason))


def transferred(desk: Desk, currency: str, amount: Decimal) -> None:
    """Money came in from outside, or went out: what profit and loss are measured from moves with it."""
    state = desk.state
    worth = {market.instrument.quote: 1.0 for market in state.markets.values()}
    worth |= {market.instrument.base: market.mid or 0.0 for market in state.markets.values()}
    moved = float(amount) * worth.get(currency, 0.0)
    state.breakers = breakers.transferred(state.breakers, moved)
    desk.keep("breakers", "", state.breakers)
    if state.equity is not None:
        state.equity = msgspec.structs.replace(
            state.equity, peak=max(0.0, state.equity.peak + moved), day_start=max(0.0, state.equity.day_start + moved)
        )


def revalue(desk: Desk) -> None:
    """Mark every position to market; once a minute (market time) the result is recorded."""
    state = desk.state
    if not state.is_opened:
        return
    ledger, instruments = state.ledger, {symbol: market.instrument for symbol, market in state.markets.items()}
    prices = state.prices()
    held = {s for s in instruments if instruments[s].base in ledger.balances} | ledger.positions.keys()
    if not held <= prices.keys():
        return  # what has no price would look like a loss
    quote = next(iter(instruments.values())).quote
    unknown = state.tracker.unknown()
    worth = value(ledger.balances, ledger.positions, instruments, prices, quote, unknown)
    old = state.equity
    is_new_day = old is None or old.ts_ms // DAY_MS != desk.now_ms // DAY_MS
    snapshot = EquitySnapshot(
        ts_ms=desk.now_ms,
        equity=worth.worst_equity,
        cash=worth.cash,
        exposure=worth.worst_exposure,
        peak=max(worth.worst_equity, old.peak if old else 0.0),
        day_start=worth.worst_equity if is_new_day or old is None else old.day_start,
    )
    state.equity = snapshot
    if desk.now_ms - state.equity_recorded_ms >= _RECORD_EVERY_MS:
        state.equity_recorded_ms = desk.now_ms
        desk.emit(RecordEquity(snapshot))


def _set_breakers(desk: Desk, changed: BreakerState) -> None:
    desk.state.breakers = changed
    _judge(desk, (), None)
    desk.keep("breakers", "", desk.state.breakers)


def _judge(desk: Desk, stale: tuple[str, ...], tick: Ticked | None) -> None:
    """Evaluate the breakers; tell when the trading state or its reasons change."""
    state = desk.state
    view = BreakerView(
        now_ms=desk.now_ms,
        equity=state.equity.equity if state.equity else None,
        account_is_live=state.account_is_live,
        data_is_live=len(stale) < len(state.markets),
        errors_last_minute=tick.errors_last_minute if tick else 0,
        clock_offset_ms=tick.clock_offset_ms if tick else 0.0,
    )
    before = state.breakers
    state.breakers, trading_state, reasons = breakers.evaluate(before, view, desk.settings.risk)
    if _worth_keeping(before, state.breakers):
        desk.keep("breakers", "", state.breakers)
    if trading_state is not state.trading_state or _kinds(reasons) != _kinds(state.trading_reasons):
        desk.emit(KeepTradingState(trading_state, reasons))
    state.trading_state, state.trading_reasons = trading_state, reasons


def _worth_keeping(before: BreakerState, after: BreakerState) -> bool:
    """A new peak every second is no news; one that would move a limit is (0.1 %)."""
    if after.peak is not None and (before.peak is None or after.peak < before.peak * 1.001):
        after = msgspec.structs.replace(after, peak=before.peak)
    return msgspec.structs.replace(after, reasons=before.reasons) != before


def _kinds(reasons: tuple[str, ...]) -> list[str]:
    """Reasons without the numbers that change with every tick."""
    return [re.sub(r"[-\d.]+", "#", reason) for reason in reasons]


def _abort_entries(desk: Desk, reason: str) -> None:
    for algorithm in list(desk.state.algorithms.values()):
        if not algorithm.purpose.reduces:
            algorithms.abort(desk, algorithm.parent_id, reason)


def _flatten(desk: Desk, reason: CloseReason) -> int:
    """Stop opening, then close everything. Returns how many positions are being closed."""
    _abort_entries(desk, reason.value)
    count = 0
    for position in desk.state.ledger.positions.values():
        held = desk.market(position.symbol).instrument.round_quantity(abs(desk.held(position.symbol)))
        if held:
            exits.ask_exit(desk, position.symbol, held, reason, Purpose.FLATTEN, is_urgent=True)
            count += 1
    return count
