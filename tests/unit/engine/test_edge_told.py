"""What a person is told of events that cannot be used: about which symbol, how often, and how many at most."""

from decimal import Decimal

import pytest

from tests.kit.builders import NOW_MS, SYMBOL, a_book, a_fill, a_forecast, a_model, a_report, an_instrument
from tests.kit.situations import DAY_MS, MINUTE_MS, Scene, a_scene, notices, of
from trader.domain.account import Payment, PaymentKind
from trader.domain.decisions import Level, Notify, RequestReconcile
from trader.domain.errors import InvariantBroken
from trader.domain.events import (
    AnyEvent,
    BookUpdated,
    CandleClosed,
    FillArrived,
    ForecastMade,
    FundingSettled,
    InstrumentChanged,
    ModelChanged,
    OrderReported,
    PaymentArrived,
    StreamChanged,
    StreamState,
    Ticked,
    TimerFired,
)
from trader.domain.market import Book, Candle, FundingRate
from trader.domain.timers import TimerId, TimerKind
from trader.engine.desk import Desk
from trader.engine.guards import guard
from trader.engine.safety.edge import refuse, refuse_book, subject_of
from trader.strategy.ensemble import Ensemble

A_CANDLE = Candle(SYMBOL, NOW_MS, NOW_MS + MINUTE_MS, 1.0, 1.0, 1.0, 1.0, 1.0)
A_PAYMENT = Payment("p1", PaymentKind.FUNDING, SYMBOL, "USDT", Decimal(1), NOW_MS)


def desk_of(scene: Scene) -> Desk:
    return Desk(scene.settings, scene.engine.state, {s: Ensemble(scene.settings.strategy) for s in scene.instruments})


@pytest.mark.parametrize(
    ("event", "symbol"),
    [
        (ForecastMade(forecast=a_forecast()), SYMBOL),
        (CandleClosed(candle=A_CANDLE), SYMBOL),
        (BookUpdated(book=a_book()), SYMBOL),
        (FillArrived(fill=a_fill()), SYMBOL),
        (OrderReported(report=a_report()), SYMBOL),
        (PaymentArrived(payment=A_PAYMENT), SYMBOL),
        (InstrumentChanged(instrument=an_instrument()), SYMBOL),
        (FundingSettled(funding=FundingRate(SYMBOL, NOW_MS, 0.0), every_ms=0), SYMBOL),
        (StreamChanged(symbol=SYMBOL, state=StreamState.LIVE, reason=""), SYMBOL),
        (TimerFired(timer=TimerId(TimerKind.EXIT, SYMBOL)), SYMBOL),
        (TimerFired(timer=TimerId(TimerKind.ALGORITHM, "d1")), ""),  # the key is that of a parent order
        (ModelChanged(model=a_model()), ""),
        (Ticked(), ""),
    ],
)
def test_a_refusal_is_told_with_the_symbol_that_the_event_is_about(event: AnyEvent, symbol: str) -> None:
    assert subject_of(event) == symbol
    desk = desk_of(a_scene())
    refuse(desk, event, "made up")
    [notice] = [notice for notice in of(desk.out, Notify) if notice.event == "input.refused"]
    assert (notice.symbol, notice.level) == (symbol, Level.WARNING)
    assert notice.message.endswith(" refused: made up")


def test_what_was_told_of_an_order_is_asked_for_again_once_a_day() -> None:
    desk = desk_of(a_scene())
    for _ in range(3):
        refuse(desk, FillArrived(fill=a_fill()), "made up")
        refuse(desk, ModelChanged(model=a_model()), "made up")
    assert of(desk.out, RequestReconcile) == [RequestReconcile("what was told of an order cannot be used")]
    assert len(of(desk.out, Notify)) == 2
    assert desk.state.counters["unusable"] == 6


def test_no_more_than_two_hundred_are_told_and_what_was_told_is_told_again_the_next_day() -> None:
    desk = desk_of(a_scene())
    for number in range(205):
        refuse(desk, StreamChanged(symbol=f"S{number}", state=StreamState.LIVE, reason=""), "not traded")
    assert len(of(desk.out, Notify)) == 200
    desk.begin()
    desk.state.now_ms += DAY_MS
    for number in range(205):
        refuse(desk, StreamChanged(symbol=f"S{number}", state=StreamState.LIVE, reason=""), "not traded")
    assert len(of(desk.out, Notify)) == 200


def test_a_book_of_what_is_not_traded_is_told_as_that() -> None:
    told = of(a_scene().hear(BookUpdated(book=a_book("DOGE/USDT"))), Notify)
    assert told == [Notify(Level.WARNING, "input.refused", "book refused: not traded", "DOGE/USDT")]


@pytest.mark.parametrize("speed", [1.0, 10.0])
def test_books_may_be_wrong_as_long_as_they_may_be_silent_in_the_time_of_the_network(speed: float) -> None:
    scene = a_scene({"market": {"book_silence_s": 30.0}}, speed=speed)
    desk, market = desk_of(scene), scene.engine.state.markets[SYMBOL]
    wrong = BookUpdated(book=Book(SYMBOL, NOW_MS, ((1e19, 1.0),), ((2e19, 1.0),)))
    for waited_ms, state in ((0, StreamState.LIVE), (29_999, StreamState.LIVE), (30_000, StreamState.STALE)):
        desk.state.now_ms = NOW_MS + round(waited_ms * speed)
        refuse_book(desk, wrong)
        assert market.stream is state


# --- handlers that fail -----------------------------------------------------------------------------------


def breaking(patch: pytest.MonkeyPatch, error: Exception) -> Scene:
    scene = a_scene()
    scene.seen.clear()

    def fails(_desk: Desk) -> None:
        raise error

    patch.setattr(guard, "revalue", fails)
    return scene


def test_a_failure_is_counted_each_time_and_told_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = breaking(monkeypatch, ZeroDivisionError("made up"))
    for _ in range(3):
        scene.tick()
    assert list(scene.engine.state.failures.values()) == [3]
    assert notices(scene.seen).count("event.failed") == 1


def test_failures_beyond_two_hundred_are_not_told_and_known_ones_go_on_being_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = breaking(monkeypatch, ZeroDivisionError("made up"))
    scene.tick()
    failures = scene.engine.state.failures
    [first] = failures
    failures.update({f"another {number}": 1 for number in range(199)})
    scene.tick()
    assert (failures[first], len(failures)) == (2, 200)
    del failures[first]
    failures["one more"] = 1
    scene.seen.clear()
    scene.tick()
    assert (first in failures, len(failures)) == (False, 200)
    assert "event.failed" not in notices(scene.seen)


def test_a_halt_says_what_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = breaking(monkeypatch, ZeroDivisionError("made up"))
    scene.tick()
    [reason] = scene.trading()[1]
    assert reason == "could not be handled: tick: ZeroDivisionError: made up in fails (test_edge_told.py)"


def test_a_broken_invariant_halts_as_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = breaking(monkeypatch, InvariantBroken("the ledger is wrong"))
    scene.tick()
    [alert] = [n for n in of(scene.seen, Notify) if n.level is Level.ALERT]
    assert (alert.event, alert.message) == ("invariant.broken", "the ledger is wrong")
    [reason] = scene.trading()[1]
    assert "the ledger is wrong" in reason
