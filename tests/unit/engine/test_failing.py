"""A handler that raises: the event is taken back, new risk halts, and what is held keeps its stop."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.kit.builders import a_fill
from tests.kit.photograph import COUNTS, FACTS, HALT, photograph, unlogged
from tests.kit.situations import MINUTE_MS, Scene, a_scene, coins, notices, of, sent, told
from trader.domain import decisions as d
from trader.domain.decisions import Level, TradingState
from trader.domain.events import CommandName, FillArrived
from trader.domain.orders import OrderStatus, Purpose
from trader.domain.signals import Verdict
from trader.engine import algorithms
from trader.engine.entries import decide, opening
from trader.engine.guards import guard
from trader.engine.news import adoption, order_news
from trader.engine.positions import exits
from trader.risk import breakers
from trader.service.control.snapshot import snapshot


class Faulty:
    """A function that raises whenever it is called with `about`, or always; `calls` counts those."""

    def __init__(self, plain: Callable[..., object], about: object = None) -> None:
        self.plain, self.about, self.calls = plain, about, 0

    def __call__(self, *args: object, **kwargs: object) -> object:
        if self.about is None or self.about in args:
            self.calls += 1
            raise ZeroDivisionError("made up")
        return self.plain(*args, **kwargs)


def breaks(patch: pytest.MonkeyPatch, module: object, name: str, about: object = None) -> Faulty:
    faulty = Faulty(getattr(module, name), about)
    patch.setattr(module, name, faulty)
    return faulty


def holding(*bases: str, perpetual: bool = False, **settings: object) -> Scene:
    """A position in each of `bases`, its stop resting."""
    scene = a_scene(settings, instruments=coins(*(bases or ("BTC",)), perpetual=perpetual), perpetual=perpetual)
    for symbol in scene.instruments:
        scene.enter(symbol=symbol)
    scene.seen.clear()
    return scene


def is_halted(scene: Scene) -> bool:
    state, reasons = scene.trading()
    return state is TradingState.HALTED and reasons[0].startswith("could not be handled: ")


def test_every_part_of_the_state_is_logged() -> None:
    assert unlogged(holding("BTC", "XRP").engine.state) == []


def test_a_forecast_that_fails_changes_nothing_and_has_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = holding("BTC", "XRP")
    scene.wait(MINUTE_MS)
    without = {*COUNTS, *FACTS, *HALT, "_decided_ms", "_regime"}
    before = photograph(scene.engine.state, without=without)
    breaks(monkeypatch, decide, "blocked")
    breaks(monkeypatch, decide, "_hold_or_exit")
    row = scene.forecast(symbol="XRP/USDT")
    assert (row.verdict, told(row)) == (Verdict.HOLD, ("deciding failed: the log says why",))
    assert photograph(scene.engine.state, without=without) == before
    assert is_halted(scene)
    told_of = [n for n in of(scene.seen, d.Notify) if n.event == "event.failed"]
    assert [(n.level, n.symbol) for n in told_of] == [(Level.ALERT, "XRP/USDT")]
    assert told_of[0].message == "forecast: ZeroDivisionError: made up in __call__ (test_failing.py)"
    assert sent(scene.seen) == []


def test_a_failure_is_told_once_and_counted_until_a_person_resumes(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = holding()
    breaks(monkeypatch, guard, "revalue")
    for _ in range(5):
        scene.wait(1_000)
        scene.tick()
    assert notices(scene.seen, Level.ALERT) == ["event.failed"]
    assert scene.counted("failed") == (5,)
    status = snapshot(scene.settings, scene.engine.state, started_ms=0, market_ms=scene.now_ms, events=0, errors=0)
    assert (status.counters.unusable, status.counters.failed) == (0, 5)
    scene.command(CommandName.RESUME)
    scene.tick()
    assert notices(scene.seen, Level.ALERT) == ["event.failed", "event.failed"]


def test_one_symbol_that_fails_leaves_the_others_guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first in the line fails with every tick; the horizon of the other ends after 16 minutes."""
    scene = holding("BTC", "XRP")
    breaks(monkeypatch, exits, "judge", "BTC/USDT")
    scene.wait(18 * MINUTE_MS)  # and no forecast comes
    scene.tick()
    assert [(o.symbol, o.purpose) for o in sent(scene.seen)] == [("XRP/USDT", Purpose.EXIT)]


@pytest.mark.parametrize("perpetual", [False, True], ids=["spot", "perpetual"])
@pytest.mark.parametrize(
    ("module", "name"),
    [(opening, "on_entry_fill"), (algorithms, "child_changed"), (exits, "drive"), (opening, "open_plan")],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_fill_that_cannot_be_followed_is_booked_and_guarded(
    monkeypatch: pytest.MonkeyPatch, module: object, name: str, perpetual: bool
) -> None:
    scene = a_scene(perpetual=perpetual)
    scene.forecast()
    [entry] = sent(scene.seen)
    scene.seen.clear()
    with monkeypatch.context() as patch:
        breaks(patch, module, name)
        decided = scene.fill(entry.client_id)
    assert scene.held() == entry.quantity
    [stop] = sent(decided, Purpose.STOP)
    assert stop.quantity == entry.quantity
    assert is_halted(scene)
    assert "event.failed" in notices(decided, Level.ALERT)
    scene.oblige()
    scene.restart()
    scene.reconcile(is_startup=True)
    assert (scene.held(), len(scene.resting())) == (entry.quantity, 1)


@pytest.mark.parametrize("perpetual", [False, True], ids=["spot", "perpetual"])
def test_a_fill_that_the_ledger_cannot_post_is_a_position_with_a_stop(
    monkeypatch: pytest.MonkeyPatch, perpetual: bool
) -> None:
    scene = a_scene(perpetual=perpetual)
    scene.forecast()
    [entry] = sent(scene.seen)
    scene.seen.clear()
    with monkeypatch.context() as patch:
        breaks(patch, type(scene.engine.state.account.ledger), "apply")
        decided = scene.fill(entry.client_id, price=100.0)
    assert (scene.held(), scene.position().entry_price) == (entry.quantity, Decimal("100.0"))
    assert [stop.quantity for stop in sent(decided, Purpose.STOP)] == [entry.quantity]


def test_where_adoption_fails_too_the_stop_is_as_far_away_as_is_useful(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = a_scene()
    scene.forecast()
    [entry] = sent(scene.seen)
    scene.seen.clear()
    breaks(monkeypatch, opening, "on_entry_fill")
    breaks(monkeypatch, adoption, "barriers")
    decided = scene.fill(entry.client_id, price=100.01)
    [stop] = sent(decided, Purpose.STOP)
    assert stop.stop_price == Decimal("75.00")  # 25 % below the mid of 100
    assert "position.guarded" in notices(decided, Level.ALERT)


def test_news_that_cannot_be_taken_at_all_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = a_scene()
    scene.forecast()
    [entry] = sent(scene.seen)
    scene.seen.clear()
    with monkeypatch.context() as patch:
        breaks(patch, type(scene.engine.state.orders.tracker), "filled")
        assert of(scene.fill(entry.client_id), d.RequestReconcile) != []
    assert scene.held() == 0
    again = a_fill("f-1", client_id=entry.client_id, quantity=entry.quantity, price="100.01", ts_ms=scene.now_ms)
    assert [stop.quantity for stop in sent(scene.hear(FillArrived(fill=again)), Purpose.STOP)] == [entry.quantity]


def test_an_exit_whose_parent_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = holding(perpetual=True)
    held = scene.held()
    scene.command(CommandName.FLATTEN)
    [exit_order] = sent(scene.seen, Purpose.FLATTEN)
    with monkeypatch.context() as patch:
        breaks(patch, algorithms, "child_changed")
        scene.fill(exit_order.client_id, "20", ends=OrderStatus.CANCELED)
    assert scene.held() == held - 20
    scene.seen.clear()
    scene.live_on(10_000)
    assert [order.quantity for order in sent(scene.seen, Purpose.FLATTEN)] == [held - 20]
    assert scene.held() == 0


@pytest.mark.parametrize("name", [CommandName.FLATTEN, CommandName.KILL])
def test_one_position_that_cannot_be_closed_keeps_no_other_open(
    monkeypatch: pytest.MonkeyPatch, name: CommandName
) -> None:
    scene = holding("BTC", "XRP")
    breaks(monkeypatch, exits, "ask_exit", "BTC/USDT")
    decided = scene.command(name)
    assert {order.symbol for order in sent(decided, Purpose.FLATTEN)} == {"XRP/USDT"}
    [answer] = of(decided, d.AnswerCommand)
    assert answer.message.startswith(f"{name.value} failed in part")
    assert scene.trading()[0] is TradingState.HALTED


def test_an_algorithm_whose_timer_fails_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = a_scene({"execution": {"algorithm": "twap"}})
    scene.forecast()
    scene.oblige()
    breaks(monkeypatch, algorithms, "wake_algorithm")
    scene.wait(60_000)
    assert not scene.engine.state.orders.algorithms
    assert not scene.engine.state.positions.tickets
    assert [quantity for quantity, _ in scene.stops()] == [scene.held()]


def test_stops_are_placed_at_a_start_whose_reconciliation_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = holding(perpetual=True)
    [stop] = scene.resting()
    scene.restart()
    breaks(monkeypatch, order_news, "book_foreign")
    scene.report(stop.client_id, OrderStatus.CANCELED)
    decided = scene.reconcile(is_startup=True)
    assert [again.quantity for again in sent(decided, Purpose.STOP)] == [scene.held()]
    assert is_halted(scene)


def test_breakers_that_fail_halt_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = holding()
    with monkeypatch.context() as patch:
        breaks(patch, breakers, "evaluate")
        scene.tick()
    assert is_halted(scene)
    scene.restart()
    assert scene.trading()[0] is TradingState.HALTED
