"""One turn of the engine: an event and what was decided on it. Whatever is outside the engine hears turns.

Live and in a replay the order is the same: decide, journal, act, then tell the outlets.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, assert_never

from trader.domain.decisions import (
    Action,
    AnswerCommand,
    CancelOrder,
    Decision,
    QueryOrder,
    RequestReconcile,
    SetTimer,
    SubmitOrder,
)
from trader.domain.events import AnyEvent, BookUpdated, PassingEvent, Ticked, TradePrinted


class Turn(NamedTuple):
    """What the journal writes, the driver acts on and the outlets hear."""

    event: AnyEvent
    decisions: Sequence[Decision] = ()  # in the order they were made; nobody changes it

    @property
    def seq(self) -> int:
        """The event's number: turns follow each other without a hole."""
        return self.event.seq

    @property
    def sends(self) -> bool:
        """Whether acting on it changes something at the exchange: then it must be on disk first."""
        return any(type(decision) in (SubmitOrder, CancelOrder) for decision in self.decisions)

    @property
    def is_kept(self) -> bool:
        """Whether the journal has more of it than its number: market data and heartbeats alone are not kept."""
        return bool(self.decisions) or not isinstance(self.event, PassingEvent)

    @property
    def is_news(self) -> bool:
        """Whether outlets hear it: not the quotes, trades and heartbeats on which nothing was decided."""
        return bool(self.decisions) or type(self.event) not in (BookUpdated, TradePrinted, Ticked)


class Hands(Protocol):
    """What a driver does for each kind of `Action`. Nothing here waits; outcomes come back as events."""

    def request(self, decision: SubmitOrder | CancelOrder | QueryOrder) -> None:
        """Take it to the exchange."""

    def set_timer(self, decision: SetTimer) -> None: ...

    def ask_reconcile(self, decision: RequestReconcile) -> None: ...

    def answer(self, decision: AnswerCommand) -> None: ...


def act(decision: Decision, hands: Hands) -> None:
    """Carry out one decision. What is only kept or told is done once journal and outlets have it."""
    if not isinstance(decision, Action):
        return
    match decision:
        case SubmitOrder() | CancelOrder() | QueryOrder():
            hands.request(decision)
        case SetTimer():
            hands.set_timer(decision)
        case RequestReconcile():
            hands.ask_reconcile(decision)
        case AnswerCommand():
            hands.answer(decision)
        case _:
            assert_never(decision)
