"""The protective stop when nobody knows whether the exchange has it."""

from decimal import Decimal

import pytest

from tests.kit.builders import SYMBOL
from tests.kit.harness import Fault, Harness
from trader.domain.decisions import Level, Notify, SubmitOrder
from trader.domain.events import CommandName, Ticked
from trader.domain.orders import OrderStatus, Purpose


def with_first_stop_lost(fault: Fault) -> tuple[Harness, str]:
    """A position whose first stop was `fault`; the stop's client id."""
    harness = Harness()
    harness.start()
    lost: list[str] = []

    def once(order: SubmitOrder) -> Fault | None:
        if order.approved.intent.purpose is Purpose.STOP and not lost:
            lost.append(order.approved.intent.client_id)
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
    order = harness.engine.state.orders.tracker.by_client_id(lost)
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
    assert [o.client_id for o in harness.engine.state.orders.tracker.open_orders(SYMBOL)] == [lost]
    harness.assert_ledger_equals_exchange()


@pytest.mark.parametrize("fault", ["lost_before", "lost_after"])
def test_a_position_found_without_an_answered_stop_is_protected_as_soon_as_the_account_is_known(fault: Fault) -> None:
    harness, _ = with_first_stop_lost(fault)
    harness.advance(5_000)
    harness.restart()
    assert [quantity for quantity, _ in harness.stops()] == [whole_position(harness)]
    harness.assert_ledger_equals_exchange()


def unreachable(order: SubmitOrder) -> Fault | None:
    del order
    return "not_sent"


def test_a_stop_that_cannot_be_sent_waits_and_costs_no_position() -> None:
    harness = Harness()
    harness.start()
    harness.fault = lambda order: "not_sent" if order.approved.intent.purpose is Purpose.STOP else None
    harness.forecast()
    held = harness.held
    for _ in range(60):
        harness.advance(500)
        harness.put(Ticked())
    tried = [s for s in harness.decided(SubmitOrder) if s.approved.intent.purpose is Purpose.STOP]
    assert 10 <= len(tried) <= 20  # half a minute: neither given up nor hammered
    assert harness.held == held > 0
    alerts = [n.event for n in harness.decided(Notify) if n.level is Level.ALERT]
    assert set(alerts) == {"stop.refused"}
    assert len(alerts) <= 4
    harness.fault = lambda order: None
    harness.advance(2_000)
    assert [quantity for quantity, _ in harness.stops()] == [whole_position(harness)]


def test_an_exit_outlives_an_exchange_that_cannot_be_asked() -> None:
    harness = Harness()
    harness.start()
    harness.forecast()
    assert harness.held > 0
    harness.fault = unreachable
    harness.command(CommandName.FLATTEN)
    for _ in range(300):
        harness.advance(1_000)
        harness.put(Ticked())
    assert harness.held > 0
    tried = [s for s in harness.decided(SubmitOrder) if s.approved.intent.purpose is Purpose.FLATTEN]
    assert len(tried) < 250  # three orders every five seconds
    assert [n.event for n in harness.decided(Notify)].count("exit.waiting") <= 8
    harness.fault = lambda order: None
    harness.advance(10_000)
    assert harness.held == 0
    harness.assert_ledger_equals_exchange()
    harness.assert_no_double_orders()


def test_an_exit_that_waits_is_remembered_over_a_restart() -> None:
    harness = Harness()
    harness.start()
    harness.forecast()
    harness.fault = unreachable
    harness.command(CommandName.FLATTEN)
    harness.advance(20_000)
    harness.fault = lambda order: None
    harness.restart()
    harness.advance(10_000)
    assert harness.held == 0
