"""The account as the exchange states it against our ledger: differences, payments, trades of others, restarts."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest

from tests.kit.builders import NOW_MS, a_fill, a_model, a_report
from tests.kit.situations import DAY_MS, HOUR_MS, MINUTE_MS, PERPETUAL, Scene, a_scene, coins, notices, of, sent, told
from trader.domain.account import Balance, Payment, PaymentKind, Position
from trader.domain.decisions import (
    CancelOrder,
    Decision,
    KeepBalance,
    KeepFill,
    KeepPayment,
    KeepPosition,
    Level,
    Notify,
    QueryOrder,
    RecordTrade,
    RequestReconcile,
    TradingState,
)
from trader.domain.events import (
    AccountUnreachable,
    BalancesReported,
    CommandName,
    FillArrived,
    ModelChanged,
    OrderReported,
    OutcomeLost,
    PaymentArrived,
    Reconciled,
)
from trader.domain.orders import Fill, OrderStatus, Purpose, Side
from trader.domain.signals import Verdict


def asked_for(decisions: list[Decision]) -> list[str]:
    return [request.reason for request in of(decisions, RequestReconcile)]


def alerts(decisions: list[Decision]) -> list[tuple[str, str]]:
    return [(n.event, n.message) for n in of(decisions, Notify) if n.level is Level.ALERT]


def foreign(
    quantity: str = "2", *, side: Side = Side.BUY, price: str = "100", order: str = "h-1", forced: bool = False,
    ts_ms: int | None = None, fill_id: str = "h-f1",
) -> Fill:  # fmt: skip
    """A trade on the perpetual that no order of ours made."""
    made = a_fill(
        fill_id, symbol=PERPETUAL, client_id="", exchange_order_id=order, side=side, quantity=quantity, price=price,
        fee="0.1", ts_ms=NOW_MS if ts_ms is None else ts_ms,
    )  # fmt: skip
    return msgspec.structs.replace(made, is_forced=forced)


# --- the first start --------------------------------------------------------------------------------------


def test_a_ledger_begins_with_what_the_account_holds() -> None:
    scene = Scene()
    decided = scene.reconcile(is_startup=True, USDT="10000", BTC="0.50")
    assert [kept.balance for kept in of(decided, KeepBalance)] == [
        Balance("USDT", Decimal(10000)),
        Balance("BTC", Decimal("0.50")),
    ]
    [notice] = of(decided, Notify)
    assert (notice.event, notice.level) == ("ledger.opened", Level.INFO)
    assert notice.message == "first start with 10000 USDT, 0.5 BTC"
    assert scene.held() == 0  # what was there before us is no position of ours


def test_an_empty_account_is_one_too() -> None:
    scene = Scene()
    [notice] = of(scene.reconcile(is_startup=True), Notify)
    assert notice.message == "first start with nothing"


def test_a_ledger_is_opened_once() -> None:
    scene = a_scene()
    opened_ms = scene.opened_ms
    scene.wait(HOUR_MS)
    assert notices(scene.reconcile()) == []
    scene.restart()
    assert "ledger.opened" not in notices(scene.reconcile(is_startup=True))
    assert scene.opened_ms == opened_ms == NOW_MS


# --- differences ------------------------------------------------------------------------------------------


def test_a_deposit_is_named_when_it_was_seen_twice_and_is_no_profit() -> None:
    scene = a_scene()
    first = scene.reconcile(USDT="12500")
    assert (asked_for(first), alerts(first)) == (["a difference must be seen twice"], [])
    assert scene.cash() == 10_000
    second = scene.reconcile(USDT="12500")
    text = "USDT: 2500 came in without a fill; we held 10000, the exchange says 12500"
    assert (asked_for(second), alerts(second)) == ([], [("account.transfer", text)])
    assert of(second, KeepBalance) == [KeepBalance(Balance("USDT", Decimal(12500)))]
    assert scene.cash() == 12_500
    assert scene.equity.equity == 12_500.0
    assert (scene.equity.peak, scene.equity.day_start) == (12_500.0, 12_500.0)
    assert alerts(scene.reconcile()) == []


def test_a_withdrawal_halts_nothing() -> None:
    """60 % of the account leaves it: no loss, no drawdown."""
    scene = a_scene()
    for _ in range(2):
        scene.reconcile(USDT="4000")
    scene.tick()
    assert scene.trading() == (TradingState.ACTIVE, ())
    assert (scene.equity.peak, scene.equity.day_start) == (4_000.0, 4_000.0)
    scene.restart()
    scene.reconcile(is_startup=True)
    scene.tick()
    assert scene.trading() == (TradingState.ACTIVE, ())


def test_coins_that_came_in_count_at_their_price() -> None:
    scene = a_scene()
    for _ in range(2):
        decided = scene.reconcile(BTC="10")
    assert alerts(decided)[0][0] == "account.transfer"
    assert (scene.equity.equity, scene.equity.day_start, scene.equity.peak) == (11_000.0, 11_000.0, 11_000.0)
    assert scene.held() == 0


def test_a_withdrawal_is_no_loss_to_whoever_starts_again_right_after_it() -> None:
    scene = a_scene()
    for _ in range(2):
        scene.reconcile(USDT="4000")
    scene.restart()
    scene.reconcile(is_startup=True)
    scene.tick()
    assert scene.trading() == (TradingState.ACTIVE, ())


def test_more_than_the_peak_may_leave() -> None:
    """Gained since and all taken out: what losses are measured from does not fall below nothing."""
    scene = a_scene()
    for _ in range(2):
        scene.reconcile(BTC="200")  # came in at 100
    scene.price(150.0)
    for _ in range(2):
        scene.reconcile(BTC="0", USDT="1")
    scene.tick()
    assert (scene.equity.equity, scene.equity.day_start) == (1.0, 0.0)
    assert scene.trading()[0] is TradingState.ACTIVE


def test_what_nobody_can_price_moves_no_limit() -> None:
    scene = a_scene(instruments=coins("BTC", "XRP"))
    for _ in range(2):
        decided = scene.reconcile(DOGE="7000")
    assert [event for event, _ in alerts(decided)] == ["account.transfer"]
    scene.tick()
    assert (scene.equity.equity, scene.equity.peak, scene.equity.day_start) == (10_000.0, 10_000.0, 10_000.0)


def test_a_difference_that_changes_was_not_seen_twice() -> None:
    scene = a_scene()
    for amount in ("10100", "10200", "10300"):
        decided = scene.reconcile(USDT=amount)
        assert (asked_for(decided), alerts(decided)) == (["a difference must be seen twice"], [])
    assert scene.cash() == 10_000


def test_a_difference_that_went_away_is_forgotten() -> None:
    scene = a_scene()
    scene.reconcile(USDT="10100")
    assert asked_for(scene.reconcile()) == []
    assert asked_for(scene.reconcile(USDT="10100")) == ["a difference must be seen twice"]
    assert scene.cash() == 10_000


def test_two_differences_are_confirmed_each_for_itself() -> None:
    scene = a_scene()
    scene.reconcile(USDT="10100")
    decided = scene.reconcile(USDT="10100", DOGE="7")
    assert [event for event, _ in alerts(decided)] == ["account.transfer"]
    assert asked_for(decided) == ["a difference must be seen twice"]
    assert alerts(scene.reconcile(DOGE="7"))[0][1].startswith("DOGE: 7 came in")


def test_a_trade_by_hand_on_spot_is_recognised_by_its_two_sides() -> None:
    scene = a_scene()
    for _ in range(2):
        decided = scene.reconcile(BTC="5", USDT="9499.5")
    assert alerts(decided) == [
        ("account.manual_trade", "BTC: +5 by a trade in BTC/USDT that is not in our fills"),
        ("account.manual_trade", "USDT: -500.5 by a trade in BTC/USDT that is not in our fills"),
    ]
    assert scene.cash("BTC") == 5
    assert scene.cash() == Decimal("9499.5")
    scene.tick()
    assert scene.equity.day_start == 10_000.0  # what a person's trade cost is a loss
    assert scene.equity.equity == pytest.approx(9_999.5)


def test_nothing_is_compared_while_fills_may_be_on_their_way() -> None:
    scene = a_scene()
    scene.forecast()
    for _ in range(3):
        decided = scene.reconcile(USDT="7500")
        assert (asked_for(decided), alerts(decided)) == ([], [])
    [entry] = sent(scene.seen)
    scene.hear(OutcomeLost(client_id=entry.client_id, reason="timeout"))
    for _ in range(3):
        assert alerts(scene.reconcile(USDT="7500")) == []


def test_an_order_the_exchange_does_not_list_and_one_we_do_not_know_are_named() -> None:
    scene = a_scene({"execution": {"algorithm": "limit"}})
    scene.forecast()
    [entry] = sent(scene.seen)
    scene.report(entry.client_id, OrderStatus.OPEN)
    for _ in range(2):
        decided = scene.hear(
            Reconciled(balances=(Balance("USDT", Decimal(10_000)),), open_client_ids=("somebody",), is_startup=False)
        )
    assert [event for event, _ in alerts(decided)] == ["account.missing_order", "account.foreign_order"]
    assert [notice.ref for notice in of(decided, Notify)] == [entry.client_id, "somebody"]
    assert scene.cash() == 10_000


# --- pushed balances --------------------------------------------------------------------------------------


def test_a_pushed_balance_that_fits_asks_nothing_and_one_that_does_not_asks_for_everything() -> None:
    scene = a_scene()
    fits = BalancesReported(balances=(Balance("USDT", Decimal(9_000), Decimal(1_000)),), is_complete=False)
    assert scene.hear(fits) == []
    other = BalancesReported(balances=(Balance("USDT", Decimal(9_000)),), is_complete=False)
    assert asked_for(scene.hear(other)) == ["a balance changed without a fill of ours"]
    assert asked_for(scene.tick()) == []  # asked for once


def test_a_pushed_balance_is_looked_at_once_nothing_is_under_way() -> None:
    """The balance of a fill comes before the fill: only when the order has ended it can be compared."""
    scene = a_scene()
    scene.forecast()
    [entry] = sent(scene.seen)
    told_ = BalancesReported(balances=(Balance("BTC", Decimal("24.91651")),), is_complete=False)
    assert scene.hear(told_) == []
    scene.oblige()
    assert asked_for(scene.tick()) == []
    scene.hear(BalancesReported(balances=(Balance("BTC", Decimal(24)),), is_complete=False))
    assert "a balance changed without a fill of ours" in asked_for(scene.seen)
    assert entry.quantity == Decimal("24.91651")


# --- payments ---------------------------------------------------------------------------------------------


def payment(amount: str, *, name: str = "p-1", kind: PaymentKind = PaymentKind.FUNDING, ts_ms: int = NOW_MS) -> Payment:
    return Payment(name, kind, PERPETUAL, "USDT", Decimal(amount), ts_ms)


def test_funding_is_booked_once_and_belongs_to_the_position() -> None:
    scene = a_scene(perpetual=True)
    scene.enter(-0.02)
    before = scene.cash()
    decided = scene.hear(PaymentArrived(payment=payment("-1.5")))
    assert [kept.payment.payment_id for kept in of(decided, KeepPayment)] == ["p-1"]
    assert scene.cash() == before - Decimal("1.5")
    assert of(decided, KeepBalance) == [KeepBalance(Balance("USDT", scene.cash()))]
    [position] = [kept.position for kept in of(decided, KeepPosition)]
    assert position.realised_quote < -Decimal("1.5")
    assert notices(decided) == []
    assert scene.hear(PaymentArrived(payment=payment("-1.5"))) == []
    scene.restart()
    assert scene.hear(PaymentArrived(payment=payment("-1.5"))) == []
    assert scene.cash() == before - Decimal("1.5")


def test_what_was_paid_before_the_ledger_began_is_in_its_opening_balance() -> None:
    scene = a_scene(perpetual=True)
    assert scene.hear(PaymentArrived(payment=payment("-1.5", ts_ms=NOW_MS - 1))) == []
    assert Scene().hear(PaymentArrived(payment=payment("-1.5"))) == []  # and before it is opened nothing is booked


@pytest.mark.parametrize(
    ("kind", "amount", "is_told"),
    [
        (PaymentKind.LIQUIDATION, "-12.5", True),
        (PaymentKind.LIQUIDATION, "12.5", False),
        (PaymentKind.LIQUIDATION, "0", False),
        (PaymentKind.FUNDING, "-12.5", False),
    ],
)
def test_what_a_liquidation_costs_is_told(kind: PaymentKind, amount: str, is_told: bool) -> None:
    scene = a_scene(perpetual=True)
    decided = scene.hear(PaymentArrived(payment=payment(amount, kind=kind)))
    text = "a liquidation cost 12.5 USDT beyond its fills"
    cost = Notify(Level.ALERT, "account.liquidation_cost", text, symbol=PERPETUAL, ref="p-1")
    assert of(decided, Notify) == ([cost] if is_told else [])


def test_payments_of_the_last_week_are_never_booked_twice() -> None:
    """Older ones are forgotten once there are five thousand: nobody asks for them again."""
    scene = a_scene(perpetual=True)
    week_ms = 7 * DAY_MS
    for number in range(2):
        scene.hear(PaymentArrived(payment=payment("-1", name=f"old-{number}", ts_ms=NOW_MS + number)))
    scene.wait(week_ms)
    scene.hear(
        *(PaymentArrived(payment=payment("-1", name=f"p-{n}", ts_ms=NOW_MS + 1 + week_ms)) for n in range(4_998))
    )
    before = scene.cash()
    assert scene.hear(PaymentArrived(payment=payment("-1", name="old-0"))) == []  # five thousand are all remembered
    scene.hear(PaymentArrived(payment=payment("-1", name="one more", ts_ms=NOW_MS + 1 + week_ms)))
    assert scene.cash() == before - 1
    again = [
        PaymentArrived(payment=payment("-1", name=name, ts_ms=NOW_MS + 1)) for name in ("old-1", "p-0", "one more")
    ]
    assert scene.hear(*again) == []
    assert scene.hear(PaymentArrived(payment=payment("-1", name="old-0"))) != []


def test_payments_are_asked_for_from_a_day_before_the_newest_one() -> None:
    scene = a_scene(perpetual=True)
    assert scene.engine.reconcile_scope().payments_since_ms == NOW_MS
    scene.wait(3 * DAY_MS)
    scene.hear(PaymentArrived(payment=payment("-1", ts_ms=NOW_MS + 3 * DAY_MS)))
    assert scene.engine.reconcile_scope().payments_since_ms == NOW_MS + 2 * DAY_MS
    scene.wait(2 * DAY_MS)
    scene.reconcile()
    assert scene.engine.reconcile_scope().payments_since_ms == NOW_MS + 4 * DAY_MS


# --- trades of others -------------------------------------------------------------------------------------


def reconciled(scene: Scene, positions: Sequence[Position]) -> list[Decision]:
    return scene.reconcile(positions=positions)


def a_position(quantity: str, price: str = "100") -> Position:
    return Position(PERPETUAL, Decimal(quantity), Decimal(price), NOW_MS)


@pytest.fixture
def perpetual() -> Scene:
    """A perpetual account whose positions without a plan are left alone."""
    return a_scene({"risk": {"startup_policy": "halt"}}, perpetual=True)


def test_a_trade_that_is_not_ours_asks_for_everything_and_is_booked_when_nothing_is_in_doubt(perpetual: Scene) -> None:
    scene = perpetual
    scene.wait(1_000)
    decided = scene.hear(FillArrived(fill=foreign("2")))
    assert asked_for(decided) == ["a trade that is not ours"]
    assert scene.held() == 0
    decided = reconciled(scene, [a_position("2")])
    text = "traded by hand: buy 2 at 100 on average (order h-1)"
    assert of(decided, Notify)[0] == Notify(Level.ALERT, "account.manual_trade", text, symbol=PERPETUAL, ref="h-1")
    assert [kept.fill.fill_id for kept in of(decided, KeepFill)] == ["h-f1"]
    assert scene.held() == 2
    assert scene.cash() == Decimal("9999.9")
    assert alerts(reconciled(scene, [a_position("2")])) == []  # once


def test_one_line_for_one_order_of_somebody_else(perpetual: Scene) -> None:
    scene = perpetual
    for number, (quantity, price) in enumerate((("1", "100"), ("3", "104"))):
        scene.hear(FillArrived(fill=foreign(quantity, price=price, fill_id=f"h-{number}")))
    scene.hear(FillArrived(fill=foreign("1", price="99", order="h-2", fill_id="h-9")))
    texts = [text for event, text in alerts(reconciled(scene, [a_position("5")])) if event == "account.manual_trade"]
    assert texts == [
        "traded by hand: buy 4 at 103 on average (order h-1)",
        "traded by hand: buy 1 at 99 on average (order h-2)",
    ]


def test_a_liquidation_is_named_what_it_is(perpetual: Scene) -> None:
    scene = perpetual
    scene.enter(-0.02)
    held = scene.held()
    scene.hear(FillArrived(fill=foreign(str(-held), price="150", forced=True)))
    decided = reconciled(scene, [])
    assert alerts(decided) == [
        ("position.liquidated", f"liquidated: buy {-held} at 150 on average (order h-1)"),
    ]
    assert [trade.trade.reason for trade in of(decided, RecordTrade)] == ["liquidation"]
    assert scene.held() == 0
    assert not scene.has_plan()


def test_a_position_closed_by_hand_is_closed_and_its_stop_taken_back(perpetual: Scene) -> None:
    scene = perpetual
    scene.enter(-0.02)
    held = scene.held()
    scene.hear(FillArrived(fill=foreign(str(-held))))
    decided = reconciled(scene, [])
    assert [trade.trade.reason for trade in of(decided, RecordTrade)] == ["by hand"]
    assert len(of(decided, CancelOrder)) == 1
    scene.oblige()
    assert scene.stops() == []


def test_a_trade_by_hand_ends_our_own_buying_there() -> None:
    scene = a_scene({"execution": {"algorithm": "limit"}, "risk": {"startup_policy": "halt"}}, perpetual=True)
    scene.forecast(-0.02)
    [entry] = sent(scene.seen)
    scene.report(entry.client_id, OrderStatus.OPEN)
    scene.hear(FillArrived(fill=foreign("1", side=Side.SELL)))
    decided = reconciled(scene, [a_position("-1")])
    assert [cancel.ref.client_id for cancel in of(decided, CancelOrder)] == [entry.client_id]


def test_a_trade_from_before_the_ledger_began_is_part_of_what_it_began_with(perpetual: Scene) -> None:
    scene = perpetual
    scene.hear(FillArrived(fill=foreign("2", ts_ms=NOW_MS - 1)))
    decided = reconciled(scene, [])
    assert alerts(decided) == []
    assert scene.held() == 0


def test_a_position_that_differs_without_a_trade_follows_the_exchange_when_seen_twice(perpetual: Scene) -> None:
    scene = perpetual
    first = reconciled(scene, [a_position("-3", "95")])
    assert asked_for(first) == ["a difference must be seen twice"]
    assert scene.held() == 0
    decided = reconciled(scene, [a_position("-3", "95")])
    assert alerts(decided)[:2] == [
        ("account.position", f"{PERPETUAL}: we hold +0, the exchange says -3"),
        ("position.unplanned", f"-3 {PERPETUAL} has no plan; policy halt"),
    ]
    assert scene.held() == -3
    assert scene.trading() == (TradingState.HALTED, (f"-3 {PERPETUAL} has no plan; policy halt",))
    assert [order.purpose for order in sent(decided)] == [Purpose.STOP]


@pytest.mark.parametrize(
    ("told_quantity", "is_kept"),
    [("-10", True), ("-0.5", True), (None, False), ("4", False), ("0.5", False)],
    ids=["smaller", "much smaller", "gone", "turned", "just turned"],
)
def test_a_plan_outlives_only_its_own_side(perpetual: Scene, told_quantity: str | None, is_kept: bool) -> None:
    scene = perpetual
    scene.enter(-0.02)
    plan, opened_ms = scene.plan(), scene.plan().opened_ms
    positions = [] if told_quantity is None else [a_position(told_quantity)]
    for _ in range(2):
        scene.wait(1_000)
        decided = reconciled(scene, positions)
    scene.oblige()
    assert "account.position" in [event for event, _ in alerts(decided)]
    assert scene.held() == Decimal(told_quantity or 0)
    assert (scene.has_plan() and scene.plan().decision_id == plan.decision_id) is is_kept
    if is_kept:
        assert scene.stops()[0][0] == abs(Decimal(told_quantity or 0))
        assert scene.position().opened_ms == opened_ms


@pytest.mark.parametrize(("told_ms", "opened_ms"), [(NOW_MS - 5, NOW_MS - 5), (0, NOW_MS + 1_000)])
def test_a_position_that_was_found_began_when_the_exchange_says_or_now(
    perpetual: Scene, told_ms: int, opened_ms: int
) -> None:
    scene = perpetual
    scene.wait(1_000)
    found = Position(PERPETUAL, Decimal(-3), Decimal(95), told_ms)
    for _ in range(2):
        decided = reconciled(scene, [found])
    [kept] = of(decided, KeepPosition)
    assert kept.position == msgspec.structs.replace(found, opened_ms=opened_ms)
    assert scene.position() == kept.position


def test_a_position_without_a_plan_is_closed_where_that_is_the_policy() -> None:
    scene = a_scene({"risk": {"startup_policy": "flatten"}}, perpetual=True)
    for _ in range(2):
        decided = reconciled(scene, [a_position("-3")])
    [order] = sent(decided, Purpose.FLATTEN)
    assert (order.side, order.quantity, order.reduce_only) == (Side.BUY, Decimal(3), True)
    scene.oblige()
    assert scene.held() == 0
    assert [trade.trade.reason for trade in of(scene.seen, RecordTrade)] == ["no plan for it"]


def test_a_position_with_a_plan_is_nobodys_business(perpetual: Scene) -> None:
    scene = perpetual
    scene.enter(-0.02)
    scene.restart()
    decided = scene.reconcile(is_startup=True)
    assert "position.unplanned" not in notices(decided)
    assert scene.trading()[0] is TradingState.ACTIVE


# --- the stream -------------------------------------------------------------------------------------------


def test_an_account_that_cannot_be_heard_opens_nothing_until_it_was_asked_in_full() -> None:
    scene = a_scene()
    decided = scene.hear(AccountUnreachable(reason="socket closed"))
    assert decided == [Notify(Level.WARNING, "account.unreachable", "socket closed")]
    scene.tick()
    assert scene.trading() == (TradingState.REDUCING, ("account stream is not live",))
    scene.reconcile()
    scene.tick()
    assert scene.trading() == (TradingState.ACTIVE, ())


# --- start-up ---------------------------------------------------------------------------------------------


def test_an_entry_whose_order_never_left_is_forgotten_at_the_start() -> None:
    """Written down, not sent, and the process ended: the exchange has none, so the entry goes on as one that failed."""
    scene = a_scene()
    scene.forecast()
    scene.restart()
    assert scene.engine.is_settled() is False
    scene.reconcile(is_startup=True)
    [entry] = sent(scene.seen)
    assert scene.order(entry.client_id).status is OrderStatus.UNKNOWN


def test_what_is_asked_for_at_the_start_and_afterwards() -> None:
    scene = a_scene(instruments=coins("BTC", "XRP"))
    scene.enter(symbol="BTC/USDT")
    scope = scene.engine.reconcile_scope()
    [stop] = sent(scene.seen, Purpose.STOP)
    assert [(ref.client_id, ref.is_stop, ref.exchange_id) for ref in scope.refs] == [
        (stop.client_id, True, f"x-{stop.client_id}")
    ]
    assert scope.fills_since_ms == {"BTC/USDT": NOW_MS - 120_000, "XRP/USDT": NOW_MS - 120_000}
    scene.wait(HOUR_MS)
    scene.forecast(symbol="XRP/USDT")
    scene.oblige()
    later = scene.engine.reconcile_scope().fills_since_ms
    assert later == {"BTC/USDT": NOW_MS - 120_000, "XRP/USDT": NOW_MS + HOUR_MS - 120_000}
    fresh = Scene()
    assert (fresh.engine.reconcile_scope().fills_since_ms, fresh.engine.reconcile_scope().payments_since_ms) == (
        {},
        None,
    )


def test_after_a_restart_trades_of_others_are_asked_for_a_day_back_on_perpetuals() -> None:
    scene = a_scene(perpetual=True)
    scene.wait(3 * DAY_MS)
    scene.enter(-0.02)
    assert scene.engine.reconcile_scope().fills_since_ms == {PERPETUAL: NOW_MS + 3 * DAY_MS - 120_000}
    scene.restart()
    assert scene.engine.reconcile_scope().fills_since_ms == {PERPETUAL: NOW_MS + 2 * DAY_MS}
    scene.reconcile(is_startup=True)
    assert scene.engine.reconcile_scope().fills_since_ms == {PERPETUAL: NOW_MS + 3 * DAY_MS - 120_000}


def test_fills_an_ended_order_still_owes_are_asked_for() -> None:
    scene = a_scene()
    scene.forecast()
    [entry] = sent(scene.seen)
    decided = scene.report(entry.client_id, OrderStatus.FILLED, filled=str(entry.quantity))
    [query] = of(decided, QueryOrder)
    assert (query.ref.client_id, query.after_s) == (entry.client_id, 2.0)
    assert scene.engine.is_settled() is False
    scene.wait(MINUTE_MS)
    assert told(scene.forecast()) == ("entry under way", "an order of unknown outcome")
    scene.fill(entry.client_id)
    scene.oblige()
    assert scene.engine.is_settled() is True


def test_a_daemon_is_settled_when_every_order_has_an_answer_and_nothing_is_being_bought() -> None:
    scene = a_scene()
    assert scene.engine.is_settled()
    scene.forecast()
    [entry] = sent(scene.seen)
    assert not scene.engine.is_settled()  # an entry is under way
    [stop] = sent(scene.fill(entry.client_id), Purpose.STOP)
    assert not scene.engine.is_settled()  # its stop has no answer
    scene.hear(OutcomeLost(client_id=stop.client_id, reason="timeout"))
    assert not scene.engine.is_settled()  # nor will it have one
    scene.report(stop.client_id, OrderStatus.OPEN)
    assert scene.engine.is_settled()
    sliced = a_scene({"execution": {"algorithm": "twap"}})
    sliced.forecast()
    sliced.live_on(1_000)
    assert not sliced.engine.is_settled()  # all orders have answers, but more slices follow


def test_an_exit_between_two_tries_is_settled() -> None:
    """A daemon that shuts down then goes on with it at its next start."""
    scene = a_scene(perpetual=True)
    scene.enter(-0.02)
    scene.command(CommandName.FLATTEN)
    [order] = sent(scene.seen, Purpose.FLATTEN)
    assert not scene.engine.is_settled()
    scene.report(order.client_id, OrderStatus.CANCELED)
    assert scene.engine.is_settled()


def test_an_order_that_is_not_ours_changes_nothing() -> None:
    scene = a_scene()
    assert scene.hear(OrderReported(report=a_report("somebody", OrderStatus.OPEN))) == []


def test_a_new_model_after_a_restart_is_the_one_that_counts() -> None:
    scene = a_scene()
    scene.restart()
    scene.reconcile(is_startup=True)
    scene.hear(ModelChanged(model=a_model(slope=0.05)))
    scene.wait(MINUTE_MS)
    record = scene.forecast(0.02)
    assert record.verdict is Verdict.SKIP
    assert record.edge_bps == pytest.approx(10.0)
