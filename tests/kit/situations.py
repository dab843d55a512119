"""An engine in a given situation, one event at a time: what an event is answered with is all there is to see.

No exchange stands behind it. A test says what the exchange answers (`fill`, `report`), or lets an obliging one answer
everything (`oblige`), so that every number in a test is its own. Whatever a test reads of the engine's state it reads
through `Scene`, so that the state may change its shape.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypedDict, TypeVar, Unpack

import msgspec

from tests.kit.builders import NOW_MS, SYMBOL, a_book, a_context, a_forecast, a_model, a_perpetual, an_instrument
from trader.config import Settings
from trader.domain import decisions as d
from trader.domain.account import Balance, Position
from trader.domain.commitments import Commitments
from trader.domain.events import (
    AnyEvent,
    BookUpdated,
    CandleClosed,
    CommandName,
    CommandReceived,
    ForecastMade,
    ModelChanged,
    OrderReported,
    Reconciled,
    StreamChanged,
    StreamState,
    Ticked,
    TimerFired,
)
from trader.domain.instrument import ZERO, Instrument
from trader.domain.market import Candle
from trader.domain.orders import Fill, Order, OrderIntent, OrderReport, OrderStatus, Purpose, TimeInForce
from trader.domain.overrides import OverrideAsked
from trader.domain.signals import DecisionRecord, MarketContext, ModelInfo
from trader.domain.timers import TimerId
from trader.engine.engine import Engine
from trader.engine.state import EngineState
from trader.engine.state.kept import kept
from trader.engine.state.worth import commitments_now
from trader.risk.stops import PositionPlan
from trader.runtime.memory import Memory
from trader.runtime.turn import Turn
from trader.strategy import Strategy

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
PERPETUAL = "BTC/USDT:USDT"

# A quiet range with a confirmed dip (a long) and a confirmed peak (a short): stop 1 %, target 2 %, regime RANGE_BOUND.
DIP = a_context(rsi_14=29.0, bb_position=0.02, hist_vol_20=0.3, atr_14=0.1)
PEAK = a_context(rsi_14=71.0, bb_position=0.98, hist_vol_20=0.3, atr_14=0.1)

D = TypeVar("D", bound=d.Decision)


class Forecasting(TypedDict, total=False):
    """How a forecast may differ from the usual one."""

    win: float
    context: MarketContext | None  # without it the market confirms the side of the prediction
    age_ms: int  # since its candle closed
    model_id: str
    missing: tuple[str, ...]


class Scene:
    """One engine. `now_ms` moves only by `wait`; `turns` is every event so far with its decisions, `seen` the
    decisions alone."""

    def __init__(
        self,
        settings: Mapping[str, object] | None = None,
        *,
        instruments: Sequence[Instrument] = (),
        perpetual: bool = False,
        speed: float = 1.0,
        ledger_id: str = "test-ledger",
        strategy: Strategy | None = None,
        real_money: bool = False,
    ) -> None:
        chosen = dict(settings or {})
        if perpetual:
            chosen["exchange"] = {"market": "perpetual", **dict(chosen.get("exchange", {}))}  # type: ignore[call-overload]  # a section is a mapping
        # one part unless the situation is about parts: sizes are whole ones
        chosen["sizing"] = {"tranches": 1, **dict(chosen.get("sizing", {}))}  # type: ignore[call-overload]  # a section is a mapping
        self.settings = Settings.model_validate(chosen)
        listed = instruments or [a_perpetual() if perpetual else an_instrument()]
        self.instruments = {instrument.symbol: instrument for instrument in listed}
        self.symbol = next(iter(self.instruments))
        self.now_ms = NOW_MS
        self.seen: list[d.Decision] = []
        self.turns: list[Turn] = []
        self.timers: dict[TimerId, int] = {}
        self._unanswered: list[d.SubmitOrder | d.CancelOrder] = []
        self._fills = 0
        self._seq = 0
        self._speed, self._ledger_id, self._real_money = speed, ledger_id, real_money
        self._strategies = None if strategy is None else dict.fromkeys(self.instruments, strategy)
        self._memory = Memory(ledger_id)
        self.engine = self._boot()

    # --- what happens -------------------------------------------------------------------------------------

    def hear(self, *events: AnyEvent) -> list[d.Decision]:
        """What the engine decides on `events`, each stamped with now."""
        decided: list[d.Decision] = []
        for event in events:
            self._seq += 1
            stamped = msgspec.structs.replace(event, ts_ms=self.now_ms, seq=self._seq)
            turn = Turn(stamped, self.engine.process(stamped))
            self.turns.append(turn)
            self._memory.write(turn)
            decided += turn.decisions
        for decision in decided:
            if isinstance(decision, d.SubmitOrder | d.CancelOrder):
                self._unanswered.append(decision)
            elif isinstance(decision, d.SetTimer):
                self.timers[decision.timer] = decision.due_ms
        self.seen += decided
        return decided

    def wait(self, ms: int) -> list[d.Decision]:
        """Time passes; the timers that become due fire in their order."""
        until, decided = self.now_ms + ms, list[d.Decision]()
        while due := sorted((due_ms, name) for name, due_ms in self.timers.items() if due_ms <= until):
            due_ms, name = due[0]
            del self.timers[name]
            self.now_ms = max(self.now_ms, due_ms)
            decided += self.hear(TimerFired(timer=name))
        self.now_ms = until
        return decided

    def live(self, *symbols: str) -> list[d.Decision]:
        """The market data of `symbols` (none: of all) is trustworthy."""
        return self.hear(*(stream(symbol, StreamState.LIVE) for symbol in symbols or self.instruments))

    def price(
        self, mid: float, symbol: str = "", *, spread: float = 0.02, size: float = 50.0, tick: float = 0.01
    ) -> list[d.Decision]:
        """A new book: 20 levels of `size` base on each side, `tick` apart."""
        bid, ask = round(mid - spread / 2, 8), round(mid + spread / 2, 8)
        return self.hear(BookUpdated(book=a_book(symbol or self.symbol, bid=bid, ask=ask, size=size, tick=tick)))

    def candle(self, close: float, symbol: str = "", *, open_ms: int | None = None) -> list[d.Decision]:
        """A one-minute candle closed; without `open_ms` it closes now."""
        start = self.now_ms - MINUTE_MS if open_ms is None else open_ms
        shape = Candle(symbol or self.symbol, start, start + MINUTE_MS, close, close, close, close, 1.0)
        return self.hear(CandleClosed(candle=shape))

    def tick(self, **measured: float) -> list[d.Decision]:
        return self.hear(Ticked(**measured))  # type: ignore[arg-type]  # errors_last_minute is a whole number

    def reconcile(
        self, *, is_startup: bool = False, positions: Sequence[Position] | None = None, **balances: str
    ) -> list[d.Decision]:
        """The exchange states the whole account: what our ledger says, but for what is given."""
        told = {currency: Decimal(total) for currency, total in balances.items()}
        told = {**self.engine.state.account.ledger.balances, **told}
        open_ids = tuple(order.client_id for order in self.engine.state.orders.tracker.open_orders())
        listed = tuple(self.margined()) if positions is None else tuple(positions)
        return self.hear(
            Reconciled(
                balances=tuple(Balance(currency, total) for currency, total in told.items()),
                positions=listed,
                open_client_ids=open_ids,
                is_startup=is_startup,
            )
        )

    def forecast(self, prediction: float = 0.02, symbol: str = "", **given: Unpack[Forecasting]) -> DecisionRecord:
        """The decision row of a forecast, by default of the candle that closed now."""
        rows = of(self.heard_forecast(prediction, symbol, **given), d.RecordDecision)
        assert len(rows) == 1, f"{len(rows)} decision rows of one forecast"
        return rows[0].record

    def heard_forecast(
        self, prediction: float = 0.02, symbol: str = "", **given: Unpack[Forecasting]
    ) -> list[d.Decision]:
        """Everything that follows from a forecast."""
        made = a_forecast(
            symbol or self.symbol,
            prediction=prediction,
            win_probability=given.get("win", 0.7),
            context=given.get("context") or (DIP if prediction >= 0 else PEAK),
            candle_open_ms=self.now_ms - given.get("age_ms", 0) - MINUTE_MS,
            model_id=given.get("model_id", "model-1"),
        )
        return self.hear(ForecastMade(forecast=msgspec.structs.replace(made, missing=given.get("missing", ()))))

    def command(self, name: CommandName, command_id: str = "c1") -> list[d.Decision]:
        return self.hear(CommandReceived(command_id=command_id, name=name, origin="test"))

    def override(self, **asked: object) -> str:
        """A person says something of a symbol (the first one, unless another is named); what they are answered."""
        wanted = msgspec.convert({"symbol": self.symbol, **asked}, OverrideAsked)
        event = CommandReceived(command_id="o1", name=CommandName.OVERRIDE, origin="test", override=wanted)
        [answer] = of(self.hear(event), d.AnswerCommand)
        return answer.message

    # --- what the exchange answers ------------------------------------------------------------------------

    def report(self, client_id: str, status: OrderStatus, *, filled: str = "0", reason: str = "") -> list[d.Decision]:
        """The exchange states what an order is now, without its fills."""
        order = self._answering(client_id)
        told = OrderReport(
            order.symbol, client_id, f"x-{client_id}", status, Decimal(filled), self.now_ms, reason=reason
        )
        return self.hear(OrderReported(report=told))

    def fill(
        self,
        client_id: str,
        quantity: Decimal | str | None = None,
        price: Decimal | float | None = None,
        *,
        fee: str | None = None,
        ends: OrderStatus | None = None,
    ) -> list[d.Decision]:
        """An order of ours trades: what is left of it, at the touch, with the taker's fee, unless said otherwise.

        `ends`: the state it has then; without it what follows from the quantity (an IOC ends whatever was filled).
        """
        order = self._answering(client_id)
        instrument = self.instruments[order.symbol]
        amount = order.remaining if quantity is None else Decimal(quantity)
        at = self._touch(order) if price is None else Decimal(str(price))
        charged = Decimal(fee) if fee is not None else amount * at * Decimal(str(instrument.taker_fee_frac))
        self._fills += 1
        trade = Fill(
            fill_id=f"f-{self._fills}",
            symbol=order.symbol,
            client_id=client_id,
            exchange_order_id=f"x-{client_id}",
            side=order.intent.side,
            quantity=amount,
            price=at,
            fee=charged,
            fee_currency=instrument.quote,
            ts_ms=self.now_ms,
            is_maker=order.intent.post_only,
        )
        whole = order.filled + amount
        if ends is None:
            ends = OrderStatus.FILLED if whole >= order.intent.quantity else OrderStatus.PARTIALLY_FILLED
            if ends is OrderStatus.PARTIALLY_FILLED and order.intent.time_in_force is TimeInForce.IOC:
                ends = OrderStatus.CANCELED
        told = OrderReport(
            order.symbol, client_id, f"x-{client_id}", ends, whole, self.now_ms, fills=(trade,) if amount else ()
        )
        return self.hear(OrderReported(report=told))

    def oblige(self) -> list[d.Decision]:
        """The exchange takes every order and does what it says: stops rest, IOC orders fill, cancels cancel."""
        decided: list[d.Decision] = []
        while self._unanswered:
            decided += self.answer_next()
        return decided

    def answer_next(self) -> list[d.Decision]:
        """As `oblige`, only what was asked first."""
        asked = self._unanswered.pop(0)
        if isinstance(asked, d.CancelOrder):
            return self.report(asked.ref.client_id, OrderStatus.CANCELED)
        intent, replaces = asked.approved.intent, asked.replaces
        decided = [] if replaces is None else self.report(replaces.client_id, OrderStatus.CANCELED)
        if intent.time_in_force is TimeInForce.IOC:
            return [*decided, *self.fill(intent.client_id)]
        return [*decided, *self.report(intent.client_id, OrderStatus.OPEN)]

    def live_on(self, ms: int, *, step_ms: int = 1_000) -> list[d.Decision]:
        """Time passes at an exchange that does at once what it is asked for, with a tick every step."""
        decided: list[d.Decision] = self.oblige()
        for _ in range(0, ms, step_ms):
            decided += [*self.wait(step_ms), *self.tick(), *self.oblige()]
        return decided

    def ignore(self) -> None:
        """The exchange says nothing to what it was asked so far."""
        self._unanswered.clear()

    def enter(self, prediction: float = 0.02, symbol: str = "", **given: Unpack[Forecasting]) -> DecisionRecord:
        """A forecast is followed, filled and protected."""
        record = self.forecast(prediction, symbol, **given)
        assert record.verdict == "enter", told(record)
        self.oblige()
        self.tick()
        self.oblige()
        return record

    def restart(self, *, has_books: bool = True, has_model: bool = True) -> None:
        """The process ends and starts again: only what was written down is left, and nothing is reconciled yet."""
        books = {symbol: market.book for symbol, market in self.engine.state.markets.items()}
        model = self.engine.state.model.in_use
        self._unanswered.clear()
        self.timers.clear()
        self.engine = self._boot()
        self.live()
        self.hear(*(BookUpdated(book=book) for book in books.values() if book is not None and has_books))
        if model is not None and has_model:
            self.hear(ModelChanged(model=model))

    def configure(self, risk: Mapping[str, object]) -> None:
        """The next start has other settings of `risk`."""
        self.settings = self.settings.model_copy(update={"risk": self.settings.risk.model_copy(update=dict(risk))})

    def lose(self, kind: str, key: str = "") -> None:
        """The journal forgets one kept part of the state, which the next start then lacks."""
        del self._memory.state[kind, key or self.symbol]

    def remember_ticket(self, **changed: object) -> None:
        """The entry under way is, here and in the journal, as an older version might have written it."""
        ticket = msgspec.structs.replace(self.engine.state.positions.tickets[self.symbol], **changed)
        self.engine.state.positions.tickets[self.symbol] = ticket
        self._memory.write(Turn(Ticked(ts_ms=self.now_ms, seq=self._seq), [kept("ticket", self.symbol, ticket)]))

    # --- what is ------------------------------------------------------------------------------------------

    def order(self, client_id: str) -> Order:
        order = self.engine.state.orders.tracker.by_client_id(client_id)
        assert order is not None, f"no order {client_id}"
        return order

    def resting(self, symbol: str = "") -> list[OrderIntent]:
        """Protective stops that have not ended, as they were wanted."""
        orders = self.engine.state.orders.tracker.open_orders(symbol or self.symbol)
        return [order.intent for order in orders if order.intent.purpose is Purpose.STOP]

    def held(self, symbol: str = "") -> Decimal:
        """Base units, below 0 short."""
        return self.engine.state.account.ledger.quantity(symbol or self.symbol)

    def cash(self, currency: str = "USDT") -> Decimal:
        return self.engine.state.account.ledger.total(currency)

    def plan(self, symbol: str = "") -> PositionPlan:
        return self.engine.state.positions.plans[symbol or self.symbol]

    def position(self, symbol: str = "") -> Position:
        return self.engine.state.account.ledger.positions[symbol or self.symbol]

    @property
    def opened_ms(self) -> int:
        """When the ledger began."""
        return self.engine.state.account.opened_ms

    def has_plan(self, symbol: str = "") -> bool:
        return (symbol or self.symbol) in self.engine.state.positions.plans

    def commitments(self) -> Commitments:
        """What the account is committed to now."""
        found = commitments_now(self.engine.state, self.settings)
        assert found is not None, "nobody knows what the account is worth"
        return found

    def is_buying(self, symbol: str = "") -> bool:
        """Whether something is under way that makes a position larger."""
        running = self.engine.state.orders.algorithms.values()
        return any(each.symbol == (symbol or self.symbol) and not each.purpose.reduces for each in running)

    def is_leaving(self, symbol: str = "") -> bool:
        """Whether an exit is under way."""
        return (symbol or self.symbol) in self.engine.state.positions.exits

    @property
    def equity(self) -> d.EquitySnapshot:
        snapshot = self.engine.state.guard.equity
        assert snapshot is not None, "equity is not known"
        return snapshot

    def trading(self) -> tuple[d.TradingState, tuple[str, ...]]:
        """The trading state and why."""
        state = self.engine.state
        return state.guard.breakers.trading_state, tuple(str(reason) for reason in state.guard.breakers.reasons)

    def counted(self, *names: str) -> tuple[int, ...]:
        """What the engine has counted since its start, for the status."""
        return tuple(self.engine.state.counters[name] for name in names)

    def stops(self, symbol: str = "") -> list[tuple[Decimal, Decimal | None]]:
        """(remaining, stop price) of the protective stops that have not ended."""
        orders = self.engine.state.orders.tracker.open_orders(symbol or self.symbol)
        return [(o.remaining, o.intent.stop_price) for o in orders if o.intent.purpose is Purpose.STOP]

    def _boot(self) -> Engine:
        state = EngineState(self.settings, self.instruments, ledger_id=self._ledger_id, speed=self._speed)
        state.restore(self._memory)
        return Engine(self.settings, state, self._strategies, is_real_money=self._real_money)

    def _answering(self, client_id: str) -> Order:
        """The order of that name, which waits for its answer no longer."""
        self._unanswered = [
            each
            for each in self._unanswered
            if isinstance(each, d.CancelOrder) or each.approved.intent.client_id != client_id
        ]
        return self.order(client_id)

    def margined(self) -> list[Position]:
        """Positions that the exchange states as such."""
        held = self.engine.state.account.ledger.positions.values()
        return [position for position in held if self.instruments[position.symbol].can_short]

    def _touch(self, order: Order) -> Decimal:
        book = self.engine.state.markets[order.symbol].book
        assert book is not None
        return Decimal(str(book.ask if order.intent.side.sign > 0 else book.bid))


def a_scene(
    settings: Mapping[str, object] | None = None,
    *,
    instruments: Sequence[Instrument] = (),
    perpetual: bool = False,
    model: ModelInfo | None = None,
    quote: str = "10000",
    mid: float = 100.0,
    speed: float = 1.0,
    strategy: Strategy | None = None,
    has_model: bool = True,
    real_money: bool = False,
) -> Scene:
    """An engine that may trade: data live, books at `mid`, a model, a reconciled account of `quote` USDT."""
    scene = Scene(
        settings, instruments=instruments, perpetual=perpetual, speed=speed, strategy=strategy, real_money=real_money
    )
    scene.live()
    for symbol in scene.instruments:
        scene.price(mid, symbol)
    if has_model:
        scene.hear(ModelChanged(model=model or a_model()))
    scene.reconcile(is_startup=True, USDT=quote)
    scene.tick()
    return scene


def coins(*bases: str, perpetual: bool = False) -> list[Instrument]:
    """Instruments of `bases` against USDT."""
    if perpetual:
        return [a_perpetual(f"{base}/USDT:USDT") for base in bases]
    return [an_instrument(f"{base}/USDT") for base in bases]


def stream(symbol: str, state: StreamState, reason: str = "test") -> StreamChanged:
    return StreamChanged(symbol=symbol, state=state, reason=reason)


# --- reading decisions ------------------------------------------------------------------------------------


def told(record: DecisionRecord) -> tuple[str, ...]:
    """The reasons of a decision row as a person reads them."""
    return tuple(str(reason) for reason in record.reasons)


def quantity(record: DecisionRecord) -> Decimal:
    """The quantity of a decision row; 0 where there is none."""
    return Decimal(record.quantity or 0)


def of(decisions: Sequence[d.Decision], kind: type[D]) -> list[D]:
    return [decision for decision in decisions if isinstance(decision, kind)]


def sent(decisions: Sequence[d.Decision], purpose: Purpose | None = None) -> list[OrderIntent]:
    """The orders that are sent, of one `purpose` or all."""
    intents = [submit.approved.intent for submit in of(decisions, d.SubmitOrder)]
    return [intent for intent in intents if purpose is None or intent.purpose is purpose]


def notices(decisions: Sequence[d.Decision], least: d.Level = d.Level.INFO) -> list[str]:
    """The names of what a person is told at `least` or louder."""
    order = list(d.Level)
    return [n.event for n in of(decisions, d.Notify) if order.index(n.level) >= order.index(least)]


def total(intents: Sequence[OrderIntent]) -> Decimal:
    return sum((intent.quantity for intent in intents), ZERO)


__all__ = [
    "DAY_MS",
    "DIP",
    "HOUR_MS",
    "MINUTE_MS",
    "NOW_MS",
    "PEAK",
    "PERPETUAL",
    "SYMBOL",
    "Scene",
    "a_scene",
    "coins",
    "notices",
    "of",
    "quantity",
    "sent",
    "stream",
    "told",
    "total",
]
