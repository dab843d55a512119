"""News of orders and of the account at their edges: what is noted where nothing can follow, what a start finds."""

from decimal import Decimal

import msgspec
import pytest

from tests.kit.builders import NOW_MS, SYMBOL, a_fill, a_report
from tests.kit.situations import MINUTE_MS, Scene, a_scene, coins, notices, of, sent
from trader.domain.account import Balance
from trader.domain.closing import CloseReason
from trader.domain.decisions import (
    AnswerCommand,
    CancelOrder,
    KeepFill,
    KeepOrder,
    KeepPosition,
    KeepState,
    Level,
    Notify,
    QueryOrder,
    RecordTrade,
    RequestReconcile,
)
from trader.domain.events import (
    BalancesReported,
    CommandName,
    CommandReceived,
    FillArrived,
    OrderAbsent,
    OrderRefused,
    OrderReported,
    OutcomeLost,
)
from trader.domain.orders import OrderIntent, OrderStatus, Purpose, Side
from trader.domain.refusals import Refusal, RefusalCode
from trader.engine.desk import Desk
from trader.engine.news.order_news import OrderNews, take_note
from trader.strategy.ensemble import Ensemble


def ordered() -> tuple[Scene, Desk, OrderIntent]:
    """An entry was sent; nothing is known of it."""
    scene = a_scene()
    scene.forecast()
    [entry] = sent(scene.seen)
    return scene, desk_of(scene), entry


def desk_of(scene: Scene) -> Desk:
    strategies = {symbol: Ensemble(scene.settings.strategy) for symbol in scene.instruments}
    return Desk(scene.settings, scene.engine.state, strategies)


# --- taken note of, where nothing can follow ----------------------------------------------------------------


@pytest.mark.parametrize("is_posted", [True, False])
def test_a_fill_is_noted_with_its_order_and_moves_the_position(is_posted: bool) -> None:
    scene, desk, entry = ordered()
    unnamed = a_fill(client_id="", exchange_order_id="x-7", quantity="2", price="101")
    take_note(desk, OrderReported(report=a_report(entry.client_id, OrderStatus.OPEN, exchange_id="x-7")))
    desk.begin()
    take_note(desk, FillArrived(fill=unnamed), is_posted=is_posted)
    [noted] = of(desk.out, KeepFill)
    assert noted.fill.client_id == entry.client_id
    assert of(desk.out, KeepOrder)[-1].order == scene.order(entry.client_id)
    assert scene.order(entry.client_id).filled == 2
    assert of(desk.out, KeepPosition)[-1].position == scene.position()
    assert (scene.held(), scene.position().entry_price) == (Decimal(2), Decimal(101))
    assert (scene.cash() < 10_000) is is_posted  # what the ledger could not post, reconciliation finds


def test_a_fill_that_cannot_be_posted_leaves_the_entry_price_of_what_stays() -> None:
    scene, desk, entry = ordered()
    for number, (side, quantity, price, entry_price) in enumerate(
        [(Side.BUY, "2", "101", "101"), (Side.SELL, "1", "105", "101"), (Side.SELL, "2", "106", "106")]
    ):
        fill = a_fill(f"f-{number}", client_id=entry.client_id, side=side, quantity=quantity, price=price)
        take_note(desk, FillArrived(fill=fill), is_posted=False)
        assert scene.position().entry_price == Decimal(entry_price)
    assert scene.held() == -1


def test_a_stop_that_is_only_noted_closes_its_trade_as_a_stop() -> None:
    scene = a_scene()
    scene.enter()
    desk, [stop] = desk_of(scene), scene.resting()
    fill = a_fill("s-1", client_id=stop.client_id, side=Side.SELL, quantity=stop.quantity, price="99")
    take_note(desk, FillArrived(fill=fill))
    [trade] = of(desk.out, RecordTrade)
    assert trade.trade.reason is CloseReason.STOP


@pytest.mark.parametrize(
    ("name", "status", "refusal"),
    [
        ("refused", OrderStatus.REJECTED, Refusal(RefusalCode.PRICE_FILTER, "too far")),
        ("lost", OrderStatus.UNKNOWN, Refusal(RefusalCode.NO_ANSWER, "timeout")),
        ("absent", OrderStatus.NOT_PLACED, Refusal(RefusalCode.NEVER_PLACED, "not listed")),
    ],
)
def test_an_outcome_is_noted_as_it_is_told(name: str, status: OrderStatus, refusal: Refusal) -> None:
    scene, desk, entry = ordered()
    told: dict[str, OrderNews] = {
        "refused": OrderRefused(client_id=entry.client_id, code=RefusalCode.PRICE_FILTER, reason="too far"),
        "lost": OutcomeLost(client_id=entry.client_id, reason="timeout"),
        "absent": OrderAbsent(client_id=entry.client_id, evidence="not listed"),
    }
    take_note(desk, told[name])
    [noted] = of(desk.out, KeepOrder)
    assert noted.order == scene.order(entry.client_id)
    assert noted.order.status is status
    assert noted.order.refusal == refusal


@pytest.mark.parametrize(("filled", "asks"), [("0", []), ("5", [2.0])])
def test_an_ended_order_that_owes_fills_is_asked_for_them_after_a_while(filled: str, asks: list[float]) -> None:
    scene, desk, entry = ordered()
    report = a_report(entry.client_id, OrderStatus.CANCELED, filled=filled)
    take_note(desk, OrderReported(report=report))
    assert [query.after_s for query in of(desk.out, QueryOrder)] == asks
    assert scene.order(entry.client_id).status is OrderStatus.CANCELED


def test_a_trade_of_nobody_is_looked_into_and_a_person_can_read_why() -> None:
    _, desk, _ = ordered()
    take_note(desk, FillArrived(fill=a_fill(client_id="somebody", exchange_order_id="x-99")))
    assert of(desk.out, RequestReconcile) == [RequestReconcile("a trade that is not ours")]


# --- what is followed ---------------------------------------------------------------------------------------


def test_an_outcome_is_written_down() -> None:
    scene, _, entry = ordered()
    decided = scene.hear(OrderAbsent(client_id=entry.client_id, evidence="not listed"))
    assert [kept.order.status for kept in of(decided, KeepOrder)] == [OrderStatus.NOT_PLACED]


def test_every_fill_is_counted_and_the_trade_names_its_strategy() -> None:
    scene, _, entry = ordered()
    for _ in range(3):
        scene.fill(entry.client_id, "2", ends=OrderStatus.PARTIALLY_FILLED)
    assert scene.counted("fills") == (3,)
    plans = scene.engine.state.positions.plans
    plans[SYMBOL] = msgspec.structs.replace(scene.plan(), strategy_id="another")
    scene.oblige()
    scene.command(CommandName.FLATTEN)
    scene.oblige()
    [trade] = of(scene.seen, RecordTrade)
    assert trade.trade.strategy_id == "another"


def test_dust_is_told_by_name_with_its_symbol_and_kept_without_a_key() -> None:
    scene = a_scene({"execution": {"market_tries": 1}})
    scene.forecast()
    [entry] = sent(scene.seen)
    scene.fill(entry.client_id, "0.03")
    decided = scene.price(98.0)
    assert Notify(Level.INFO, "position.dust", "0.03 is too little to be sold; it stays as dust", SYMBOL) in decided
    assert [note.key for note in of(decided, KeepState) if note.kind == "dust"] == [""]


def test_an_order_in_another_symbol_keeps_no_rest_from_becoming_dust() -> None:
    scene = a_scene({"execution": {"market_tries": 1}}, instruments=coins("BTC", "XRP"))
    scene.enter(symbol="XRP/USDT")  # its stop rests
    scene.forecast(symbol="BTC/USDT")
    entry = sent(scene.seen, Purpose.ENTRY)[-1]
    scene.fill(entry.client_id, "0.03")
    assert "position.dust" in notices(scene.price(98.0, "BTC/USDT"))


@pytest.mark.parametrize("status", [OrderStatus.OPEN, OrderStatus.CANCELED])
def test_a_stop_that_is_not_refused_is_no_trouble(status: OrderStatus) -> None:
    scene, _, entry = ordered()
    [stop] = sent(scene.fill(entry.client_id), Purpose.STOP)
    decided = scene.report(stop.client_id, status)
    assert "stop.refused" not in notices(decided)
    assert scene.engine.state.positions.stop_troubles == {}


# --- the account --------------------------------------------------------------------------------------------


def a_push(total: str) -> BalancesReported:
    return BalancesReported(balances=(Balance("USDT", Decimal(total)),), is_complete=False)


def test_a_balance_pushed_before_the_ledger_began_is_no_surprise() -> None:
    scene = Scene()
    scene.live()
    assert of(scene.hear(a_push("777")), RequestReconcile) == []


def test_a_balance_pushed_while_an_ended_order_owes_its_fills_waits_for_them() -> None:
    scene, _, entry = ordered()
    scene.report(entry.client_id, OrderStatus.CANCELED, filled="5")
    assert of(scene.hear(a_push("9500")), RequestReconcile) == []
    scene.fill(entry.client_id, "5", ends=OrderStatus.CANCELED)
    scene.oblige()
    assert of(scene.hear(a_push("9500")), RequestReconcile) != []


def test_an_exit_whose_order_the_journal_forgot_begins_anew_at_a_start() -> None:
    scene = a_scene()
    scene.enter()
    scene.command(CommandName.FLATTEN)
    [lost] = sent(scene.seen, Purpose.FLATTEN)
    scene.report(lost.client_id, OrderStatus.CANCELED)
    parent_id = scene.engine.state.positions.exits[SYMBOL].parent_id or lost.parent_id
    leaving = msgspec.structs.replace(scene.engine.state.positions.exits[SYMBOL], parent_id=parent_id)
    scene.seen.clear()
    scene.restart()
    state = scene.engine.state
    state.orders.algorithms.clear()
    state.positions.exits[SYMBOL] = leaving
    scene.wait(MINUTE_MS)
    scene.reconcile(is_startup=True)
    [again] = sent(scene.seen, Purpose.FLATTEN)
    assert again.parent_id.endswith(f"-x{scene.now_ms:x}")
    assert state.positions.exits[SYMBOL].asked_ms == scene.now_ms
    scene.oblige()
    assert scene.held() == 0


def test_a_ticket_whose_order_is_over_is_forgotten_at_a_start_for_good() -> None:
    scene, _, entry = ordered()
    ticket = scene.engine.state.positions.tickets[SYMBOL]
    scene.report(entry.client_id, OrderStatus.CANCELED)
    scene.restart()
    state = scene.engine.state
    state.orders.algorithms.clear()
    state.positions.tickets[SYMBOL] = ticket
    decided = scene.reconcile(is_startup=True)
    assert state.positions.tickets == {}
    assert [note.value for note in of(decided, KeepState) if (note.kind, note.key) == ("ticket", SYMBOL)] == [None]


def test_an_override_of_no_symbol_is_answered() -> None:
    scene = a_scene()
    [answer] = of(scene.hear(CommandReceived(command_id="o1", name=CommandName.OVERRIDE, origin="test")), AnswerCommand)
    assert answer.message == "nothing changed: no symbol is not traded"
    assert scene.now_ms == NOW_MS


def test_an_exit_goes_on_after_a_start_with_the_order_that_it_has() -> None:
    scene = a_scene(perpetual=True)
    scene.enter()
    scene.command(CommandName.FLATTEN)
    [order] = sent(scene.seen, Purpose.FLATTEN)
    scene.restart()
    decided = scene.reconcile(is_startup=True)
    assert of(decided, CancelOrder) == []
    assert list(scene.engine.state.orders.algorithms) == [order.parent_id]
    assert not scene.engine.state.orders.algorithms[order.parent_id].abort_reason


def test_an_entry_whose_position_was_closed_while_nobody_was_there_is_given_up() -> None:
    scene = a_scene({"execution": {"algorithm": "limit"}})
    scene.forecast()
    [entry] = sent(scene.seen)
    scene.oblige()
    scene.wait(1_000)
    [stop] = sent(scene.fill(entry.client_id, "5", ends=OrderStatus.PARTIALLY_FILLED), Purpose.STOP)
    scene.report(stop.client_id, OrderStatus.OPEN)
    scene.restart()
    scene.fill(stop.client_id, price=stop.stop_price)
    decided = scene.reconcile(is_startup=True)
    assert [cancel.ref.client_id for cancel in of(decided, CancelOrder)] == [entry.client_id]
