"""The protective stop when nobody knows whether the exchange has it."""

from decimal import Decimal

import pytest

from tests.kit.builders import SYMBOL
from tests.kit.harness import Fault, Harness
from trader.domain.decisions import Decision, Notify, SubmitOrder
from trader.domain.events import Ticked
from trader.domain.orders import OrderStatus, Purpose


def with_first_stop_lost(fault: Fault) -> tuple[Harness, str]:
    """A position whose first stop was `fault`; the stop's client id."""
    harness = Harness()
    harness.start()
    lost: list[str] = []

    def once(decision: Decision) -> Fault | None:
        is_stop = isinstance(decision, SubmitOrder) and decision.approved.intent.purpose is Purpose.STOP
        if is_stop and not lost:
            assert isinstance(decision, SubmitOrder)
            lost.append(decision.approved.intent.client_id)
            return fault
        return None

    harness.fault = once
    harness.forecast()
    assert harness.held > 0
    return harness, lost[0]


def whole_position(harness: Harness) -> Decimal:
    return harness.instruments[SYMBOL].round_quantity(harness.held)


def test_a_stop_that_never_arrived_is_replaced_long_before_that_is_proven() -> None:
    harness, lost = with_first_stop_lost("lost_before")
    harness.put(Ticked())
    assert harness.stops() == []  # it may still be on its way
    harness.advance(1_000)
    harness.put(Ticked())
    assert [quantity for quantity, _ in harness.stops()] == [whole_position(harness)]
    harness.resolve()
    order = harness.engine.state.tracker.by_client_id(lost)
    assert order is not None
    assert order.status is OrderStatus.NOT_PLACED
    assert [quantity for quantity, _ in harness.stops()] == [whole_position(harness)]
    harness.assert_ledger_equals_exchange()
    harness.assert_no_double_orders()


def test_a_stop_that_rests_without_our_knowing_is_not_doubled() -> None:
    harness, lost = with_first_stop_lost("lost_after")
    for _ in range(10):
        harness.advance(1_000)
        harness.put(Ticked())
    assert [n.ref for n in harness.decided(Notify) if n.event == "stop.silent"] == [lost]  # tried once
    assert [quantity for quantity, _ in harness.stops()] == [whole_position(harness)]
    harness.resolve()
    assert [o.client_id for o in harness.engine.state.tracker.open_orders(SYMBOL)] == [lost]
    harness.assert_ledger_equals_exchange()


@pytest.mark.parametrize("fault", ["lost_before", "lost_after"])
def test_a_position_found_without_an_answered_stop_is_protected_as_soon_as_the_account_is_known(fault: Fault) -> None:
    harness, _ = with_first_stop_lost(fault)
    harness.advance(5_000)
    harness.restart()
    assert [quantity for quantity, _ in harness.stops()] == [whole_position(harness)]
    harness.assert_ledger_equals_exchange()
