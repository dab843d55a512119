"""Whatever the exchange tells, in whatever order and however often: orders only move by the status table,
fills count once, and the end of a story does not depend on repetitions."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.builders import NOW_MS, a_fill, a_report, an_intent
from trader.domain.orders import Fill, Order, OrderStatus, may_follow
from trader.domain.refusals import Refusal, RefusalCode
from trader.execution.tracker import OrderTracker

S = OrderStatus
STATUSES = st.sampled_from([status for status in S if status not in (S.PENDING, S.UNKNOWN)])
NEWS = st.one_of(
    st.tuples(st.just("report"), STATUSES, st.integers(0, 10)),
    st.tuples(st.just("fill"), st.integers(0, 6), st.integers(1, 3)),
    st.tuples(st.just("lost"), st.none(), st.none()),
    st.tuples(st.just("refused"), st.none(), st.none()),
    st.tuples(st.just("absent"), st.none(), st.none()),
    st.tuples(st.just("cancel"), st.none(), st.none()),
    st.tuples(st.just("cancel_refused"), st.none(), st.none()),
)
News = tuple[str, OrderStatus | int | None, int | None]


def told(tracker: OrderTracker, news: News, now_ms: int = NOW_MS) -> Order | None:
    kind, what, amount = news
    if kind == "report":
        assert isinstance(what, OrderStatus)
        return tracker.reported(a_report(status=what, filled=f"0.{amount}"), now_ms)
    if kind == "fill":
        return tracker.filled(a_fill(f"f-{what}", quantity=f"0.{amount}"), now_ms)
    if kind == "lost":
        return tracker.lost("t-1", "timeout", now_ms)
    if kind == "refused":
        return tracker.refused("t-1", Refusal(RefusalCode.REJECTED), now_ms)
    if kind == "absent":
        return tracker.absent("t-1", "no record", now_ms)
    if kind == "cancel":
        return tracker.cancel_requested("t-1", now_ms)
    return tracker.cancel_refused("t-1", "", now_ms)


@given(st.lists(NEWS, max_size=30))
@settings(max_examples=200)
def test_an_order_moves_only_by_the_status_table_and_fills_count_once(story: list[News]) -> None:
    tracker = OrderTracker()
    order: Order = tracker.intend(an_intent(), NOW_MS)
    fills: dict[str, Fill] = {}
    for step, news in enumerate(story):
        if news[0] == "fill":
            fill = a_fill(f"f-{news[1]}", quantity=f"0.{news[2]}")
            fills.setdefault(fill.fill_id, fill)
        anomalies = tracker.anomaly_count
        changed = told(tracker, news, NOW_MS + step)
        now = tracker.by_client_id("t-1")
        assert now is not None
        assert may_follow(order.status, now.status)
        assert (changed is None) == (now == order)
        assert now.filled == sum((fill.quantity for fill in fills.values()), Decimal(0))
        assert now.filled_quote == now.filled * 100
        assert now.reported_filled >= order.reported_filled
        is_unknown, is_short = now.status is S.UNKNOWN, now.status.is_terminal and now.filled < now.reported_filled
        assert tracker.open_orders() == tracker.open_orders(now.symbol) == (() if now.status.is_terminal else (now,))
        assert tracker.unknown() == ((now,) if is_unknown else ())
        assert tracker.unsettled() == ((now,) if is_short else ())
        assert tracker.unknown_in(now.symbol) == (is_unknown or is_short)
        assert not tracker.unknown_in("ETH/USDT")
        assert now.updated_ms >= order.updated_ms
        if order.status.is_terminal and now.status is not order.status:
            assert tracker.anomaly_count > anomalies
        order = now
    in_live = order in (*tracker.open_orders(), *tracker.unsettled())
    assert in_live == (not order.is_settled)
    assert len(tracker.take_anomalies()) == tracker.anomaly_count


@given(st.lists(NEWS, max_size=15), st.data())
@settings(max_examples=100)
def test_saying_it_twice_changes_nothing(story: list[News], data: st.DataObject) -> None:
    once, twice = OrderTracker(), OrderTracker()
    for tracker in (once, twice):
        tracker.intend(an_intent(), NOW_MS)
    for news in story:
        told(once, news)
        told(twice, news)
        repeats_itself = news[0] != "cancel_refused"  # a refusal answers one request; the next request is new
        if repeats_itself and data.draw(st.booleans()):
            assert told(twice, news) is None
    assert once.by_client_id("t-1") == twice.by_client_id("t-1")


@given(st.lists(NEWS, max_size=20))
@settings(max_examples=100)
def test_a_restart_forgets_nothing_that_matters(story: list[News]) -> None:
    tracker = OrderTracker()
    tracker.intend(an_intent(), NOW_MS)
    for news in story:
        told(tracker, news)
    order = tracker.by_client_id("t-1")
    assert order is not None
    reborn = OrderTracker()
    fill_ids = {("BTC/USDT", f"f-{news[1]}") for news in story if news[0] == "fill"}
    reborn.restore([order], fill_ids, NOW_MS)
    after = reborn.by_client_id("t-1")
    assert after is not None
    assert after.status is (S.UNKNOWN if order.status is S.PENDING else order.status)
    for news in story:
        if news[0] == "fill":
            assert told(reborn, news) is None
    assert reborn.by_client_id("t-1") == after
