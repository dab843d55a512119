"""What all algorithms do with their child orders: place, hear of, cancel, and finish.

Every function takes a state and returns (new state, actions); none looks at anything but its arguments.
"""

from decimal import Decimal
from typing import TypeVar

import msgspec

from trader.domain.instrument import InstrumentKind
from trader.domain.orders import Order, OrderIntent, OrderStatus, OrderType, Side, TimeInForce
from trader.domain.refusals import Refusal, RefusalCode
from trader.execution.algorithms.actions import Action, Cancel, Finished, Place, Wake
from trader.execution.algorithms.inputs import AlgorithmView
from trader.execution.algorithms.state import Child, ParentState
from trader.execution.client_ids import client_id_for

S = TypeVar("S", bound=ParentState)
Step = tuple[S, list[Action]]

MAX_FAILURES = 3  # children in a row that were not taken: the reason will not go away by itself
RETRY_MS = 1_000  # market time between two tries: a book has changed by then, and no rate limit is near
CANCEL_RETRY_MS = 10_000  # market time after which an unanswered cancel is asked again

_NOT_TAKEN = (OrderStatus.REJECTED, OrderStatus.NOT_PLACED)


def hear(state: S, order: Order, now_ms: int) -> S:
    """`state` after news of one of its children. A child that ends without being taken counts as a failure."""
    known = next((child for child in state.children if child.client_id == order.client_id), None)
    if known is None:
        return state
    child = known.heard(order)
    state = state.with_child(child)
    if known.is_over or not child.is_over:
        return state
    was_refused = order.status in _NOT_TAKEN
    was_pushed_out = order.intent.post_only and order.status is not OrderStatus.FILLED and known.cancel_asked_ms is None
    if was_refused or (was_pushed_out and not child.filled):
        refusal = order.refusal or Refusal(RefusalCode.REPORTED, order.status.value)
        return msgspec.structs.replace(state, failures=state.failures + 1, refusal=refusal, retry_ms=now_ms + RETRY_MS)
    return msgspec.structs.replace(state, failures=0, refusal=None) if child.filled else state


def place(state: S, view: AlgorithmView, quantity: Decimal, price: Decimal, *, is_post_only: bool = False) -> Step[S]:
    """The next child: an IOC limit, or with `is_post_only` a resting one."""
    client_id = client_id_for(view.ledger_id, state.parent_id, state.purpose, state.step)
    intent = OrderIntent(
        client_id=client_id,
        parent_id=state.parent_id,
        decision_id=state.decision_id,
        symbol=state.symbol,
        side=state.side,
        type=OrderType.LIMIT,
        quantity=quantity,
        purpose=state.purpose,
        price=price,
        time_in_force=TimeInForce.GTC if is_post_only else TimeInForce.IOC,
        post_only=is_post_only,
        reduce_only=state.purpose.reduces and view.instrument.kind is InstrumentKind.PERPETUAL,
        reference_price=view.book.mid if view.book else 0.0,
    )
    children = (*state.children, Child(client_id, quantity, price))
    state = msgspec.structs.replace(state, children=children, retry_ms=view.now_ms + RETRY_MS)
    return state, [Place(intent)]


def cancel_live(state: S, view: AlgorithmView) -> Step[S]:
    """Ask for the live child's end. One the exchange has not confirmed is waited for: it cannot be cancelled yet."""
    child = state.live
    if child is None or not child.is_open:
        return state, []
    asked = child.cancel_asked_ms
    if asked is not None and view.now_ms - asked < CANCEL_RETRY_MS:
        return wake(state, asked + CANCEL_RETRY_MS)
    state = state.with_child(msgspec.structs.replace(child, cancel_asked_ms=view.now_ms))
    state, wakes = wake(state, view.now_ms + CANCEL_RETRY_MS)
    return state, [Cancel(state.ref(child)), *wakes]


def wake(state: S, due_ms: int) -> Step[S]:
    """Arm the parent's one timer, unless it is armed for that moment already."""
    if state.wake_ms == due_ms:
        return state, []
    return msgspec.structs.replace(state, wake_ms=due_ms), [Wake(due_ms)]


def finish(state: S, reason: str) -> Step[S]:
    """The parent ends: `reason` says how, as it is told."""
    return msgspec.structs.replace(state, finished=True), [Finished(reason)]


def finish_done(state: S, view: AlgorithmView) -> Step[S] | None:
    """Finished when nothing tradable is left, or when too many children in a row were not taken; else None."""
    if state.remaining == 0:
        return finish(state, "filled")
    too_small = refusal(state, view, state.remaining)
    if too_small is not None:
        return finish(state, f"filled {state.filled} of {state.quantity}: {too_small}")
    if state.failures >= MAX_FAILURES:
        return finish(state, f"rejected: {state.refusal}")
    return None


def refusal(state: ParentState, view: AlgorithmView, quantity: Decimal) -> str | None:
    """Why `quantity`, rounded to the step, is too small to trade at the opposite touch, or None."""
    instrument = view.instrument
    rounded = instrument.round_quantity(quantity)
    if rounded == 0 or rounded < instrument.min_quantity:
        return f"{quantity} left is below the minimum quantity {instrument.min_quantity}"
    touch = opposite_touch(state, view)
    is_exempt = state.purpose.reduces and instrument.kind is InstrumentKind.PERPETUAL
    if touch and not is_exempt and rounded * instrument.round_price(touch) < instrument.min_notional:
        return f"{quantity} left is below the minimum notional {instrument.min_notional} {instrument.quote}"
    return None


def opposite_touch(state: ParentState, view: AlgorithmView) -> float:
    """The price a taker would get first; the arrival's when there is no book, 0 when there never was one."""
    if view.book is None:
        return state.arrival_ask if state.side is Side.BUY else state.arrival_bid
    return view.book.ask if state.side is Side.BUY else view.book.bid
