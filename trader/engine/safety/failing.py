"""An event whose handler raised: as if it had not come, but for what must not be left undone.

The state is as it was before the event, and nothing of what it wanted is sent. A person is told, nothing new is opened
until a person resumes, and then follows what the event is about at the least, each step on its own: a fill is booked,
a close has its row, what is held has its stop.
"""

from collections.abc import Callable
from traceback import walk_tb
from typing import ParamSpec

import msgspec

from trader.domain.account import Position
from trader.domain.closing import CloseReason
from trader.domain.decisions import AnswerCommand, Level, RequestReconcile, TradingState
from trader.domain.errors import InvariantBroken
from trader.domain.events import AnyEvent, CommandName, CommandReceived, ForecastMade, Reconciled, Ticked, TimerFired
from trader.domain.instrument import ZERO
from trader.domain.reasons import Code, because
from trader.domain.timers import TimerId, TimerKind
from trader.engine import algorithms, control
from trader.engine.desk import Desk
from trader.engine.entries import decide, opening
from trader.engine.guards import guard
from trader.engine.news import account, adoption, order_news
from trader.engine.positions import exits
from trader.engine.positions.protection import protect
from trader.engine.safety.edge import kind_of, subject_of

P = ParamSpec("P")
_REMEMBERED = 100  # failures that differ; more of them are counted, not told


def contain(desk: Desk, event: AnyEvent, error: Exception) -> None:
    """Go on after `error` came out of handling `event`."""
    desk.back_to()
    desk.state.counters["failed"] += 1
    told = f"{kind_of(event)}: {_named(error)}"
    _tell(desk, event, error, told)
    _halt(desk, error, told)
    _least(desk, event)
    _guard_what_is_held(desk, is_judged=isinstance(event, Ticked))


def _attempt(desk: Desk, step: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> bool:
    """Carry out one step, or nothing of it. Returns whether it went well."""
    mark = desk.mark()
    try:
        step(*args, **kwargs)
        order_news.follow_finished(desk)
    except Exception:  # edge: whatever fails here, the next steps must come; the first failure is told  # noqa: BLE001
        desk.back_to(mark)
        return False
    return True


# --- told and halted ------------------------------------------------------------------------------------------


def _tell(desk: Desk, event: AnyEvent, error: Exception, told: str) -> None:
    """Once for each failure that differs, until a person resumes; repetitions are counted."""
    failures, subject = desk.state.failures, subject_of(event)
    key = f"{subject} {told}"
    times = failures.get(key, 0)
    if not times and len(failures) >= _REMEMBERED:
        return
    failures[key] = times + 1
    if not times and isinstance(error, InvariantBroken):
        desk.notify(Level.ALERT, "invariant.broken", str(error))
    elif not times:
        desk.notify(Level.ALERT, "event.failed", told, symbol=subject)


def _named(error: Exception) -> str:
    """The error, and where it was raised."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    code = frames[-1].f_code if frames else None
    where = f" in {code.co_name} ({code.co_filename.rpartition('/')[2]})" if code is not None else ""
    return f"{type(error).__name__}: {error}{where}"


def _halt(desk: Desk, error: Exception, told: str) -> None:
    """Nothing new is opened, also where the breakers are what fails."""
    state = desk.state
    if state.guard.breakers.halt is not None:
        return
    is_broken = isinstance(error, InvariantBroken)
    reason = because(Code.INVARIANT_BROKEN, str(error)) if is_broken else because(Code.EVENT_FAILED, told)
    if _attempt(desk, guard.halt, desk, reason):
        return
    halted = {"trading_state": TradingState.HALTED, "halt": reason, "reasons": (reason,)}
    state.guard.breakers = msgspec.structs.replace(state.guard.breakers, **halted)
    desk.keep("breakers", "", state.guard.breakers)


# --- the least ------------------------------------------------------------------------------------------------


def _least(desk: Desk, event: AnyEvent) -> None:
    """What the event is about, without what may follow from it. The market's events are facts, and taken already."""
    match event:
        case ForecastMade(forecast=forecast):
            _attempt(desk, decide.record_unused, desk, forecast, because(Code.DECISION_FAILED, "the log says why"))
        case TimerFired(timer=timer) if timer.kind is TimerKind.ALGORITHM:
            _attempt(desk, _end_parent, desk, timer.key)
        case Reconciled():
            _go_on(desk, event)
        case CommandReceived():
            _obey(desk, event)
        case _ if isinstance(event, order_news.OrderNews):
            _take_note(desk, event)
        case _:
            pass


def _take_note(desk: Desk, event: order_news.OrderNews) -> None:
    """What an order did is booked, and its parent, which cannot follow, ends. What cannot be booked comes again."""
    if not _attempt(desk, order_news.take_note, desk, event) and not _attempt(
        desk, order_news.take_note, desk, event, is_posted=False
    ):
        desk.emit(RequestReconcile("what was told of an order could not be handled"))
        return
    order = order_news.order_of(desk, event)
    if order is not None:
        algorithm = desk.algorithm_of(order.intent.parent_id)
        if algorithm is not None and any(child.client_id == order.client_id for child in algorithm.children):
            _attempt(desk, _end_parent, desk, algorithm.parent_id)


def _end_parent(desk: Desk, parent_id: str) -> None:
    """A parent order that cannot go on: what rests of it is cancelled, and whoever waits for it waits no longer."""
    algorithm = desk.algorithm_of(parent_id)
    if algorithm is None:
        return
    orders = algorithms.drop(desk, parent_id)
    symbol = algorithm.symbol
    ticket, wanted = desk.state.positions.tickets.get(symbol), desk.state.positions.exits.get(symbol)
    if ticket is not None and ticket.parent_id == parent_id:
        del desk.state.positions.tickets[symbol]
        desk.keep("ticket", symbol, None)
    if wanted is not None and wanted.parent_id == parent_id:
        sold = sum((order.filled for order in orders), ZERO)
        exits.begin_again(desk, wanted, max(ZERO, wanted.quantity - sold))


def _go_on(desk: Desk, event: Reconciled) -> None:
    """Stops and exits go on although the account could not be compared; nothing new is opened anyway."""
    state = desk.state.account
    state.is_live = True
    if not state.is_opened:
        _attempt(desk, account.open_ledger, desk, event)
    if not state.is_opened or state.is_reconciled:
        return
    state.is_reconciled = True
    for parent_id in list(desk.state.orders.algorithms):
        if not _attempt(desk, algorithms.resume_algorithm, desk, parent_id):
            _attempt(desk, _end_parent, desk, parent_id)
    for symbol in list(desk.state.positions.exits):
        desk.wake(TimerId(TimerKind.EXIT, symbol), desk.now_ms)


def _obey(desk: Desk, command: CommandReceived) -> None:
    """As much of a command as can be done, position by position."""
    if command.name is CommandName.STOP:
        desk.state.is_stopping = True
    if command.name in (CommandName.FLATTEN, CommandName.KILL):
        reason = CloseReason.KILL if command.name is CommandName.KILL else CloseReason.FLATTEN
        for algorithm in list(desk.state.orders.algorithms.values()):
            if not algorithm.purpose.reduces:
                _attempt(desk, _end_parent, desk, algorithm.parent_id)
        for position in list(desk.state.account.ledger.positions.values()):
            _attempt(desk, control.flatten, desk, position, reason)
    answer = f"{command.name.value} failed in part: look at status and positions; nothing new is opened until resume"
    desk.emit(AnswerCommand(command.command_id, answer))


# --- what is held ---------------------------------------------------------------------------------------------


def _guard_what_is_held(desk: Desk, *, is_judged: bool) -> None:
    """Each position by itself: what is wrong with one must not leave another without its stop."""
    _attempt(desk, adoption.answer, desk, is_asked_again=False)
    for symbol in [symbol for symbol in desk.state.positions.plans if not desk.held(symbol)]:
        _attempt(desk, opening.forget_plan, desk, symbol)
    for position in list(desk.state.account.ledger.positions.values()):
        if _is_bare(desk, position):
            _attempt(desk, adoption.guard_barely, desk, position)
        if is_judged:
            _attempt(desk, exits.judge, desk, position.symbol)
        _attempt(desk, protect, desk, position.symbol)


def _is_bare(desk: Desk, position: Position) -> bool:
    """Held, with nothing that guards it, buys it or sells it: adoption has failed too."""
    positions, symbol = desk.state.positions, position.symbol
    return bool(desk.held(symbol)) and not any(
        symbol in each for each in (positions.plans, positions.tickets, positions.exits)
    )
