"""Orders move only by evidence."""

from decimal import Decimal

import pytest

from tests.kit.builders import NOW_MS, a_fill, a_report, an_intent, an_order
from trader.domain.errors import InvariantBroken
from trader.domain.orders import Order, OrderStatus
from trader.domain.refusals import Refusal, RefusalCode
from trader.execution.tracker import OrderTracker

S = OrderStatus


def tracked(quantity: str = "1") -> OrderTracker:
    tracker = OrderTracker()
    tracker.intend(an_intent(quantity=quantity), NOW_MS)
    return tracker


def order_in(tracker: OrderTracker, client_id: str = "t-1") -> Order:
    order = tracker.by_client_id(client_id)
    assert order is not None
    return order


def test_from_intent_to_filled() -> None:
    tracker = tracked()
    assert order_in(tracker).status is S.PENDING
    assert tracker.reported(a_report(), NOW_MS + 1) == order_in(tracker)
    assert order_in(tracker).status is S.OPEN
    tracker.filled(a_fill("f-1", quantity="0.4", fee="0.04"), NOW_MS + 2)
    assert (order_in(tracker).status, order_in(tracker).filled) == (S.PARTIALLY_FILLED, Decimal("0.4"))
    tracker.filled(a_fill("f-2", quantity="0.6", price="101", fee="0.06"), NOW_MS + 3)
    order = order_in(tracker)
    assert order.status is S.FILLED
    assert order.is_settled
    assert order.average_price == Decimal("100.6")
    assert order.fees == (("USDT", Decimal("0.10")),)
    assert order.updated_ms == NOW_MS + 3
    assert tracker.open_orders() == ()
    assert tracker.take_anomalies() == []


def test_a_client_id_is_used_once() -> None:
    tracker = tracked()
    with pytest.raises(InvariantBroken, match="t-1"):
        tracker.intend(an_intent(), NOW_MS)


def test_the_same_fill_counts_once_and_foreign_fills_are_remembered() -> None:
    tracker = tracked()
    fill = a_fill(quantity="0.4")
    assert not tracker.has_fill(fill)
    assert tracker.filled(fill, NOW_MS) is not None
    assert tracker.filled(fill, NOW_MS) is None
    assert order_in(tracker).filled == Decimal("0.4")
    foreign = a_fill("f-9", client_id="", exchange_order_id="x-77")
    assert tracker.filled(foreign, NOW_MS) is None
    assert tracker.has_fill(foreign)
    assert not tracker.has_fill(a_fill("f-9", symbol="ETH/USDT"))  # ids are per symbol


def test_repeated_and_late_reports_change_nothing() -> None:
    tracker = tracked()
    report = a_report()
    assert tracker.reported(report, NOW_MS) is not None
    assert tracker.reported(report, NOW_MS + 50) is None
    tracker.reported(a_report(status=S.CANCELED), NOW_MS + 60)
    assert tracker.reported(report, NOW_MS + 70) is None
    assert order_in(tracker).status is S.CANCELED
    assert tracker.take_anomalies() == []


def test_an_order_ends_unsettled_until_every_reported_fill_is_here() -> None:
    tracker = tracked()
    tracker.reported(a_report(status=S.CANCELED, filled="0.5"), NOW_MS)
    assert [order.client_id for order in tracker.unsettled()] == ["t-1"]
    assert tracker.unknown_in("BTC/USDT")
    assert tracker.open_orders() == ()
    tracker.filled(a_fill(quantity="0.5"), NOW_MS)
    assert tracker.unsettled() == ()
    assert order_in(tracker).is_settled
    assert order_in(tracker).status is S.CANCELED


def test_lost_is_unknown_until_evidence() -> None:
    tracker = tracked()
    tracker.lost("t-1", "timeout", NOW_MS)
    assert tracker.unknown_in("BTC/USDT")
    assert not tracker.unknown_in("ETH/USDT")
    assert [order.client_id for order in tracker.unknown()] == ["t-1"]
    assert len(tracker.open_orders("BTC/USDT")) == 1
    tracker.reported(a_report(), NOW_MS)
    assert not tracker.unknown_in("BTC/USDT")


def test_lost_after_the_stream_told_more_changes_nothing() -> None:
    tracker = tracked()
    tracker.reported(a_report(), NOW_MS)
    assert tracker.lost("t-1", "timeout", NOW_MS) is None
    assert order_in(tracker).status is S.OPEN


def test_refused_and_absent_end_an_order_without_evidence_of_it() -> None:
    refused, absent = tracked(), tracked()
    no = Refusal(RefusalCode.INSUFFICIENT_FUNDS, "need 5")
    refused.refused("t-1", no, NOW_MS)
    assert (order_in(refused).status, order_in(refused).refusal) == (S.REJECTED, no)
    absent.lost("t-1", "timeout", NOW_MS)
    absent.absent("t-1", "no record after 10 s", NOW_MS)
    assert order_in(absent).status is S.NOT_PLACED
    assert order_in(absent).refusal == Refusal(RefusalCode.NEVER_PLACED, "no record after 10 s")
    assert absent.open_orders() == ()


@pytest.mark.parametrize("has_fill", [True, False])
def test_absence_of_an_order_that_was_seen_is_an_anomaly(has_fill: bool) -> None:
    tracker = tracked()
    if has_fill:
        tracker.filled(a_fill(quantity="0.1"), NOW_MS)
    else:
        tracker.reported(a_report(), NOW_MS)
    before = order_in(tracker)
    assert tracker.absent("t-1", "no record", NOW_MS) is None
    assert order_in(tracker) == before
    assert len(tracker.take_anomalies()) == 1
    assert tracker.take_anomalies() == []
    assert tracker.anomaly_count == 1


def test_an_order_that_rises_from_the_dead_is_an_anomaly() -> None:
    tracker = tracked()
    tracker.absent("t-1", "no record", NOW_MS)
    tracker.reported(a_report(), NOW_MS)
    assert order_in(tracker).status is S.NOT_PLACED
    assert "reports open" in tracker.take_anomalies()[0]
    tracker.filled(a_fill(quantity="0.5"), NOW_MS)
    assert order_in(tracker).filled == Decimal("0.5")  # a fill is a fact
    assert len(tracker.take_anomalies()) == 1


def test_another_end_than_the_known_one_is_an_anomaly() -> None:
    tracker = tracked()
    tracker.reported(a_report(status=S.CANCELED), NOW_MS)
    tracker.reported(a_report(status=S.FILLED, filled="1"), NOW_MS)
    assert order_in(tracker).status is S.CANCELED
    assert tracker.unsettled() != ()  # its fills are asked for all the same
    assert len(tracker.take_anomalies()) == 1


def test_more_fills_than_ordered_is_an_anomaly() -> None:
    tracker = tracked()
    tracker.filled(a_fill(quantity="1.5"), NOW_MS)
    assert order_in(tracker).filled == Decimal("1.5")
    assert len(tracker.take_anomalies()) == 1


def test_a_cancel_request_is_remembered_and_can_be_refused() -> None:
    tracker = tracked()
    assert tracker.cancel_requested("t-1", NOW_MS) is not None
    assert tracker.cancel_requested("t-1", NOW_MS) is None
    assert order_in(tracker).cancel_requested
    tracker.cancel_refused("t-1", "nothing to cancel", NOW_MS)
    assert not order_in(tracker).cancel_requested
    assert tracker.cancel_requested("t-none", NOW_MS) is None


def test_orders_are_found_by_exchange_id() -> None:
    tracker = tracked()
    tracker.reported(a_report(), NOW_MS)
    assert tracker.filled(a_fill(client_id="", exchange_order_id="x-1", quantity="0.5"), NOW_MS) is not None
    assert tracker.reported(a_report(client_id="", status=S.CANCELED, filled="0.5"), NOW_MS) is not None
    assert order_in(tracker).status is S.CANCELED
    assert tracker.by_exchange_id("ETH/USDT", "x-1") is None


def test_a_fill_that_comes_before_its_exchange_id_is_counted_once_it_is_ours() -> None:
    tracker = tracked()
    tracker.lost("t-1", "crashed", NOW_MS)
    early = a_fill(client_id="", exchange_order_id="x-1", quantity="0.5")  # account histories name no client id
    assert tracker.filled(early, NOW_MS) is None
    assert tracker.has_fill(early)
    assert tracker.claimable("t-1") == ()
    tracker.reported(a_report(status=S.PARTIALLY_FILLED, filled="0.5"), NOW_MS)
    assert tracker.claimable("t-1") == (early,)
    assert not tracker.has_fill(early)
    changed = tracker.filled(early, NOW_MS)
    assert changed is not None
    assert changed.filled == Decimal("0.5")
    assert tracker.claimable("t-1") == ()
    assert tracker.has_fill(early)
    assert tracker.filled(early, NOW_MS) is None


def test_only_a_few_strangers_are_kept() -> None:
    tracker = tracked()
    for i in range(1_000):
        tracker.filled(a_fill(f"f-{i}", client_id="", exchange_order_id="x-1"), NOW_MS)
    tracker.reported(a_report(), NOW_MS)
    assert 0 < len(tracker.claimable("t-1")) < 1_000


def test_foreign_reports_are_ignored() -> None:
    tracker = tracked()
    assert tracker.reported(a_report("web_123", exchange_id="x-9"), NOW_MS) is None


def test_restore_doubts_what_was_on_its_way() -> None:
    tracker = OrderTracker()
    pending = an_order(an_intent("t-1"), status=S.PENDING)
    resting = an_order(an_intent("t-2"), status=S.OPEN)
    done = an_order(an_intent("t-3"), status=S.FILLED, filled="1")
    doubtful = tracker.restore([pending, resting, done], [("BTC/USDT", "f-1")], NOW_MS)
    assert [order.client_id for order in doubtful] == ["t-1"]
    assert order_in(tracker).status is S.UNKNOWN
    assert [order.client_id for order in tracker.open_orders()] == ["t-1", "t-2"]
    assert tracker.is_known("t-3")
    assert tracker.filled(a_fill("f-1"), NOW_MS) is None


def test_settled_orders_are_forgotten_in_the_end() -> None:
    tracker = OrderTracker(keep_settled=10)
    for i in range(100):
        tracker.intend(an_intent(f"t-{i}"), NOW_MS)
        tracker.reported(a_report(f"t-{i}", S.CANCELED, exchange_id=f"x-{i}"), NOW_MS)
    assert not tracker.is_known("t-0")
    assert tracker.by_exchange_id("BTC/USDT", "x-0") is None
    assert tracker.is_known("t-99")
    assert sum(tracker.is_known(f"t-{i}") for i in range(100)) == 10


def test_fill_ids_are_remembered_for_days_not_for_ever() -> None:
    tracker, day = tracked("100"), 86_400_000
    first = a_fill("f-first")
    tracker.filled(first, NOW_MS)
    for i in range(1, 4):
        tracker.filled(a_fill(f"f-{i}"), NOW_MS + i * day)
        assert tracker.has_fill(first)
    for i in range(4, 14):
        tracker.filled(a_fill(f"f-{i}"), NOW_MS + i * day)
    assert not tracker.has_fill(first)
    assert tracker.has_fill(a_fill("f-13"))
