"""Whatever the venue does, an algorithm never trades more than its parent, never has two orders alive, never acts
on an order without evidence, and never does anything twice because it was told twice or restarted."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.builders import a_book
from tests.unit.execution.driver import Run
from trader.domain.orders import AlgorithmName, Order, OrderStatus, Purpose, Side
from trader.execution.algorithms import (
    Action,
    AlgorithmInput,
    Cancel,
    ChildChanged,
    Finished,
    Place,
    Started,
    WokeUp,
)

A_LATE_TIMER = WokeUp("of another parent")
QUANTITIES = st.sampled_from(["0.06", "0.5", "7.33333", "40"])
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["ack", "fill", "fill_all", "expire", "cancel", "refuse", "lose", "absent", "wait", "book", "no_book",
             "restart", "repeat", "abort"]
        ),
        st.integers(1, 100),
    ),
    max_size=60,
)  # fmt: skip


# The minimum is asked at the touch; a passive limit or a protected sell may lie a little below it.
NEARLY = Decimal("0.98")


def happens(run: Run, what: str, amount: int) -> None:
    """One thing that may happen; orders that have ended are left alone."""
    order = run.live
    if what == "wait":
        run.advance(amount)
    elif what == "book":
        run.book = a_book(bid=99.0 + amount / 100, ask=99.02 + amount / 100)
        run.tell(A_LATE_TIMER)
    elif what == "no_book":
        run.book = None
    elif what == "restart":
        run.restart()
    elif what == "abort" and amount > 95:
        run.abort()
    elif order is not None and what != "abort":
        about_an_order(run, order, what, amount)


def about_an_order(run: Run, order: Order, what: str, amount: int) -> None:
    """News of the live order that a real venue could send in its state."""
    if what == "fill":
        portion = run.instrument.round_quantity(order.remaining * amount / 100)
        if portion and not order.status.is_terminal:
            run.fill(portion)
    elif what == "fill_all" and not order.status.is_terminal:
        run.fill(order.remaining)
    elif what == "repeat":
        assert run.tell(ChildChanged(order)) == []
        assert run.tell(A_LATE_TIMER) == run.tell(A_LATE_TIMER) == []
    elif what == "ack" and order.status in (OrderStatus.PENDING, OrderStatus.UNKNOWN):
        run.ack()
    elif what in ("expire", "cancel") and not order.status.is_terminal:
        run.end(OrderStatus.EXPIRED if what == "expire" else OrderStatus.CANCELED)
    elif what == "lose":
        run.lose()
    elif (
        what in ("refuse", "absent")
        and not order.filled
        and order.status
        in (
            OrderStatus.PENDING,
            OrderStatus.UNKNOWN,
        )
    ):
        run.refuse() if what == "refuse" else run.absent()


def is_sound(run: Run, seen: int) -> None:
    """Every invariant after every step; `seen` orders existed before it."""
    orders = [run.tracker.by_client_id(intent.client_id) for intent in run.placed]
    assert len({intent.client_id for intent in run.placed}) == len(run.placed)
    assert all(order is not None for order in orders)
    alive = [order for order in orders if order is not None and not order.is_settled]
    assert alive == [order for order in alive if order is orders[-1]]
    filled = sum((order.filled for order in orders if order is not None), Decimal(0))
    assert filled == run.state.filled <= run.state.quantity
    assert sum((order.remaining for order in alive), filled) <= run.state.quantity
    for intent in run.placed[seen:]:
        assert intent.price is not None
        assert intent.quantity * intent.price >= run.instrument.min_notional * NEARLY
        assert intent.quantity % run.instrument.quantity_step == 0
        assert intent.price % run.instrument.price_tick == 0
        assert intent.side is run.state.side
    if run.finished is not None:
        assert alive == []
        assert run.state.finished


@pytest.mark.parametrize("algorithm", AlgorithmName)
@given(
    quantity=QUANTITIES, side=st.sampled_from(Side), purpose=st.sampled_from([Purpose.ENTRY, Purpose.EXIT]), story=STEPS
)
@settings(max_examples=120, deadline=None)
def test_any_story_is_sound(
    algorithm: str, quantity: str, side: Side, purpose: Purpose, story: list[tuple[str, int]]
) -> None:
    run = Run(algorithm, quantity, side=side, purpose=purpose)
    is_sound(run, 0)
    for what, amount in story:
        seen, was_finished = len(run.placed), run.finished
        happens(run, what, amount)
        is_sound(run, seen)
        if was_finished:
            assert len(run.placed) == seen


@pytest.mark.parametrize("algorithm", AlgorithmName)
@given(quantity=QUANTITIES, purpose=st.sampled_from([Purpose.ENTRY, Purpose.EXIT]), story=STEPS)
@settings(max_examples=60, deadline=None)
def test_every_story_comes_to_an_end(
    algorithm: str, quantity: str, purpose: Purpose, story: list[tuple[str, int]]
) -> None:
    """Once the venue answers again, the parent finishes in bounded time, with a bounded number of orders."""
    run = Run(algorithm, quantity, purpose=purpose)
    for what, amount in story:
        happens(run, what, amount)
    run.book = run.book or a_book()
    run.tell(Started())
    before = len(run.placed)
    for _ in range(200):
        if run.finished is not None:
            break
        if run.live is not None:
            run.end(OrderStatus.CANCELED)
        run.advance(20)
    assert run.finished is not None
    assert len(run.placed) - before <= 25


@pytest.mark.parametrize("algorithm", AlgorithmName)
@given(story=STEPS)
@settings(max_examples=60, deadline=None)
def test_being_told_twice_changes_nothing(algorithm: str, story: list[tuple[str, int]]) -> None:
    """Every input of the story is delivered twice; only timers may be asked for again."""
    once, twice = Run(algorithm, "7.33333"), Doubled(algorithm, "7.33333")
    for what, amount in story:
        happens(once, what, amount)
        happens(twice, what, amount)
    assert [intent.client_id for intent in once.placed] == [intent.client_id for intent in twice.placed]
    assert once.cancels == twice.cancels
    assert once.finished == twice.finished
    assert once.state == twice.state


class Doubled(Run):
    """Hears everything twice."""

    def tell(self, news: AlgorithmInput) -> list[Action]:
        first = super().tell(news)
        again = super().tell(news)
        assert not any(isinstance(action, Place | Cancel | Finished) for action in again)
        return first
