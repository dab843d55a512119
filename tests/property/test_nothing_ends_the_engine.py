"""Nothing ends `Engine.process`: not numbers that cannot be, and not a fault at any point inside of a handler."""

import math
import sys
from collections.abc import Callable
from decimal import Decimal
from types import FrameType
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit.builders import a_book, a_context, a_fill, a_forecast, a_model
from tests.kit.photograph import COUNTS, FACTS, HALT, photograph
from tests.kit.situations import DIP, MINUTE_MS, Scene, a_scene, coins, notices, of
from trader.domain import decisions as d
from trader.domain.account import Balance, Payment, PaymentKind, Position
from trader.domain.decisions import Level, TradingState
from trader.domain.events import (
    AccountUnreachable,
    AnyEvent,
    BalancesReported,
    BookUpdated,
    CancelRefused,
    CandleClosed,
    CommandName,
    CommandReceived,
    FillArrived,
    ForecastMade,
    InstrumentChanged,
    ModelChanged,
    ModelWatched,
    OrderAbsent,
    OrderRefused,
    OrderReported,
    OutcomeLost,
    PaymentArrived,
    Reconciled,
    Ticked,
)
from trader.domain.market import Book, Candle
from trader.domain.orders import Order, OrderReport, OrderStatus, Purpose
from trader.domain.refusals import RefusalCode
from trader.domain.signals import HealthAction, ModelHealth

replace = msgspec.structs.replace
WILD = (
    st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -1.0, 1e-300, 1e300, 1.0000001, 0.5, 100.0, 1.0]) | st.floats()
)
WILD_DECIMALS = st.sampled_from(
    [Decimal(text) for text in ("NaN", "sNaN", "Infinity", "-Infinity", "0", "-1", "1E-900", "1E+900", "1", "100")]
) | st.decimals(allow_nan=True, allow_infinity=True)
WHOLE = st.integers(-(2**63), 2**63 - 1)  # as events are kept
WILD_TIMES = st.sampled_from([-1, 0, 2**62, -(2**63)]) | st.integers(1_699_999_000_000, 1_700_001_000_000)


def holding(*, perpetual: bool = False, **options: Any) -> Scene:
    """Two positions with their stops resting, and an entry under way in a third symbol."""
    instruments = coins("BTC", "XRP", "SOL", "ADA", perpetual=perpetual)
    scene = a_scene(options, instruments=instruments, perpetual=perpetual)
    first, second, third, _ = scene.instruments
    scene.enter(symbol=first)
    scene.enter(symbol=second)
    scene.forecast(symbol=third)
    return scene


def is_sound(scene: Scene) -> None:
    """What must hold whatever was told: numbers are numbers, and what is held is guarded, bought or left."""
    state = scene.engine.state
    assert all(total.is_finite() for total in state.account.ledger.balances.values())
    for symbol, position in state.account.ledger.positions.items():
        assert position.quantity.is_finite()
        assert position.entry_price.is_finite()
        assert symbol in {*state.positions.plans, *state.positions.tickets, *state.positions.exits}
    for symbol, plan in state.positions.plans.items():
        assert math.isfinite(plan.stop_price)
        assert plan.stop_price > 0
        assert scene.held(symbol) * plan.side.sign > 0
    for market in state.markets.values():
        assert market.book is not None
        assert 0 < market.book.bid < market.book.ask < math.inf
    worth = state.guard.worth
    assert worth is not None
    assert math.isfinite(worth.equity)
    if scene.counted("failed") != (0,):
        assert state.guard.breakers.trading_state is TradingState.HALTED


# --- numbers that cannot be -----------------------------------------------------------------------------------


@st.composite
def changed(draw: st.DrawFn, value: Any) -> Any:
    """`value`, a struct, with some of its numbers and times replaced by whatever there is."""
    wild: dict[str, Any] = {}
    for name in value.__struct_fields__:
        now = getattr(value, name)
        if isinstance(now, bool) or not draw(st.booleans()):
            continue
        if isinstance(now, float):
            wild[name] = draw(WILD)
        elif isinstance(now, Decimal):
            wild[name] = draw(WILD_DECIMALS)
        elif isinstance(now, int):
            wild[name] = draw(WILD_TIMES)
    return replace(value, **wild)


def events(scene: Scene) -> st.SearchStrategy[AnyEvent]:
    """Every kind of event with numbers, about symbols and orders that exist."""
    symbols = tuple(scene.instruments)
    symbol = st.sampled_from(symbols)
    order = st.sampled_from(list(scene.engine.state.orders.tracker.open_orders()))
    levels = st.lists(st.tuples(WILD, WILD), max_size=3).map(tuple)
    now_ms = scene.now_ms
    good = ((100.0, 1.0), (99.0, 1.0))
    book = st.builds(lambda s, bids, asks: Book(s, now_ms, bids, asks), symbol, levels | st.just(good), levels)

    def a_candle(name: str) -> Candle:
        return Candle(name, now_ms - MINUTE_MS, now_ms, 100.0, 100.0, 100.0, 100.0, 1.0)

    def a_trade(one: Any) -> Any:
        return a_fill(
            "wild", symbol=one.symbol, client_id=one.client_id, side=one.intent.side, quantity="1", ts_ms=now_ms
        )

    def a_look(listed: tuple[Balance, ...], positions: tuple[Position, ...]) -> Reconciled:
        return Reconciled(balances=listed, positions=positions)

    money = changed(Balance("USDT", Decimal(10_000)))
    forecast = symbol.flatmap(
        lambda name: changed(a_context()).flatmap(
            lambda context: changed(
                a_forecast(name, context=context, prediction=0.02, candle_open_ms=now_ms - MINUTE_MS)
            )
        )
    )
    return st.one_of(
        st.builds(lambda book: BookUpdated(book=book), book),
        st.builds(lambda forecast: ForecastMade(forecast=forecast), forecast),
        st.builds(lambda candle: CandleClosed(candle=candle), symbol.flatmap(lambda name: changed(a_candle(name)))),
        st.builds(lambda model: ModelChanged(model=model), changed(a_model())),
        st.builds(
            lambda one: InstrumentChanged(instrument=one),
            symbol.flatmap(lambda name: changed(scene.instruments[name])),
        ),
        st.builds(lambda fill: FillArrived(fill=fill), order.flatmap(lambda one: changed(a_trade(one)))),
        st.builds(
            lambda report: OrderReported(report=report),
            order.flatmap(
                lambda one: changed(
                    OrderReport(one.symbol, one.client_id, "x", OrderStatus.PARTIALLY_FILLED, Decimal(1), now_ms)
                )
            ),
        ),
        st.builds(lambda one: BalancesReported(balances=(one,), is_complete=False), money),
        st.builds(
            a_look,
            st.tuples(money),
            st.tuples(symbol.flatmap(lambda name: changed(Position(name, Decimal(1), Decimal(100), now_ms)))),
        ),
        st.builds(
            lambda one: PaymentArrived(payment=one),
            symbol.flatmap(lambda name: changed(Payment("p", PaymentKind.FUNDING, name, "USDT", Decimal(1), now_ms))),
        ),
        st.builds(lambda errors, offset: Ticked(errors_last_minute=errors, clock_offset_ms=offset), WHOLE, WILD),
    )


@given(data=st.data(), perpetual=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_whatever_numbers_come(data: st.DataObject, perpetual: bool) -> None:
    scene = holding(perpetual=perpetual)
    some = events(scene)
    for _ in range(12):
        scene.hear(data.draw(some))
        scene.wait(500)
        scene.tick()
        is_sound(scene)
    # what cannot be true is refused, not found out by failing
    assert [notice.message for notice in of(scene.seen, d.Notify) if notice.event == "event.failed"] == []


# --- a fault at any point -------------------------------------------------------------------------------------


class FaultError(Exception):
    """As a fault of the program would be."""


class Lines:
    """Counts the lines of handlers that run, and raises at one of them; what follows the fault runs undisturbed."""

    def __init__(self, fail_at: int | None) -> None:
        self.count, self.fail_at = 0, fail_at

    def __call__(self, frame: FrameType, event: str, argument: object) -> Any:
        name = frame.f_globals.get("__name__", "")
        inside = name.startswith("trader.") and name not in ("trader.domain.undo", "trader.engine.safety.failing")
        return self._line if inside and frame.f_code.co_name not in ("process", "begin") else None

    def _line(self, frame: FrameType, event: str, argument: object) -> Any:
        if event == "line":
            if self.count == self.fail_at:
                raise FaultError
            self.count += 1
        return self._line

    def watch(self, scene: Scene, event: AnyEvent) -> list[d.Decision]:
        """What the engine decides on `event`, stamped with now."""
        stamped = replace(event, ts_ms=scene.now_ms)
        before = sys.gettrace()
        sys.settrace(self)
        try:
            return scene.engine.process(stamped)
        finally:
            sys.settrace(before)


def entry_of(scene: Scene) -> Order:
    [order] = [o for o in scene.engine.state.orders.tracker.open_orders() if o.intent.purpose is Purpose.ENTRY]
    return order


def a_filled(scene: Scene) -> OrderReported:
    """The entry under way is filled, and its report says so."""
    order = entry_of(scene)
    fill = a_fill(
        "filled",
        symbol=order.symbol,
        client_id=order.client_id,
        side=order.intent.side,
        quantity=order.intent.quantity,
        ts_ms=scene.now_ms,
    )
    quantity = order.intent.quantity
    told = OrderReport(order.symbol, order.client_id, "x", OrderStatus.FILLED, quantity, scene.now_ms, fills=(fill,))
    return OrderReported(report=told)


def a_close(scene: Scene, prediction: float, number: int) -> ForecastMade:
    scene.wait(MINUTE_MS)
    symbol = list(scene.instruments)[number]
    made = a_forecast(symbol, prediction=prediction, context=DIP, candle_open_ms=scene.now_ms - MINUTE_MS)
    return ForecastMade(forecast=replace(made, win_probability=0.7))


def a_candle(scene: Scene) -> CandleClosed:
    """It closes so high that the stop follows."""
    start = scene.now_ms - MINUTE_MS
    symbol = next(iter(scene.instruments))
    return CandleClosed(candle=Candle(symbol, start, scene.now_ms, 100.0, 104.0, 100.0, 104.0, 1.0))


def a_book_below_the_stop(scene: Scene) -> BookUpdated:
    return BookUpdated(book=a_book(next(iter(scene.instruments)), bid=50.0, ask=50.02))


def an_account(scene: Scene) -> Reconciled:
    """A transfer came in, seen for the second time; one position is smaller than ours."""
    balances = dict(scene.engine.state.account.ledger.balances) | {"USDT": Decimal(12_345)}
    told = Reconciled(
        balances=tuple(Balance(currency, total) for currency, total in balances.items()),
        positions=tuple(replace(p, quantity=p.quantity / 2) for p in scene.margined()),
        open_client_ids=tuple(order.client_id for order in scene.engine.state.orders.tracker.open_orders()),
    )
    scene.hear(OutcomeLost(client_id="x", reason=""), told)
    return told


EVENTS: dict[str, Callable[[Scene], AnyEvent]] = {
    "a close with an entry": lambda scene: a_close(scene, 0.02, 3),
    "a close of a position": lambda scene: a_close(scene, -0.02, 0),
    "a book below the stop": a_book_below_the_stop,
    "a candle that moves the stop": a_candle,
    "a tick": lambda scene: Ticked(errors_last_minute=99, clock_offset_ms=5_000.0),
    "a listing": lambda scene: InstrumentChanged(instrument=replace(next(iter(scene.instruments.values())))),
    "a model": lambda scene: ModelChanged(model=replace(a_model(), model_id="another")),
    "its health": lambda scene: ModelWatched(health=ModelHealth("model-1", HealthAction.OBSERVE)),
    "a payment": lambda scene: PaymentArrived(
        payment=Payment("p", PaymentKind.FUNDING, next(iter(scene.instruments)), "USDT", Decimal(-1), scene.now_ms)
    ),
    "balances": lambda scene: BalancesReported(balances=(Balance("USDT", Decimal(1)),), is_complete=False),
    "an account": an_account,
    "a lost stream": lambda scene: AccountUnreachable(reason="made up"),
    "pause": lambda scene: CommandReceived(command_id="c", name=CommandName.PAUSE, origin="test"),
    "resume": lambda scene: CommandReceived(command_id="c", name=CommandName.RESUME, origin="test"),
}
NEWS: dict[str, Callable[[Scene], AnyEvent]] = {
    "a fill": a_filled,
    "a refusal": lambda scene: OrderRefused(
        client_id=entry_of(scene).client_id, code=RefusalCode.REJECTED, reason="made up"
    ),
    "a lost answer": lambda scene: OutcomeLost(client_id=entry_of(scene).client_id, reason="made up"),
    "an absence": lambda scene: OrderAbsent(client_id=entry_of(scene).client_id, evidence="made up"),
    "a refused cancel": lambda scene: CancelRefused(client_id=entry_of(scene).client_id, reason="made up"),
    "flatten": lambda scene: CommandReceived(command_id="c", name=CommandName.FLATTEN, origin="test"),
    "kill": lambda scene: CommandReceived(command_id="c", name=CommandName.KILL, origin="test"),
}
CHANGED = frozenset({*COUNTS, *FACTS, *HALT, "_decided_ms", "_regime"})


def lines_of(make: Callable[[Scene], AnyEvent], perpetual: bool) -> int:
    scene, lines = holding(perpetual=perpetual), Lines(None)
    lines.watch(scene, make(scene))
    return lines.count


@pytest.mark.parametrize("perpetual", [False, True], ids=["spot", "perpetual"])
@pytest.mark.parametrize("name", list(EVENTS))
@given(share=st.floats(0, 1, exclude_max=True))
@settings(max_examples=15, deadline=None)
def test_a_fault_anywhere_takes_the_event_back(name: str, perpetual: bool, share: float) -> None:
    scene = holding(perpetual=perpetual)
    event = EVENTS[name](scene)
    before = photograph(scene.engine.state, without=CHANGED)
    decided = Lines(int(share * lines_of(EVENTS[name], perpetual))).watch(scene, event)
    if scene.counted("failed") == (0,):
        return  # a strategy that fails is dealt with where it is asked
    assert photograph(scene.engine.state, without=CHANGED) == before
    assert not of(decided, d.SubmitOrder)
    assert len(of(decided, d.RecordDecision)) == isinstance(event, ForecastMade)
    assert "event.failed" in notices(decided, Level.ALERT)
    is_sound(scene)


@pytest.mark.parametrize("perpetual", [False, True], ids=["spot", "perpetual"])
@pytest.mark.parametrize("name", list(NEWS))
@given(share=st.floats(0, 1, exclude_max=True))
@settings(max_examples=15, deadline=None)
def test_a_fault_in_news_of_an_order_leaves_what_is_held_guarded(name: str, perpetual: bool, share: float) -> None:
    scene = holding(perpetual=perpetual)
    order, event = entry_of(scene), NEWS[name](scene)
    decided = Lines(int(share * lines_of(NEWS[name], perpetual))).watch(scene, event)
    assert scene.counted("failed") == (1,)
    is_sound(scene)
    if name == "a fill":
        assert scene.held(order.symbol) == order.intent.quantity
        stops = [s.approved.intent for s in of(decided, d.SubmitOrder)]
        assert [(stop.purpose, stop.quantity) for stop in stops] == [(Purpose.STOP, order.intent.quantity)]
    if name in ("flatten", "kill"):
        first, second, _ = (scene.engine.state.positions.exits.get(symbol) for symbol in [*scene.instruments][:3])
        assert first is not None
        assert second is not None
        assert len(of(decided, d.AnswerCommand)) == 1
