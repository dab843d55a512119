"""What a driver does with a turn, and that no kind of event or decision is outside the unions it is typed by."""

from decimal import Decimal
from typing import get_args

import pytest

from tests.kit.builders import a_book
from trader.domain.account import Balance
from trader.domain.decisions import (
    Action,
    AnswerCommand,
    CancelOrder,
    Decision,
    DecisionBase,
    KeepBalance,
    Kept,
    Level,
    Notify,
    QueryOrder,
    RequestReconcile,
    SetTimer,
    SubmitOrder,
)
from trader.domain.events import (
    AccountUnreachable,
    AnyEvent,
    BookUpdated,
    Event,
    KeptEvent,
    PassingEvent,
    StreamChanged,
    StreamState,
    Ticked,
)
from trader.domain.orders import OrderRef
from trader.domain.timers import TimerId, TimerKind
from trader.runtime.turn import Turn, act

REF = OrderRef("BTC/USDT", "t-1")
LIVE = StreamChanged(symbol="BTC/USDT", state=StreamState.LIVE, reason="test")
KEPT = KeepBalance(Balance("USDT", Decimal(1)))
TOLD = Notify(Level.INFO, "test.told", "of no consequence")


class Written:
    """Hands that write down what they are given."""

    def __init__(self) -> None:
        self.done: list[tuple[str, Decision]] = []

    def request(self, decision: SubmitOrder | CancelOrder | QueryOrder) -> None:
        self.done.append(("request", decision))

    def set_timer(self, decision: SetTimer) -> None:
        self.done.append(("set_timer", decision))

    def ask_reconcile(self, decision: RequestReconcile) -> None:
        self.done.append(("ask_reconcile", decision))

    def answer(self, decision: AnswerCommand) -> None:
        self.done.append(("answer", decision))


@pytest.mark.parametrize(
    ("decision", "hand"),
    [
        (CancelOrder(REF), "request"),
        (QueryOrder(REF), "request"),
        (SetTimer(TimerId(TimerKind.STOP, "t"), 5), "set_timer"),
        (RequestReconcile("asked"), "ask_reconcile"),
        (AnswerCommand("c1", "done"), "answer"),
    ],
)
def test_each_action_has_its_hand(decision: Decision, hand: str) -> None:
    hands = Written()
    act(decision, hands)
    assert hands.done == [(hand, decision)]


@pytest.mark.parametrize("decision", [KEPT, TOLD])
def test_what_is_kept_or_told_needs_no_hand(decision: Decision) -> None:
    hands = Written()
    act(decision, hands)
    assert hands.done == []


def test_a_turn_is_the_pair_that_the_journal_writes() -> None:
    event, decisions = Turn(Ticked(seq=7), (TOLD,))
    assert (event, decisions) == (Ticked(seq=7), (TOLD,))
    assert Turn(Ticked(seq=7)).seq == 7


def test_only_what_changes_the_exchange_must_be_on_disk_first() -> None:
    assert Turn(Ticked(), (TOLD, CancelOrder(REF))).sends
    assert not Turn(Ticked(), (QueryOrder(REF), KEPT, SetTimer(TimerId(TimerKind.STOP, "t"), 5))).sends


def test_market_data_and_heartbeats_are_kept_once_something_is_decided_on_them() -> None:
    assert not Turn(BookUpdated(book=a_book())).is_kept
    assert not Turn(LIVE).is_kept
    assert not Turn(Ticked()).is_kept
    assert Turn(Ticked(), (KEPT,)).is_kept
    assert Turn(AccountUnreachable(reason="test")).is_kept


def test_quotes_and_heartbeats_are_news_once_something_is_decided_on_them() -> None:
    assert not Turn(BookUpdated(book=a_book())).is_news
    assert not Turn(Ticked()).is_news
    assert Turn(BookUpdated(book=a_book()), (TOLD,)).is_news
    assert Turn(LIVE).is_news


def test_every_kind_of_decision_is_an_action_or_kept_or_told() -> None:
    kinds = [*get_args(Action), *get_args(Kept), Notify]
    assert len(kinds) == len(set(kinds))
    assert set(kinds) == set(get_args(Decision)) == set(DecisionBase.__subclasses__())


def test_every_kind_of_event_is_kept_by_the_ledger_or_passes() -> None:
    kinds = [*get_args(KeptEvent), *get_args(PassingEvent)]
    assert len(kinds) == len(set(kinds))
    assert set(kinds) == set(get_args(AnyEvent)) == set(Event.__subclasses__())
