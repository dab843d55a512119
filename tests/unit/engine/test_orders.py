"""Orders and fills as the exchange tells of them, in any order and more than once; and algorithms that go on."""

from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest

from tests.kit.builders import NOW_MS, SYMBOL, a_fill, a_report
from tests.kit.situations import MINUTE_MS, Scene, a_scene, coins, notices, of, quantity, sent, stream, told
from trader.domain.account import Balance
from trader.domain.decisions import (
    CancelOrder,
    Decision,
    KeepBalance,
    KeepFill,
    KeepOrder,
    KeepPosition,
    Level,
    Notify,
    QueryOrder,
    RecordDecision,
    RecordExecution,
    RecordTrade,
    SetTimer,
    SubmitOrder,
)
from trader.domain.events import (
    AccountUnreachable,
    AnyEvent,
    CancelRefused,
    CommandName,
    CommandReceived,
    FillArrived,
    OrderAbsent,
    OrderRefused,
    OrderReported,
    OutcomeLost,
    StreamState,
    TimerFired,
)
from trader.domain.orders import Fill, OrderIntent, OrderStatus, Purpose
from trader.domain.refusals import RefusalCode
from trader.domain.signals import Verdict
from trader.domain.timers import TimerId, TimerKind


def ordered(**execution: object) -> tuple[Scene, OrderIntent]:
    """An entry was sent and has no answer yet."""
    scene = a_scene({"execution": execution})
    scene.forecast()
    [entry] = sent(scene.seen)
    return scene, entry


def the_fill(order: OrderIntent, amount: str, *, name: str = "f-1", named: bool = True) -> Fill:
    """A trade of `order`; without its client id where the exchange does not tell it."""
    return a_fill(
        name,
        client_id=order.client_id if named else "",
        exchange_order_id=f"x-{order.client_id}",
        quantity=amount,
        price="100.01",
        fee="0.1",
    )


def alerts(decisions: list[Decision]) -> list[tuple[str, str]]:
    return [(n.event, n.message) for n in of(decisions, Notify) if n.level is Level.ALERT]


# --- fills --------------------------------------------------------------------------------------------------


def test_a_fill_moves_order_position_and_balances_and_all_of_it_is_written_down() -> None:
    scene, entry = ordered()
    decided = scene.hear(FillArrived(fill=the_fill(entry, "5")))
    [kept] = of(decided, KeepFill)
    assert (kept.fill.client_id, kept.fill.quantity) == (entry.client_id, Decimal(5))
    assert [k.order.filled for k in of(decided, KeepOrder) if k.order.client_id == entry.client_id] == [Decimal(5)]
    [position] = [k.position for k in of(decided, KeepPosition)]
    assert (position.symbol, position.quantity, position.entry_price) == (SYMBOL, Decimal(5), Decimal("100.01"))
    assert [k.balance for k in of(decided, KeepBalance)] == [
        Balance("BTC", Decimal(5)),
        Balance("USDT", Decimal(10_000) - 5 * Decimal("100.01") - Decimal("0.1")),
    ]
    assert scene.counted("fills", "orders") == (1, 2)


@pytest.mark.parametrize("comes_first", ["fill", "report"])
def test_a_fill_told_twice_counts_once(comes_first: str) -> None:
    scene, entry = ordered()
    one = the_fill(entry, str(entry.quantity))
    fill: AnyEvent = FillArrived(fill=one)
    report: AnyEvent = OrderReported(
        report=a_report(
            entry.client_id,
            OrderStatus.FILLED,
            exchange_id=f"x-{entry.client_id}",
            filled=str(entry.quantity),
            fills=(one,),
        )
    )
    both = [fill, report] if comes_first == "fill" else [report, fill]
    decided = scene.hear(*both, *both)
    assert len(of(decided, KeepFill)) == 1
    assert scene.held() == entry.quantity
    scene.restart()
    assert of(scene.hear(*both), KeepFill) == []


def test_a_fill_that_comes_before_its_order_can_be_recognised_is_claimed_by_it() -> None:
    """The stream names only the exchange's id, and its fill overtakes the acknowledgement that tells it."""
    scene, entry = ordered()
    decided = scene.hear(FillArrived(fill=the_fill(entry, "5", named=False)))
    assert scene.held() == 0
    assert of(decided, KeepFill) == []
    decided = scene.hear(
        OrderReported(report=a_report(entry.client_id, OrderStatus.OPEN, exchange_id=f"x-{entry.client_id}"))
    )
    assert scene.held() == 5
    [kept] = of(decided, KeepFill)
    assert kept.fill.client_id == entry.client_id
    assert [stop.quantity for stop in sent(decided, Purpose.STOP)] == [Decimal(5)]


def test_a_report_that_says_nothing_new_changes_nothing() -> None:
    scene, entry = ordered(algorithm="limit")
    scene.report(entry.client_id, OrderStatus.OPEN)
    assert scene.report(entry.client_id, OrderStatus.OPEN) == []


def test_the_newest_fill_is_where_the_next_question_begins() -> None:
    scene, entry = ordered()
    late = msgspec.structs.replace(the_fill(entry, "2"), ts_ms=NOW_MS + 500_000)
    early = msgspec.structs.replace(the_fill(entry, "2", name="f-2"), ts_ms=NOW_MS + 400_000)
    scene.hear(FillArrived(fill=late), FillArrived(fill=early))
    assert scene.engine.reconcile_scope().fills_since_ms == {SYMBOL: NOW_MS + 500_000 - 120_000}


@pytest.mark.parametrize(("amount", "is_dust"), [("0.04", True), ("0.06", False)])
def test_dust_is_no_position_and_is_remembered(amount: str, is_dust: bool) -> None:
    scene = a_scene()
    scene.enter()
    held = scene.held()
    scene.command(CommandName.FLATTEN)
    [order] = sent(scene.seen, Purpose.FLATTEN)
    scene.fill(order.client_id, held - Decimal(amount))
    assert (scene.held() == 0) is is_dust
    dust = dict(scene.engine.state.account.ledger.dust)
    assert dust == ({"BTC": Decimal(amount)} if is_dust else {})
    scene.restart()
    assert dict(scene.engine.state.account.ledger.dust) == dust


# --- answers ------------------------------------------------------------------------------------------------


def test_an_order_without_an_answer_is_told_and_blocks_its_symbol_until_there_is_evidence() -> None:
    scene = a_scene(instruments=coins("BTC", "XRP"))
    scene.forecast(symbol="BTC/USDT")
    [entry] = sent(scene.seen)
    decided = scene.hear(OutcomeLost(client_id=entry.client_id, reason="timeout"))
    [notice] = of(decided, Notify)
    assert (notice.event, notice.level, notice.message) == ("order.unknown", Level.WARNING, "timeout")
    assert (notice.symbol, notice.ref) == ("BTC/USDT", entry.client_id)
    assert [kept.order.status for kept in of(decided, KeepOrder)] == [OrderStatus.UNKNOWN]
    scene.wait(MINUTE_MS)
    assert "an order of unknown outcome" in told(scene.forecast(symbol="BTC/USDT"))
    assert scene.forecast(symbol="XRP/USDT").verdict is Verdict.ENTER
    assert scene.hear(OutcomeLost(client_id=entry.client_id, reason="again")) == []
    scene.fill(entry.client_id)
    assert scene.held("BTC/USDT") == entry.quantity


def test_news_of_orders_nobody_knows_is_no_news() -> None:
    scene = a_scene()
    for event in (
        OutcomeLost(client_id="somebody", reason="timeout"),
        OrderAbsent(client_id="somebody", evidence="none"),
        OrderRefused(client_id="somebody", code=RefusalCode.PRICE_FILTER, reason="no"),
        CancelRefused(client_id="somebody", reason="no"),
        TimerFired(timer=TimerId(TimerKind.ALGORITHM, "somebody")),
        TimerFired(timer=TimerId(TimerKind.EXIT, SYMBOL)),
        TimerFired(timer=TimerId(TimerKind.STOP, SYMBOL)),
    ):
        assert scene.hear(event) == []


def test_a_cancel_that_was_refused_is_written_down() -> None:
    scene, entry = ordered(algorithm="limit")
    scene.report(entry.client_id, OrderStatus.OPEN)
    scene.command(CommandName.STOP)
    assert scene.order(entry.client_id).cancel_requested
    [kept] = of(scene.hear(CancelRefused(client_id=entry.client_id, reason="unknown order")), KeepOrder)
    assert not kept.order.cancel_requested
    assert "unknown order" in str(kept.order.refusal)


def test_what_contradicts_what_is_known_is_an_alert() -> None:
    scene, entry = ordered()
    scene.hear(OrderRefused(client_id=entry.client_id, code=RefusalCode.PRICE_FILTER, reason="no"))
    decided = scene.hear(FillArrived(fill=the_fill(entry, "5")))
    assert alerts(decided) == [("order.anomaly", f"order {entry.client_id} is rejected, yet fill f-1 of 5 came")]
    assert scene.held() == 5  # what was traded was traded
    assert alerts(scene.tick()) == []


def test_an_ended_order_that_owes_fills_is_asked_for_them_once_each_time_it_is_told() -> None:
    scene, entry = ordered()
    decided = scene.report(entry.client_id, OrderStatus.CANCELED, filled="5")
    [query] = of(decided, QueryOrder)
    assert (query.ref.client_id, query.ref.exchange_id, query.after_s) == (
        entry.client_id,
        f"x-{entry.client_id}",
        2.0,
    )
    assert of(scene.hear(FillArrived(fill=the_fill(entry, "5"))), QueryOrder) == []
    assert scene.order(entry.client_id).is_settled


# --- the review ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("risk", "text"),
    [
        ({"max_order_notional_frac": 0.2}, "order 2499.38 above the limit of 2000.00 USDT"),
        ({"price_band_frac": 0.002}, "price 100.31 is 0.3% from the market, at most 0.2%"),
    ],
)
def test_an_order_the_review_refuses_is_told_and_not_sent(risk: dict[str, float], text: str) -> None:
    scene = a_scene({"risk": risk})
    decided = scene.heard_forecast()
    [notice] = of(decided, Notify)
    assert (notice.event, notice.level) == ("order.refused", Level.WARNING)
    assert notice.message.startswith(text)
    assert of(decided, SubmitOrder) == []
    assert of(decided, KeepOrder) == []
    [report] = [r.report for r in of(decided, RecordExecution)]
    assert (report.filled, report.orders) == (Decimal(0), 0)
    assert scene.counted("refused", "orders") == (1, 0)
    scene.wait(MINUTE_MS)
    assert "entry under way" not in told(scene.forecast())


def sliced(settings: Mapping[str, object] | None = None) -> Scene:
    """A TWAP that has been under way for a minute."""
    scene = a_scene({"execution": {"algorithm": "twap"}, **(settings or {})})
    scene.forecast()
    scene.live_on(MINUTE_MS)
    assert 0 < scene.held() < Decimal(24)
    return scene


def test_a_slice_is_reviewed_when_it_is_sent() -> None:
    """A person pauses: what is left of a sliced entry is not bought, not even when trading is resumed."""
    scene = sliced()
    scene.hear(CommandReceived(command_id="c1", name=CommandName.PAUSE, origin="test"))
    decided = scene.live_on(MINUTE_MS)
    assert sent(decided, Purpose.ENTRY) == []
    assert "order.refused" in notices(decided)
    scene.hear(CommandReceived(command_id="c2", name=CommandName.RESUME, origin="test"))
    assert sent(scene.live_on(5 * MINUTE_MS), Purpose.ENTRY) == []


@pytest.mark.parametrize("state", [StreamState.STALE, StreamState.GAP])
def test_a_sliced_entry_waits_for_its_data_and_goes_on(state: StreamState) -> None:
    scene = sliced()
    bought = scene.held()
    scene.hear(stream(SYMBOL, state))
    decided = scene.live_on(MINUTE_MS)
    assert (sent(decided), scene.held()) == ([], bought)
    assert "order.refused" not in notices(decided)
    scene.hear(stream(SYMBOL, StreamState.LIVE))
    [late] = sent(scene.live_on(2_000), Purpose.ENTRY)
    assert late.quantity > bought / 2  # all that the minute without data has missed
    scene.live_on(4 * MINUTE_MS)
    [report] = [r.report for r in of(scene.seen, RecordExecution)]
    assert report.filled == report.quantity == scene.held()


def test_a_sliced_entry_whose_data_does_not_come_back_ends_in_its_time() -> None:
    scene = sliced()
    bought = scene.held()
    scene.hear(stream(SYMBOL, StreamState.STALE))
    scene.live_on(5 * MINUTE_MS)
    [report] = [r.report for r in of(scene.seen, RecordExecution)]
    assert report.filled == scene.held() == bought
    assert (report.ended_ms - report.started_ms) // 1000 == 300
    assert scene.stops()[0][0] == bought


def test_an_account_that_is_away_for_a_while_ends_no_entry() -> None:
    """Trading reduces as long as the account is not live: that passes, and the slices go on."""
    scene = sliced()
    scene.hear(AccountUnreachable(reason="test"))
    scene.tick()
    assert sent(scene.live_on(MINUTE_MS), Purpose.ENTRY) == []
    scene.reconcile()
    scene.live_on(4 * MINUTE_MS)
    [report] = [r.report for r in of(scene.seen, RecordExecution)]
    assert report.filled == report.quantity


def test_a_resting_entry_that_waits_for_its_data_is_repriced_after() -> None:
    scene, entry = ordered(algorithm="limit")
    scene.oblige()
    scene.hear(stream(SYMBOL, StreamState.STALE))
    scene.price(101.0)
    assert of(scene.wait(45_000), CancelOrder) == []
    scene.hear(stream(SYMBOL, StreamState.LIVE))
    scene.wait(2_000)
    scene.oblige()
    assert sent(scene.seen, Purpose.ENTRY)[-1].price > entry.price  # type: ignore[operator]  # limits have a price


def test_an_exit_does_not_wait_for_data() -> None:
    scene = a_scene()
    scene.enter()
    scene.hear(stream(SYMBOL, StreamState.STALE))
    scene.hear(CommandReceived(command_id="c1", name=CommandName.FLATTEN, origin="test"))
    scene.oblige()
    assert scene.held() == 0


def test_an_entry_that_a_limit_has_become_too_small_for_shrinks() -> None:
    """Nine tenths of 10,000 USDT were to be bought; after three slices the price is up by 1.5 %: 90 % of what the
    account is worth then are fewer coins."""
    scene = sliced(
        {
            "sizing": {"position_notional_cap_frac": 0.9, "cap_frac": 0.1, "floor_frac": 0.1},
            "risk": {"correlated_exposure_frac": 1.0, "max_order_notional_frac": 1.0},
        }
    )
    bought = scene.held()
    scene.price(101.5)
    scene.live_on(5 * MINUTE_MS)
    [report] = [r.report for r in of(scene.seen, RecordExecution)]
    worth = scene.equity.equity
    assert bought < report.filled == scene.held() < report.quantity
    assert 0.895 * worth < float(scene.held()) * 101.5 < 0.901 * worth


# --- algorithms ---------------------------------------------------------------------------------------------


def test_a_limit_order_moves_towards_the_touch_and_gives_up_what_it_did_not_get() -> None:
    scene, entry = ordered(algorithm="limit")
    prices = [entry.price]
    scene.oblige()
    for _ in range(6):
        scene.price(100.0 + 0.05 * len(prices))
        scene.wait(30_000)
        scene.oblige()
        prices = [order.price for order in sent(scene.seen, Purpose.ENTRY)]
    assert len(prices) > 2
    assert all(later > earlier for earlier, later in pairwise(prices) if earlier and later)
    scene.wait(MINUTE_MS)
    scene.oblige()
    [report] = [r.report for r in of(scene.seen, RecordExecution)]
    assert (report.algorithm, report.filled, report.orders) == ("limit", Decimal(0), len(prices))
    assert scene.engine.is_settled()


def test_a_sliced_entry_buys_everything_in_its_time() -> None:
    scene = a_scene({"execution": {"algorithm": "twap"}})
    record = scene.forecast()
    scene.live_on(5 * MINUTE_MS)
    [report] = [r.report for r in of(scene.seen, RecordExecution)]
    assert report.filled == report.quantity == quantity(record)
    assert report.orders == 10
    assert scene.held() == quantity(record)


def test_an_algorithm_goes_on_after_a_restart_and_arms_its_timer_again() -> None:
    scene = a_scene({"execution": {"algorithm": "twap"}})
    record = scene.forecast()
    scene.live_on(MINUTE_MS)
    scene.restart()
    before = len(sent(scene.seen, Purpose.ENTRY))
    scene.live_on(5_000)
    assert len(sent(scene.seen, Purpose.ENTRY)) == before  # not before the account is reconciled
    decided = scene.reconcile(is_startup=True)
    assert [timer.timer for timer in of(decided, SetTimer)] == [TimerId(TimerKind.ALGORITHM, record.parent_id)]
    scene.live_on(5 * MINUTE_MS)
    assert scene.held() == quantity(record)
    [report] = [r.report for r in of(scene.seen, RecordExecution)]
    assert report.filled == quantity(record)


def test_news_that_came_before_the_account_was_reconciled_is_told_to_the_algorithm_after() -> None:
    scene = a_scene({"execution": {"algorithm": "limit"}})
    scene.forecast()
    [entry] = sent(scene.seen)
    scene.report(entry.client_id, OrderStatus.OPEN)
    scene.restart()
    scene.fill(entry.client_id)
    assert of(scene.seen, RecordExecution) == []
    decided = scene.reconcile(is_startup=True)
    [report] = [r.report for r in of(decided, RecordExecution)]
    assert report.filled == entry.quantity
    assert [stop.quantity for stop in sent(decided, Purpose.STOP)] == [entry.quantity]


def test_an_entry_order_that_ended_while_nobody_ran_is_tried_again() -> None:
    scene, entry = ordered()
    scene.restart()
    scene.report(entry.client_id, OrderStatus.CANCELED)
    scene.reconcile(is_startup=True)
    scene.tick()
    scene.wait(1_000)
    [_, again] = sent(scene.seen, Purpose.ENTRY)
    assert again.client_id != entry.client_id
    assert again.quantity == entry.quantity


def test_the_row_of_an_entry_that_the_review_refuses_says_what_was_decided() -> None:
    scene = a_scene({"risk": {"max_order_notional_frac": 0.2}})
    [row] = of(scene.heard_forecast(), RecordDecision)
    assert row.record.verdict is Verdict.ENTER


def test_a_cancel_is_asked_for_once() -> None:
    scene, entry = ordered(algorithm="limit")
    scene.report(entry.client_id, OrderStatus.OPEN)
    assert len(of(scene.command(CommandName.STOP), CancelOrder)) == 1
    assert of(scene.command(CommandName.KILL), CancelOrder) == []
    scene.wait(10_000)
    assert [cancel.ref.client_id for cancel in of(scene.seen, CancelOrder)] == [entry.client_id]


def test_a_closed_trade_says_what_it_earned_after_fees() -> None:
    scene = a_scene()
    scene.enter()
    amount = scene.held()
    scene.wait(MINUTE_MS)
    scene.command(CommandName.FLATTEN)
    scene.fill(sent(scene.seen, Purpose.FLATTEN)[0].client_id, price=102.0)
    [trade] = [t.trade for t in of(scene.seen, RecordTrade)]
    fees = amount * Decimal("100.01") * Decimal("0.001") + amount * 102 * Decimal("0.001")
    assert trade.profit_quote == amount * (102 - Decimal("100.01")) - fees
    assert trade.fees_quote == fees
    assert (trade.opened_ms, trade.closed_ms) == (NOW_MS, NOW_MS + MINUTE_MS)
    assert (trade.quantity, trade.entry_price, trade.exit_price) == (amount, Decimal("100.01"), Decimal(102))
