"""What the engine is told when a request fails: the same words whichever driver made it."""

from typing import NamedTuple

from trader.domain.decisions import SubmitOrder
from trader.domain.events import CancelRefused, OrderRefused, OutcomeLost
from trader.domain.orders import OrderRef
from trader.domain.refusals import RefusalCode


class Outcome(NamedTuple):
    """`event` for the engine; the orders of `doubtful` must be looked up before their state is known."""

    event: OrderRefused | OutcomeLost | CancelRefused
    doubtful: tuple[OrderRef, ...] = ()


def refused(decision: SubmitOrder, code: RefusalCode, error: Exception) -> Outcome:
    """It was not placed, by the exchange's word or because it never left. Whether an order it was to replace still
    rests is not known then.
    """
    event = OrderRefused(client_id=decision.approved.intent.client_id, code=code, reason=str(error))
    return Outcome(event, () if decision.replaces is None else (decision.replaces,))


def lost(decision: SubmitOrder, error: Exception) -> Outcome:
    """Sent, and no usable answer: it and the order it replaces may exist."""
    intent = decision.approved.intent
    event = OutcomeLost(client_id=intent.client_id, reason=f"{type(error).__name__}: {error}")
    ref = OrderRef(intent.symbol, intent.client_id, is_stop=intent.stop_price is not None)
    return Outcome(event, (ref,) if decision.replaces is None else (decision.replaces, ref))


def not_canceled(ref: OrderRef, reason: str) -> Outcome:
    """There was nothing to cancel, or no answer: the order's true state has to be asked for."""
    return Outcome(CancelRefused(client_id=ref.client_id, reason=reason), (ref,))
