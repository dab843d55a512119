"""What all algorithms share: the touch they look at, what is too small, timers, and how a refusal ends or waits."""

from decimal import Decimal

import msgspec
import pytest

from tests.kit.builders import NOW_MS, a_book, an_instrument
from tests.unit.execution.driver import Run
from trader.config.execution import ExecutionSettings
from trader.domain.orders import OrderRef, Purpose, Side
from trader.domain.reasons import Code, because
from trader.execution.algorithms import ChildRefused, Place, Wake, WokeUp
from trader.execution.algorithms.children import place, refusal, wake
from trader.execution.algorithms.inputs import AlgorithmView
from trader.execution.client_ids import client_id_for, parent_id_for

WIDE = a_book(bid=90.0, ask=100.0)
NOT_LIVE = because(Code.DATA_NOT_LIVE)


def a_view(**changes: object) -> AlgorithmView:
    view = AlgorithmView(NOW_MS, WIDE, an_instrument(min_notional="5"), ExecutionSettings(), "ledger-1")
    return msgspec.structs.replace(view, **changes)


@pytest.mark.parametrize("has_book", [True, False])
@pytest.mark.parametrize(
    ("side", "quantity", "is_small"),
    [(Side.BUY, "0.05", False), (Side.BUY, "0.0499", True), (Side.SELL, "0.05", True), (Side.SELL, "0.0556", False)],
)
def test_what_is_too_small_is_so_at_the_touch_that_is_taken(
    side: Side, quantity: str, *, is_small: bool, has_book: bool
) -> None:
    """5 USDT at least: a buy at 100, a sale at 90; without a book at those of the arrival."""
    state = Run("market", "1", side=side, book=WIDE).state
    view = a_view() if has_book else a_view(book=None)
    assert (refusal(state, view, Decimal(quantity)) is not None) is is_small


@pytest.mark.parametrize(("quantity", "is_small"), [("0.1", False), ("0.09", True), ("0", True)])
def test_the_least_quantity_itself_is_enough(quantity: str, *, is_small: bool) -> None:
    least = msgspec.structs.replace(an_instrument(min_notional="0"), min_quantity=Decimal("0.1"))
    state = Run("market", "1", book=WIDE).state
    assert (refusal(state, a_view(instrument=least), Decimal(quantity)) is not None) is is_small


def test_an_order_without_a_book_has_no_price_to_be_measured_by() -> None:
    state = Run("market", "1").state
    for book, price in ((None, 0.0), (WIDE, 95.0)):
        _, [action] = place(state, a_view(book=book), Decimal(1), Decimal(90))
        assert isinstance(action, Place)
        assert action.intent.reference_price == price


def test_a_timer_that_is_armed_for_that_moment_is_not_armed_again() -> None:
    state, first = wake(Run("market", "1").state, NOW_MS + 5)
    assert first == [Wake(NOW_MS + 5)]
    assert wake(state, NOW_MS + 5) == (state, [])
    assert wake(state, NOW_MS + 6)[1] == [Wake(NOW_MS + 6)]


def test_the_timer_of_another_parent_is_not_its_own() -> None:
    run = Run("limit", "1")
    run.ack()
    assert run.tell(WokeUp("p-other")) == []
    assert [type(action) for action in run.tell(WokeUp("p-1"))] == [Wake]


def test_an_order_is_cancelled_by_all_names_it_has() -> None:
    run = Run("limit", "1")
    run.ack()
    assert run.state.ref(run.state.children[-1]) == OrderRef("BTC/USDT", run.last.client_id, f"x-{run.last.client_id}")


def test_a_first_order_that_is_refused_ends_it_though_the_reason_would_pass() -> None:
    run = Run("market", "1")
    run.tell(ChildRefused(run.last.client_id, NOT_LIVE, passes=True))
    assert run.finished == "refused: market data is not live"


def test_a_refusal_that_passes_is_waited_for_from_when_it_came() -> None:
    """A second; at the deadline a millisecond, never none."""
    run = Run("market", "2", purpose=Purpose.EXIT, side=Side.SELL)
    run.fill("1")
    run.end()
    run.now_ms += 1_000
    run.advance(0)
    run.tell(WokeUp("p-1"))
    assert len(run.placed) == 2
    run.now_ms += 400
    assert run.tell(ChildRefused(run.last.client_id, NOT_LIVE, passes=True)) == [Wake(run.now_ms + 1_000)]


@pytest.mark.parametrize("past_ms", [0, 700])
def test_a_refusal_at_the_deadline_is_waited_for_a_moment(past_ms: int) -> None:
    run = Run("twap", "10")
    run.fill("1")
    run.advance(45)
    run.now_ms = run.state.deadline_ms + past_ms
    assert run.tell(ChildRefused(run.last.client_id, NOT_LIVE, passes=True)) == [Wake(run.now_ms + 1)]


def test_who_is_stopped_without_a_word_was_aborted() -> None:
    run = Run("market", "1", has_book=False)
    run.abort("")
    assert run.finished == "aborted"


def test_the_ids_of_orders_and_parents_differ_with_all_they_are_made_of() -> None:
    """And stay what they are: a restart knows its orders by them."""
    variants = [
        ("l", "d", Purpose.ENTRY),
        ("m", "d", Purpose.ENTRY),
        ("l", "e", Purpose.ENTRY),
        ("l", "d", Purpose.EXIT),
    ]
    parents = [parent_id_for(*given) for given in variants]
    orders = [client_id_for(*given, step) for given in variants for step in (0, 1)]
    assert len({*parents, *orders}) == 4 + 8
    assert parents[0] == "p-a5f2da742d5dec029b730a776d2653bf"
    assert orders[0] == "t-d549643fab82e3e336b04447d75e5ec7"
