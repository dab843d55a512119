"""Runs execution algorithms: feeds them inputs, turns their actions into reviewed orders, timers and reports."""

from decimal import Decimal

from trader.domain.events import StreamState
from trader.domain.orders import AlgorithmName, Order, Purpose, Side
from trader.domain.reasons import Code, Reason
from trader.domain.timers import TimerId, TimerKind
from trader.engine import tca
from trader.engine.desk import Desk
from trader.execution.algorithms import (
    Abort,
    AlgorithmInput,
    AlgorithmView,
    ChildChanged,
    ChildRefused,
    Started,
    WokeUp,
    step,
)
from trader.execution.algorithms.actions import Action, Cancel, Finished, Place, Wake
from trader.execution.algorithms.registry import AlgorithmState
from trader.execution.planner import NOT_TOLD, Decided, start
from trader.risk.review import Refused

_PASSING = frozenset({Code.ORDER_WITHOUT_EVIDENCE, Code.TOO_MANY_ORDERS})
"""Refusals that are about the moment, not about the order."""
_MENDING = frozenset(
    {Code.ALL_DATA_STALE, Code.ACCOUNT_NOT_LIVE, Code.NOT_VALUED, Code.TOO_MANY_ERRORS, Code.CLOCK_OFF}
)
"""Why trading reduces until data and account are there again. For anything else a person resumes, and by then what was
decided is old."""


def start_algorithm(
    desk: Desk,
    *,
    parent_id: str,
    decision_id: str,
    symbol: str,
    side: Side,
    purpose: Purpose,
    quantity: Decimal,
    algorithm: AlgorithmName,
    first_replaces: Order | None = None,
    decided: Decided = NOT_TOLD,
) -> tuple[Reason, ...]:
    """Begin a parent order; why its first child was refused, if it was.

    `first_replaces`: the stop whose place that child takes in one request.
    """
    state, actions = start(
        algorithm,
        parent_id=parent_id,
        decision_id=decision_id,
        side=side,
        purpose=purpose,
        quantity=quantity,
        view=_view(desk, symbol, purpose),
        decided=decided,
    )
    return _carry_out(desk, state, actions, first_replaces)


def wake_algorithm(desk: Desk, parent_id: str) -> None:
    """Its timer is due."""
    _step(desk, parent_id, WokeUp(parent_id))


def resume_algorithm(desk: Desk, parent_id: str, *, gives_up: str = "") -> None:
    """After a restart: what is known of the children, then its timers again; or, with a reason, its end."""
    state = desk.state.orders.algorithms[parent_id]
    for child in state.children:
        order = desk.state.orders.tracker.by_client_id(child.client_id)
        if order is not None and not child.is_over:
            child_changed(desk, order)
    _step(desk, parent_id, Abort(gives_up) if gives_up else Started())


def child_changed(desk: Desk, order: Order) -> None:
    """Something is known of one of its orders."""
    _step(desk, order.intent.parent_id, ChildChanged(order))


def abort(desk: Desk, parent_id: str, reason: str) -> None:
    """Cancel what rests and finish; what was filled stays filled."""
    _step(desk, parent_id, Abort(reason))


def _step(desk: Desk, parent_id: str, event: AlgorithmInput) -> None:
    state = desk.algorithm_of(parent_id)
    if state is None or not desk.state.account.is_reconciled:
        return  # before the account is reconciled nothing is sent; `resume_algorithm` tells it all again
    changed, actions = step(state, event, _view(desk, state.symbol, state.purpose))
    if changed is not state or actions:
        _carry_out(desk, changed, actions, None)


def _carry_out(
    desk: Desk, state: AlgorithmState, actions: list[Action], first_replaces: Order | None
) -> tuple[Reason, ...]:
    """What the review had against the first order that it refused, after which the rest is not tried."""
    _put(desk, state)
    for action in actions:
        match action:
            case Place(intent=intent):
                refused = desk.submit(intent, replaces=first_replaces)
                first_replaces = None
                if refused is not None:
                    _step(desk, state.parent_id, _news_of(refused))
                    return refused.reasons
            case Cancel(ref=ref):
                order = desk.state.orders.tracker.by_client_id(ref.client_id)
                if order is not None:
                    desk.cancel(order)
            case Wake(due_ms=due_ms):
                desk.wake(TimerId(TimerKind.ALGORITHM, state.parent_id), due_ms)
            case Finished():
                _finish(desk, state.parent_id)
                return ()
    return ()


def drop(desk: Desk, parent_id: str) -> list[Order]:
    """Forget a parent order that cannot go on, and cancel what is open of it. Returns its orders."""
    state = desk.state.orders.algorithms.pop(parent_id)
    desk.keep("algorithm", parent_id, None)
    orders = _orders_of(desk, state)
    for order in orders:
        desk.cancel(order)
    return orders


def _orders_of(desk: Desk, state: AlgorithmState) -> list[Order]:
    tracker = desk.state.orders.tracker
    return [order for child in state.children if (order := tracker.by_client_id(child.client_id)) is not None]


def _finish(desk: Desk, parent_id: str) -> None:
    """Write the cost analysis; what the parent was for is told to the engine through `desk.finished`."""
    state = desk.state.orders.algorithms.pop(parent_id)
    desk.keep("algorithm", parent_id, None)
    tca.parent_ended(desk, state)
    desk.finished.append(state)


def _put(desk: Desk, state: AlgorithmState) -> None:
    desk.state.orders.algorithms[state.parent_id] = state
    desk.keep("algorithm", state.parent_id, state)


def _news_of(refused: Refused) -> ChildRefused:
    """What the parent is told of a refusal: whether it passes, or how much would have been approved."""
    passes = {reason.code for reason in refused.reasons} <= _PASSING
    return ChildRefused(refused.intent.client_id, refused.reasons[0], passes=passes, fits=refused.fits)


def _view(desk: Desk, symbol: str, purpose: Purpose) -> AlgorithmView:
    """What an algorithm sees. New risk waits for data and account; a way out takes the book that was known last."""
    market, breakers = desk.market(symbol), desk.state.guard.breakers
    waits = breakers.reasons and {reason.code for reason in breakers.reasons} <= _MENDING
    is_trusted = purpose.reduces or (market.stream is StreamState.LIVE and not waits)
    return AlgorithmView(
        now_ms=desk.now_ms,
        book=market.book if is_trusted else None,
        instrument=market.instrument,
        settings=desk.settings_of(symbol).execution,
        ledger_id=desk.state.ledger_id,
    )
