"""Handlers that fail: as much of a command, of a start and of an order's end as can be done is done."""

import pytest

from tests.kit.situations import MINUTE_MS, SYMBOL, Scene, a_scene, coins, of, sent
from tests.unit.engine.test_failing import breaks, holding
from trader.domain.closing import CloseReason
from trader.domain.decisions import AnswerCommand, CancelOrder, KeepState, RequestReconcile, SetTimer
from trader.domain.events import AccountUnreachable, CommandName
from trader.domain.orders import OrderStatus, Purpose
from trader.domain.timers import TimerId, TimerKind
from trader.engine import algorithms, control
from trader.engine.news import account, order_news
from trader.risk import breakers

OTHER = "XRP/USDT"


@pytest.mark.parametrize("name", [CommandName.STOP, CommandName.PAUSE, CommandName.FLATTEN])
def test_a_stop_that_fails_stops_all_the_same_and_nothing_else_does(
    monkeypatch: pytest.MonkeyPatch, name: CommandName
) -> None:
    scene = a_scene()
    breaks(monkeypatch, control, "on_command")
    [answer] = of(scene.command(name), AnswerCommand)
    assert scene.engine.state.is_stopping is (name is CommandName.STOP)
    assert answer.message == (
        f"{name.value} failed in part: look at status and positions; nothing new is opened until resume"
    )


@pytest.mark.parametrize(
    ("name", "reason"), [(CommandName.FLATTEN, CloseReason.FLATTEN), (CommandName.KILL, CloseReason.KILL)]
)
def test_a_way_out_that_fails_still_ends_the_buying_and_leaves_what_is_held(
    monkeypatch: pytest.MonkeyPatch, name: CommandName, reason: CloseReason
) -> None:
    scene = a_scene({"execution": {"algorithm": "limit"}}, instruments=coins("BTC", "XRP"))
    scene.forecast(symbol=SYMBOL)
    [first] = sent(scene.seen, Purpose.ENTRY)
    scene.oblige()
    scene.fill(first.client_id)
    scene.oblige()
    scene.forecast(symbol=OTHER)
    buying = sent(scene.seen, Purpose.ENTRY)[-1]
    scene.oblige()
    breaks(monkeypatch, control, "on_command")
    decided = scene.command(name)
    assert [cancel.ref.client_id for cancel in of(decided, CancelOrder)] == [buying.client_id]
    tickets = [note.value for note in of(decided, KeepState) if (note.kind, note.key) == ("ticket", OTHER)]
    assert tickets == [None]
    assert scene.engine.state.positions.exits[SYMBOL].reason is reason
    assert [order.symbol for order in sent(decided, Purpose.FLATTEN)] == [SYMBOL]
    breaks(monkeypatch, control, "on_command")
    scene.command(name)
    assert set(scene.engine.state.orders.algorithms) == {sent(decided, Purpose.FLATTEN)[0].parent_id}


def test_news_of_an_order_that_cannot_even_be_noted_are_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = a_scene()
    scene.forecast()
    [entry] = sent(scene.seen)
    breaks(monkeypatch, order_news, "take_note")
    breaks(monkeypatch, algorithms, "child_changed")
    decided = scene.fill(entry.client_id)
    assert of(decided, RequestReconcile) == [RequestReconcile("what was told of an order could not be handled")]


def test_an_exit_whose_parent_fails_wants_what_is_left_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = holding(perpetual=True)
    whole = scene.held()
    scene.command(CommandName.FLATTEN)
    [order] = sent(scene.seen, Purpose.FLATTEN)
    with monkeypatch.context() as patch:
        breaks(patch, algorithms, "child_changed")
        scene.fill(order.client_id, "20", ends=OrderStatus.PARTIALLY_FILLED)
    leaving = scene.engine.state.positions.exits[scene.symbol]
    assert (leaving.quantity, leaving.attempt) == (whole - 20, 1)


def test_the_first_reconciliation_that_fails_opens_the_ledger_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    scene.live()
    breaks(monkeypatch, account, "on_reconciled")
    scene.reconcile(is_startup=True, USDT="5000")
    assert scene.cash() == 5_000
    assert scene.engine.state.account.is_reconciled
    scene.reconcile(USDT="7000")  # it has begun already: what differs is for a comparison to say
    assert scene.cash() == 5_000


def test_without_a_ledger_nothing_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    scene.live()
    breaks(monkeypatch, account, "on_reconciled")
    breaks(monkeypatch, account, "open_ledger")
    scene.reconcile(is_startup=True, USDT="5000")
    assert not scene.engine.state.account.is_reconciled


def test_an_account_that_answers_is_live_though_it_could_not_be_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = a_scene()
    scene.hear(AccountUnreachable(reason="test"))
    breaks(monkeypatch, account, "on_reconciled")
    scene.reconcile()
    assert scene.engine.state.account.is_live


@pytest.mark.parametrize("is_resumed", [True, False])
def test_at_a_start_that_fails_parents_go_on_or_end_and_exits_are_woken(
    monkeypatch: pytest.MonkeyPatch, is_resumed: bool
) -> None:
    scene = a_scene({"execution": {"algorithm": "twap"}})
    scene.forecast()
    scene.live_on(MINUTE_MS)
    [parent_id] = scene.engine.state.orders.algorithms
    scene.restart()
    breaks(monkeypatch, account, "on_reconciled")
    if not is_resumed:
        breaks(monkeypatch, algorithms, "resume_algorithm")
    scene.reconcile(is_startup=True)
    assert list(scene.engine.state.orders.algorithms) == ([parent_id] if is_resumed else [])


def test_at_a_start_that_fails_exits_are_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = holding()
    scene.price(100.0, size=1.0)
    scene.command(CommandName.FLATTEN)
    scene.restart()
    breaks(monkeypatch, account, "on_reconciled")
    decided = scene.reconcile(is_startup=True)
    assert SetTimer(TimerId(TimerKind.EXIT, SYMBOL), scene.now_ms) in decided


def test_a_halt_beside_breakers_that_fail_is_kept_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = holding()
    breaks(monkeypatch, breakers, "evaluate")
    decided = scene.tick()
    assert [note.key for note in of(decided, KeepState) if note.kind == "breakers"] == [""]
