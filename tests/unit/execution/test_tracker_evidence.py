"""What the tracker keeps of each piece of evidence, and what it says of what contradicts."""

from decimal import Decimal

import pytest

from tests.kit.builders import NOW_MS, SYMBOL, a_fill, a_report, an_intent, an_order
from tests.unit.execution.test_tracker import order_in, tracked
from trader.domain.orders import OrderStatus
from trader.domain.refusals import Refusal, RefusalCode
from trader.execution.tracker import OrderTracker

S = OrderStatus
D = Decimal


def test_every_contradiction_is_told_in_a_sentence() -> None:
    tracker = tracked()
    tracker.absent("t-1", "no record", NOW_MS)
    tracker.reported(a_report(), NOW_MS)
    tracker.filled(a_fill(quantity="1.5"), NOW_MS)
    assert tracker.take_anomalies() == [
        "order t-1 is not_placed, the exchange reports open",
        "order t-1 is not_placed, yet fill f-1 of 1.5 came",
        "order t-1 of 1 has fills of 1.5",
    ]
    assert tracker.anomaly_count == 3


@pytest.mark.parametrize("seen", ["a fill", "a reported fill"])
def test_an_order_of_which_something_was_filled_was_not_refused(seen: str) -> None:
    tracker = tracked()
    if seen == "a fill":
        tracker.filled(a_fill(quantity="0.1"), NOW_MS)
    else:
        tracker.reported(a_report(status=S.PENDING, filled="0.1"), NOW_MS)
    before = order_in(tracker)
    assert tracker.refused("t-1", Refusal(RefusalCode.INSUFFICIENT_FUNDS), NOW_MS) is None
    assert order_in(tracker) == before
    [told] = tracker.take_anomalies()
    assert told == (
        f"order t-1 is {before.status} with {before.filled} filled, told rejected: "
        f"{Refusal(RefusalCode.INSUFFICIENT_FUNDS)}"
    )


@pytest.mark.parametrize("older", [S.PENDING, S.UNKNOWN, S.OPEN, S.PARTIALLY_FILLED])
def test_older_states_that_arrive_late_are_no_contradiction(older: OrderStatus) -> None:
    tracker = tracked()
    tracker.reported(a_report(status=S.CANCELED), NOW_MS)
    tracker.reported(a_report(status=older), NOW_MS)
    assert (order_in(tracker).status, tracker.take_anomalies()) == (S.CANCELED, [])


@pytest.mark.parametrize("end", [S.REJECTED, S.NOT_PLACED])
@pytest.mark.parametrize("older", [S.PENDING, S.UNKNOWN])
def test_what_says_nothing_contradicts_nothing(end: OrderStatus, older: OrderStatus) -> None:
    tracker = tracked()
    if end is S.REJECTED:
        tracker.refused("t-1", Refusal(RefusalCode.INSUFFICIENT_FUNDS), NOW_MS)
    else:
        tracker.absent("t-1", "no record", NOW_MS)
    tracker.reported(a_report(status=older), NOW_MS)
    assert (order_in(tracker).status, tracker.take_anomalies()) == (end, [])


@pytest.mark.parametrize("end", [S.REJECTED, S.NOT_PLACED])
def test_a_fill_of_what_was_never_placed_is_told(end: OrderStatus) -> None:
    tracker = tracked()
    tracker.restore([an_order(status=end)], [])
    tracker.filled(a_fill(quantity="0.5"), NOW_MS)
    assert tracker.take_anomalies() == [f"order t-1 is {end}, yet fill f-1 of 0.5 came"]


def test_absence_of_what_was_refused_is_no_news() -> None:
    tracker = tracked()
    tracker.refused("t-1", Refusal(RefusalCode.INSUFFICIENT_FUNDS), NOW_MS)
    assert tracker.absent("t-1", "no record", NOW_MS) is None
    assert (order_in(tracker).status, tracker.take_anomalies()) == (S.REJECTED, [])
    assert tracker.absent("t-none", "no record", NOW_MS) is None
    assert tracker.take_anomalies() == []


def test_reported_fills_never_shrink_and_a_reason_stays() -> None:
    tracker = tracked()
    tracker.reported(a_report(status=S.PARTIALLY_FILLED, filled="0.5", reason="slow"), NOW_MS + 5)
    tracker.reported(a_report(status=S.PARTIALLY_FILLED, filled="0.3"), NOW_MS + 9)
    order = order_in(tracker)
    assert (order.reported_filled, order.filled) == (D("0.5"), D(0))
    assert order.refusal == Refusal(RefusalCode.REPORTED, "slow")
    assert (order.exchange_id, order.created_ms, order.updated_ms) == ("x-1", NOW_MS, NOW_MS + 5)


def test_a_fill_tells_what_the_exchange_calls_the_order() -> None:
    tracker = tracked()
    tracker.filled(a_fill("f-1", quantity="0.1"), NOW_MS)
    assert order_in(tracker).exchange_id == "x-1"
    tracker.filled(a_fill("f-2", quantity="0.1", exchange_order_id=""), NOW_MS)
    assert order_in(tracker).exchange_id == "x-1"
    assert tracker.by_exchange_id(SYMBOL, "x-1") == order_in(tracker)


def test_time_does_not_go_back() -> None:
    tracker = tracked()
    tracker.reported(a_report(), NOW_MS + 5)
    tracker.filled(a_fill(quantity="0.5"), NOW_MS + 2)
    assert order_in(tracker).updated_ms == NOW_MS + 5


def test_no_answer_is_kept_with_its_reason() -> None:
    tracker = tracked()
    order = tracker.lost("t-1", "timeout", NOW_MS + 1)
    assert order is not None
    assert (order.status, order.refusal) == (S.UNKNOWN, Refusal(RefusalCode.NO_ANSWER, "timeout"))
    assert tracker.lost("t-none", "timeout", NOW_MS) is None


def test_a_refused_cancel_says_why_or_leaves_what_was_said() -> None:
    tracker = tracked()
    tracker.cancel_requested("t-1", NOW_MS)
    order = tracker.cancel_refused("t-1", "not found", NOW_MS)
    assert order is not None
    assert (order.cancel_requested, order.refusal) == (False, Refusal(RefusalCode.CANCEL_REFUSED, "not found"))
    tracker.cancel_requested("t-1", NOW_MS)
    order = tracker.cancel_refused("t-1", "", NOW_MS)
    assert order is not None
    assert (order.cancel_requested, order.refusal) == (False, Refusal(RefusalCode.CANCEL_REFUSED, "not found"))
    assert tracker.cancel_refused("t-none", "not found", NOW_MS) is None


def test_an_order_that_ended_is_not_cancelled() -> None:
    tracker = tracked()
    tracker.reported(a_report(status=S.CANCELED, filled="0.5"), NOW_MS)
    assert tracker.cancel_requested("t-1", NOW_MS) is None
    assert not order_in(tracker).cancel_requested


def test_fees_are_added_by_currency_and_none_is_no_fee() -> None:
    tracker = tracked()
    fees = [("0.1", "USDT"), ("0", "BNB"), ("0.002", "BTC"), ("0.3", "USDT")]
    for number, (fee, currency) in enumerate(fees):
        tracker.filled(a_fill(f"f-{number}", quantity="0.1", fee=fee, fee_currency=currency), NOW_MS)
    assert order_in(tracker).fees == (("USDT", D("0.4")), ("BTC", D("0.002")))


def test_fills_of_many_digits_are_added_exactly() -> None:
    tracker = tracked("10")
    tracker.filled(a_fill("f-1", quantity="3." + "0" * 16 + "1", price="1." + "0" * 15 + "1"), NOW_MS)
    order = order_in(tracker)
    assert (order.filled, order.filled_quote) == (
        D("3." + "0" * 16 + "1"),
        D("3.000000000000000310000000000000001"),  # (3 + 1e-17) x (1 + 1e-16)
    )


def test_an_order_of_its_own_stands_for_no_other() -> None:
    order = order_in(tracked())
    assert (order.replaces, order.stands_in_for, order.cancel_requested) == ("", "", False)


def test_what_replaces_an_order_is_on_its_way_until_the_exchange_has_it() -> None:
    tracker = tracked()
    tracker.intend(an_intent("t-2"), NOW_MS, replaces="t-1")
    assert tracker.is_being_replaced("t-1")
    assert not tracker.is_being_replaced("t-2")
    tracker.reported(a_report("t-2", exchange_id="x-2"), NOW_MS)
    assert not tracker.is_being_replaced("t-1")
    assert order_in(tracker, "t-2").replaces == "t-1"


def test_a_stand_in_is_remembered_after_its_end() -> None:
    tracker = tracked()
    assert not tracker.has_stand_in("t-1")
    tracker.intend(an_intent("t-2"), NOW_MS, stands_in_for="t-1")
    assert tracker.has_stand_in("t-1")
    tracker.reported(a_report("t-2", S.CANCELED, exchange_id="x-2"), NOW_MS)
    assert tracker.has_stand_in("t-1")
    assert not tracker.has_stand_in("t-2")


def test_fills_that_are_nobodys_are_given_out_once_oldest_first() -> None:
    tracker = tracked()
    late, early = (a_fill(f"f-{ms}", client_id="", exchange_order_id="x-9", ts_ms=NOW_MS + ms) for ms in (9, 3))
    other = a_fill("f-1", symbol="ETH/USDT", client_id="", exchange_order_id="x-9")
    for fill in (late, early, other):
        tracker.filled(fill, NOW_MS)
    assert tracker.disown(SYMBOL) == (early, late)
    assert tracker.disown(SYMBOL) == ()
    assert tracker.disown("ETH/USDT") == (other,)
    assert tracker.has_fill(late)


def test_the_newest_two_hundred_fills_of_nobody_are_kept() -> None:
    tracker = tracked()
    for number in range(250):
        tracker.filled(a_fill(f"f-{number}", client_id="", exchange_order_id="x-1"), NOW_MS)
    tracker.reported(a_report(), NOW_MS)
    assert [fill.fill_id for fill in tracker.claimable("t-1")] == [f"f-{number}" for number in range(50, 250)]
    assert tracker.claimable("t-none") == ()


def test_only_fills_of_its_own_symbol_can_be_claimed() -> None:
    tracker = tracked()
    tracker.filled(a_fill("f-1", symbol="ETH/USDT", client_id="", exchange_order_id="x-1"), NOW_MS)
    tracker.filled(a_fill("f-2", client_id="", exchange_order_id="x-2"), NOW_MS)
    tracker.reported(a_report(), NOW_MS)
    assert tracker.claimable("t-1") == ()


def test_a_thousand_orders_that_ended_are_remembered() -> None:
    tracker = OrderTracker()
    for number in range(1_001):
        tracker.intend(an_intent(f"t-{number}"), NOW_MS)
        tracker.reported(a_report(f"t-{number}", S.CANCELED, exchange_id=f"x-{number}"), NOW_MS)
    assert not tracker.is_known("t-0")
    assert tracker.by_exchange_id(SYMBOL, "x-0") is None
    assert tracker.is_known("t-1")
    assert tracker.by_exchange_id(SYMBOL, "x-1") == tracker.by_client_id("t-1")


def test_fill_ids_are_forgotten_between_four_and_eight_days_after() -> None:
    tracker, day = tracked("100"), 86_400_000
    first = a_fill("f-first")
    tracker.filled(first, NOW_MS)
    tracker.filled(a_fill("f-1"), NOW_MS + 4 * day)
    tracker.filled(a_fill("f-2"), NOW_MS + 4 * day + 1)
    tracker.filled(a_fill("f-3"), NOW_MS + 8 * day + 1)
    assert tracker.has_fill(first)
    tracker.filled(a_fill("f-4"), NOW_MS + 8 * day + 2)
    assert not tracker.has_fill(first)
    assert tracker.has_fill(a_fill("f-2"))


def test_what_is_doubtful_after_a_restart_is_dated_by_it() -> None:
    pending = an_order(status=S.PENDING)
    for now_ms, dated_ms in ((NOW_MS + 7, NOW_MS + 7), (NOW_MS - 7, NOW_MS)):
        tracker = OrderTracker()
        [doubtful] = tracker.restore([pending], [], now_ms)
        assert (doubtful.status, doubtful.updated_ms) == (S.UNKNOWN, dated_ms)
        assert order_in(tracker) == doubtful
