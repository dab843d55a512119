"""The replay driver: the same turns as live, in market time, whatever the machine's clock does."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

import pytest

from tests.kit.builders import NOW_MS, SYMBOL, a_book, a_forecast, a_model, a_perpetual, an_instrument
from tests.kit.faulty_venue import Fault, FaultyVenue
from tests.kit.harness import CALM, CALM_HIGH, FUNDING_RATE, Diary
from tests.kit.sandbox import eventually
from tests.kit.shell import shell
from trader.clock import SimulatedClock
from trader.config import Settings
from trader.domain.decisions import Decision, KeepPayment, Notify, RecordTrade, SubmitOrder
from trader.domain.events import (
    AnyEvent,
    BookUpdated,
    CommandName,
    FillArrived,
    ForecastMade,
    ModelChanged,
    OrderAbsent,
    OutcomeLost,
    Reconciled,
    StreamChanged,
    StreamState,
    Ticked,
    TradePrinted,
)
from trader.domain.instrument import Instrument
from trader.domain.market import Trade
from trader.domain.orders import OrderIntent, Purpose
from trader.engine.engine import Engine
from trader.engine.state import EngineState
from trader.runtime.instant_courier import Pace
from trader.runtime.replay import Replay
from trader.runtime.turn import Turn
from trader.simulation.instant import open_exchange

MINUTE_MS, HOUR_MS = 60_000, 3_600_000


class Heard:
    """An outlet that keeps what it hears."""

    name = "heard"

    def __init__(self) -> None:
        self.turns: list[Turn] = []

    def hear(self, turn: Turn) -> None:
        self.turns.append(turn)

    @property
    def decisions(self) -> list[Decision]:
        return [decision for turn in self.turns for decision in turn.decisions]

    def sent(self, purpose: Purpose | None = None) -> list[OrderIntent]:
        intents = [d.approved.intent for d in self.decisions if isinstance(d, SubmitOrder)]
        return [intent for intent in intents if purpose in (None, intent.purpose)]


class Stage:
    """A replay of one instrument and what it trades on."""

    def __init__(self, instrument: Instrument | None = None, *, pace: Pace | None = None) -> None:
        self.instrument = instrument or an_instrument()
        self.symbol = self.instrument.symbol
        listed = {self.symbol: self.instrument}
        market = "perpetual" if self.instrument.can_short else "spot"
        self.settings = Settings.model_validate({"exchange": {"market": market}})
        self.clock = SimulatedClock(NOW_MS)
        exchange = open_exchange(
            listed, {"USDT": Decimal(10_000)}, first_ms=1, funding_rates=lambda _symbol, _due_ms: FUNDING_RATE
        )
        self.venue = FaultyVenue(exchange, listed, self.clock)
        self.heard = Heard()
        self.memory = Diary("replay")
        self.state = EngineState(self.settings, listed, ledger_id="replay")
        self.state.restore(self.memory)
        self.replay = Replay(
            Engine(self.settings, self.state), self.venue, self.clock, self.memory, outlets=(self.heard,),
            pace=pace or Pace(),
        )  # fmt: skip

    def ready(self) -> "Stage":
        """The market is there, the account is known, a model is in use."""
        self.replay.on_market(StreamChanged(symbol=self.symbol, state=StreamState.LIVE, reason="test"))
        self.replay.on_market(self.book(100.0))
        self.replay.put(ModelChanged(model=a_model()))
        self.replay.start()
        self.replay.advance_to(NOW_MS + 1_000)
        return self

    def book(self, mid: float, *, ts_ms: int = 0) -> BookUpdated:
        return BookUpdated(book=a_book(self.symbol, bid=mid - 0.01, ask=mid + 0.01, size=50.0), ts_ms=ts_ms)

    def forecast(self, prediction: float = 0.02, *, ts_ms: int = 0) -> ForecastMade:
        now_ms = ts_ms or self.clock.now_ms()
        made = a_forecast(
            self.symbol,
            prediction=prediction,
            win_probability=0.7,
            context=CALM if prediction > 0 else CALM_HIGH,
            candle_open_ms=now_ms - now_ms % MINUTE_MS - MINUTE_MS,
        )
        return ForecastMade(forecast=made, ts_ms=ts_ms)

    @property
    def held(self) -> Decimal:
        return self.state.account.ledger.quantity(self.symbol)

    def kinds(self, kind: type[AnyEvent]) -> list[AnyEvent]:
        return [turn.event for turn in self.heard.turns if isinstance(turn.event, kind)]


def a_day(stage: Stage) -> Iterator[AnyEvent]:
    """Prices that swing, a forecast a minute: each event stamped with when it was known."""
    for minute in range(1, 240):
        now_ms = NOW_MS + minute * MINUTE_MS
        mid = 100.0 + (minute % 40 - 20) * 0.05
        yield stage.book(round(mid, 2), ts_ms=now_ms)
        yield stage.forecast(0.02 if minute % 3 else -0.02, ts_ms=now_ms + 500)


def test_the_same_events_make_the_same_turns() -> None:
    stages = [Stage().ready(), Stage().ready()]
    for stage in stages:
        stage.replay.run(a_day(stage))
    first, second = (stage.heard.turns for stage in stages)
    assert len(first) > 500
    assert [d for d in stages[0].heard.decisions if isinstance(d, RecordTrade)]
    assert first == second


def test_turns_are_numbered_without_a_hole_and_time_never_goes_back() -> None:
    stage = Stage().ready()
    stage.replay.run([stage.book(100.0, ts_ms=NOW_MS + 5_000), stage.book(100.0, ts_ms=NOW_MS + 2_000)])
    events = [turn.event for turn in stage.memory.turns]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    times = [event.ts_ms for event in events]
    assert times == sorted(times)
    assert times[-1] == NOW_MS + 5_000


def test_heartbeats_come_once_a_second_of_market_time() -> None:
    stage = Stage()
    stage.replay.advance_to(NOW_MS + 3_500)
    stage.replay.run([stage.book(100.0, ts_ms=NOW_MS + 5_000)])
    ticks = [turn.event.ts_ms for turn in stage.memory.turns if isinstance(turn.event, Ticked)]
    assert ticks == [NOW_MS + second * 1_000 for second in range(1, 6)]


def test_an_entry_is_filled_protected_and_leaves_when_its_horizon_ends() -> None:
    stage = Stage().ready()
    stage.replay.put(stage.forecast())
    assert stage.held > 0
    assert [intent.purpose for intent in stage.heard.sent()] == [Purpose.ENTRY, Purpose.STOP]
    stage.replay.advance_to(NOW_MS + 20 * MINUTE_MS)
    assert stage.held == 0
    [trade] = [d.trade for d in stage.heard.decisions if isinstance(d, RecordTrade)]
    assert str(trade.reason) == "horizon"
    theirs = {balance.currency: balance.total for balance in stage.venue.balances()}
    assert {currency: total for currency, total in stage.state.account.ledger.balances.items() if total} == theirs


def test_an_order_on_its_way_meets_the_market_of_its_arrival() -> None:
    stage = Stage(pace=Pace(latency_ms=400)).ready()
    stage.replay.put(stage.forecast())
    assert stage.venue.fills(SYMBOL, 0) == []
    stage.replay.advance_to(stage.clock.now_ms() + 300)
    stage.replay.on_market(stage.book(100.2))
    stage.replay.reconcile()  # an order that has not arrived is not taken for lost
    assert not stage.kinds(OrderAbsent)
    stage.replay.advance_to(stage.clock.now_ms() + 100)
    assert {fill.price for fill in stage.venue.fills(SYMBOL, 0)} == {Decimal("100.21")}
    assert stage.held > 0


def test_trades_of_others_fill_our_orders_and_are_no_turn() -> None:
    stage = Stage().ready()
    stage.replay.put(stage.forecast())
    stop = stage.venue.open_orders()[0]
    assert stop.stop_price is not None
    before = stage.memory.last_seq
    printed = Trade(SYMBOL, NOW_MS, "1", float(stop.stop_price) - 0.5, 1.0, False)
    stage.replay.on_market(TradePrinted(trade=printed))
    assert stage.held == 0
    assert stage.kinds(FillArrived)
    assert not stage.kinds(TradePrinted)
    assert stage.memory.last_seq > before


@pytest.mark.parametrize("fault", ["lost_before", "lost_after"])
def test_an_order_without_an_answer_is_looked_for_after_a_while(fault: Fault) -> None:
    stage = Stage(pace=Pace(tick_ms=0, look_up_after_ms=700)).ready()
    stage.venue.fault = lambda order: fault if order.approved.intent.purpose is Purpose.ENTRY else None
    stage.replay.put(stage.forecast())
    asked_ms = stage.clock.now_ms()
    assert len(stage.kinds(OutcomeLost)) == 1
    stage.replay.advance_to(asked_ms + 699)
    assert stage.held == 0
    stage.venue.fault = lambda order: None
    stage.replay.advance_to(asked_ms + 700)
    assert (stage.held > 0) is (fault == "lost_after")
    assert len(stage.kinds(OrderAbsent)) == (0 if fault == "lost_after" else 1)


def test_funding_is_learned_by_asking_again_and_again() -> None:
    stage = Stage(a_perpetual(), pace=Pace(tick_ms=0)).ready()  # without heartbeats nothing closes it before
    stage.replay.put(stage.forecast(-0.02))
    assert stage.held < 0
    due_ms = NOW_MS - NOW_MS % (8 * HOUR_MS) + 8 * HOUR_MS
    stage.replay.advance_to(due_ms)
    stage.replay.on_market(stage.book(100.0))
    assert not [decision for decision in stage.heard.decisions if isinstance(decision, KeepPayment)]
    stage.replay.advance_to(due_ms + MINUTE_MS)
    [kept] = [decision for decision in stage.heard.decisions if isinstance(decision, KeepPayment)]
    assert kept.payment in stage.venue.payments(0)


def test_money_that_came_from_outside_makes_it_ask_for_the_account() -> None:
    stage = Stage(a_perpetual(), pace=Pace(reconcile_every_ms=0)).ready()
    before = len(stage.kinds(Reconciled))
    stage.venue.exchange.deposit("USDT", Decimal(-100), stage.clock.now_ms())
    stage.replay.advance_to(stage.clock.now_ms() + 199)
    assert len(stage.kinds(Reconciled)) == before
    stage.replay.advance_to(stage.clock.now_ms() + 1)
    assert len(stage.kinds(Reconciled)) == before + 1


def test_a_command_is_answered() -> None:
    stage = Stage().ready()
    assert "paused" in stage.replay.command(CommandName.PAUSE, "test")
    assert stage.state.guard.breakers.trading_state == "reducing"


def test_a_replay_goes_on_from_what_another_one_kept() -> None:
    stage = Stage().ready()
    stage.replay.put(stage.forecast())
    stage.replay.close()
    state = EngineState(stage.settings, {stage.symbol: stage.instrument}, ledger_id=stage.memory.ledger_id)
    state.restore(stage.memory)
    again = Replay(Engine(stage.settings, state), stage.venue, stage.clock, stage.memory, outlets=(stage.heard,))
    again.on_market(StreamChanged(symbol=stage.symbol, state=StreamState.LIVE, reason="test"))
    again.on_market(stage.book(100.0))
    again.start()
    assert state.account.ledger.quantity(stage.symbol) == stage.held > 0
    assert len(stage.venue.open_orders()) == 1  # its stop
    assert "closing 1" in again.command(CommandName.FLATTEN, "test")
    assert state.account.ledger.quantity(stage.symbol) == 0
    assert stage.held > 0  # the other one hears of nothing any more
    numbers = [turn.seq for turn in stage.heard.turns]
    assert numbers == sorted(set(numbers))


def in_words(turns: Sequence[Turn]) -> list[object]:
    """What was sent, and what became of it."""
    words: list[object] = []
    for turn in turns:
        for decision in turn.decisions:
            if isinstance(decision, SubmitOrder):
                intent = decision.approved.intent
                words.append(
                    (intent.purpose, intent.side, intent.type, intent.quantity, intent.price, intent.stop_price)
                )
            elif isinstance(decision, RecordTrade):
                words.append(decision.trade)
            elif isinstance(decision, Notify):
                words.append((decision.event, decision.message))
    return words


async def test_live_and_replay_decide_the_same() -> None:
    live = Heard()
    async with shell(live) as (desk, _):
        desk.forecast()
        await eventually(lambda: len(live.sent(Purpose.STOP)) == 1 and desk.runner.engine.is_settled())
        stop = live.sent(Purpose.STOP)[0].stop_price
        assert stop is not None
        desk.feed.push(BookUpdated(book=a_book(bid=float(stop) - 0.5, ask=float(stop) - 0.48, size=50.0)))
        await eventually(lambda: any(isinstance(decision, RecordTrade) for decision in live.decisions))
    stage = Stage(pace=Pace(tick_ms=0))
    stage.replay.on_market(StreamChanged(symbol=SYMBOL, state=StreamState.LIVE, reason="test"))
    stage.replay.on_market(BookUpdated(book=a_book(size=50.0)))
    stage.replay.put(ModelChanged(model=a_model()))
    stage.replay.start()
    stage.replay.put(Ticked())
    stage.replay.put(ForecastMade(forecast=a_forecast(prediction=0.02, win_probability=0.7, context=CALM)))
    stage.replay.on_market(BookUpdated(book=a_book(bid=float(stop) - 0.5, ask=float(stop) - 0.48, size=50.0)))
    assert len(in_words(stage.heard.turns)) >= 3
    stage.replay.command(CommandName.STOP, "shutdown")  # as the live one was ended
    assert in_words(stage.heard.turns) == in_words(live.turns)
