"""The product's replay driver for tests: one made-up market moved by hand, with faults and crashes.

What the engine decides is remembered as the journal would, carried out at the simulated exchange at once, and answered
by events; time passes only in `advance`.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeVar

import msgspec

from tests.kit.builders import NOW_MS, SYMBOL, a_book, a_context, a_forecast, a_model, an_instrument
from tests.kit.faulty_venue import Fault, FaultyVenue
from trader.clock import SimulatedClock
from trader.config import Settings
from trader.domain import decisions as d
from trader.domain.account import Payment, Position
from trader.domain.events import (
    AnyEvent,
    BookUpdated,
    CommandName,
    ForecastMade,
    ModelChanged,
    StreamChanged,
    StreamState,
    Ticked,
)
from trader.domain.instrument import Instrument
from trader.domain.orders import OrderType, Side
from trader.domain.signals import ModelInfo
from trader.engine.engine import Engine
from trader.engine.state import EngineState
from trader.ports import Recovered
from trader.runtime.instant_courier import Pace
from trader.runtime.memory import Memory
from trader.runtime.replay import Replay
from trader.runtime.turn import Turn
from trader.simulation.derivatives.liquidation import LIQUIDATION_PREFIX
from trader.simulation.exchange import SimulatedExchange
from trader.simulation.instant import open_exchange
from trader.simulation.records.memory import Records
from trader.simulation.records.sim_orders import SimRequest

T = TypeVar("T", bound=d.Decision)
FUNDING_RATE = Decimal("0.00030000")
CALM = a_context(close=100.0, rsi_14=29.0, bb_position=0.02, hist_vol_20=0.3, atr_14=0.1)
CALM_HIGH = a_context(close=100.0, rsi_14=71.0, bb_position=0.98, hist_vol_20=0.3, atr_14=0.1)  # confirms a short
BY_HAND = Pace(tick_ms=0, reconcile_every_ms=0, look_up_after_ms=10**12)

__all__ = ["BY_HAND", "CALM", "FUNDING_RATE", "Fault", "Harness"]


class DiedError(Exception):
    """The process ends here."""


class Diary(Memory):
    """A memory that also has every turn so far, and asks before each whether there is time to write it."""

    turns: list[Turn] = msgspec.field(default_factory=list)
    before: Callable[[], None] = lambda: None

    def write(self, turn: Turn) -> None:
        if turn.decisions:
            self.before()
        super().write(turn)
        self.turns.append(turn)


class Mortal(Replay):
    """Asks before each action whether there is time for it."""

    before: Callable[[], None] = staticmethod(lambda: None)

    def request(self, decision: d.SubmitOrder | d.CancelOrder | d.QueryOrder) -> None:
        self.before()
        super().request(decision)

    def set_timer(self, decision: d.SetTimer) -> None:
        self.before()
        super().set_timer(decision)

    def ask_reconcile(self, decision: d.RequestReconcile) -> None:
        self.before()
        super().ask_reconcile(decision)


class Harness:
    """One engine, one exchange, one clock that only `advance` moves. With perpetuals the account is a margined one."""

    def __init__(
        self,
        settings: Settings | None = None,
        instruments: Mapping[str, Instrument] | None = None,
        *,
        model: ModelInfo | None = None,
        quote: str = "10000",
        store: Records | None = None,
        now_ms: int = NOW_MS,
    ) -> None:
        self.settings = settings or Settings()
        self.instruments = dict(instruments or {SYMBOL: an_instrument()})
        self.symbol = next(iter(self.instruments))
        self.model = model or a_model()
        self.clock = SimulatedClock(now_ms)
        self.exchange: SimulatedExchange = open_exchange(
            self.instruments,
            {"USDT": Decimal(quote)},
            first_ms=now_ms,
            funding_rates=lambda _symbol, _due_ms: FUNDING_RATE,
            store=store,
        )
        self.venue = FaultyVenue(self.exchange, self.instruments, self.clock)
        self.memory = Diary(ledger_id="test-ledger", before=self._reach)
        self.crash_at: int | None = None  # turns to write and actions to do before the process dies
        self.is_dead = False
        self.replay = self._booted()

    @property
    def engine(self) -> Engine:
        return self.replay.engine

    @property
    def now_ms(self) -> int:
        return self.clock.now_ms()

    @property
    def seen(self) -> list[d.Decision]:
        """Every decision so far."""
        return [decision for turn in self.memory.turns for decision in turn.decisions]

    # --- driving ------------------------------------------------------------------------------------------

    def put(self, *events: AnyEvent) -> None:
        """Tell events and see everything through that follows from them."""
        self._live(lambda: self.replay.put(*events))

    def start(self, mid: float = 100.0) -> None:
        """Data flows, the account is reconciled, a model is there."""
        for symbol in self.instruments:
            self.put(StreamChanged(symbol=symbol, state=StreamState.LIVE, reason="test"))
            self.price(mid, symbol)
        self.put(ModelChanged(model=self.model))
        self.reconcile(is_startup=True)
        self.put(Ticked())

    def price(self, mid: float, symbol: str = "", *, spread: float = 0.02, size: float = 50.0) -> None:
        """A new book around `mid`, at the exchange and at the engine. The market does not wait for a dead one."""
        symbol = symbol or self.symbol
        event = BookUpdated(
            book=a_book(symbol, bid=round(mid - spread / 2, 2), ask=round(mid + spread / 2, 2), size=size)
        )
        self.venue.on_market(event)  # the exchange is a moment ahead of what it tells of its market
        self.put(event)

    def advance(self, ms: int) -> None:
        """Time passes; timers that become due fire in order."""
        until_ms = self.now_ms + ms
        self._live(lambda: self.replay.advance_to(until_ms))
        self.clock.advance_to(until_ms)

    def forecast(self, prediction: float = 0.02, symbol: str = "", win: float = 0.7) -> None:
        symbol = symbol or self.symbol
        context = CALM_HIGH if self.instruments[symbol].can_short and prediction < 0 else CALM
        open_ms = self.now_ms - self.now_ms % 60_000 - 60_000
        made = a_forecast(symbol, prediction=prediction, win_probability=win, context=context, candle_open_ms=open_ms)
        self.put(ForecastMade(forecast=made))

    def command(self, name: CommandName) -> None:
        self._live(lambda: self.replay.command(name, "test"))

    def reconcile(self, *, is_startup: bool = False) -> None:
        """One complete round of asking."""
        self._live(lambda: self.replay.reconcile(is_startup=is_startup))

    def resolve(self) -> None:
        """The courier has waited long enough: every order of unknown outcome is looked up."""
        self._live(self.replay.look_up_doubtful)

    def restart(self) -> None:
        """Start again from what was remembered: nothing in memory survives."""
        self.replay.close()
        self.is_dead, self.crash_at = False, None
        books = {symbol: market.book for symbol, market in self.engine.state.markets.items()}
        self.replay = self._booted()
        for symbol, book in books.items():
            self.put(StreamChanged(symbol=symbol, state=StreamState.LIVE, reason="test"))
            if book is not None:
                self.put(BookUpdated(book=book))
        self.put(ModelChanged(model=self.model))
        self.reconcile(is_startup=True)
        self.put(Ticked())

    # --- what goes wrong ----------------------------------------------------------------------------------

    @property
    def fault(self) -> Callable[[d.SubmitOrder], Fault | None]:
        """What becomes of an order on its way."""
        return self.venue.fault

    @fault.setter
    def fault(self, fault: Callable[[d.SubmitOrder], Fault | None]) -> None:
        self.venue.fault = fault

    @property
    def states_profit(self) -> bool:
        """Whether the exchange says what each fill realised."""
        return self.venue.states_profit

    @states_profit.setter
    def states_profit(self, states: bool) -> None:
        self.venue.states_profit = states

    # --- looking ------------------------------------------------------------------------------------------

    def decided(self, kind: type[T]) -> list[T]:
        return [decision for decision in self.seen if isinstance(decision, kind)]

    @property
    def held(self) -> Decimal:
        return self.engine.state.account.ledger.quantity(self.symbol)

    def stops(self, symbol: str = "") -> list[tuple[Decimal, Decimal | None]]:
        """(remaining, stop price) of the stops resting at the exchange."""
        orders = self.exchange.open_orders(symbol or self.symbol)
        return [(o.remaining, o.stop_price) for o in orders if o.stop_price is not None]

    def trade_by_hand(self, side: Side, quantity: str) -> None:
        """Somebody else trades on the account."""
        self.clock.advance_to(self.now_ms + 1)
        name = f"by-hand-{self.now_ms}"
        request = SimRequest(self.symbol, name, side, OrderType.MARKET, Decimal(quantity))
        self.exchange.submit(request, self.now_ms)

    def positions(self) -> list[Position]:
        """What the exchange states; empty on spot."""
        return self.venue.positions()

    def payments(self) -> list[Payment]:
        return self.venue.payments(0)

    def assert_ledger_equals_exchange(self) -> None:
        theirs = {balance.currency: balance.total for balance in self.venue.balances()}
        ours = {currency: total for currency, total in self.engine.state.account.ledger.balances.items() if total}
        assert ours == theirs
        held = {symbol: position.quantity for symbol, position in self.engine.state.account.ledger.positions.items()}
        if self.instruments[self.symbol].can_short:
            assert held == {position.symbol: position.quantity for position in self.positions()}
            return
        for symbol, quantity in held.items():
            base = self.instruments[symbol].base
            assert quantity + self.engine.state.account.ledger.dust.get(base, Decimal(0)) <= ours.get(base, Decimal(0))

    def assert_no_double_orders(self) -> None:
        """Every order at the exchange is one that was written down before, and each exactly once."""
        placed = [order.client_id for order in self.exchange.orders(self.symbol)]
        assert len(placed) == len(set(placed))
        foreign = {name for name in placed if name.startswith(("by-hand-", LIQUIDATION_PREFIX))}
        assert set(placed) - foreign <= self.memory.orders_by_id.keys()

    # --- inside -------------------------------------------------------------------------------------------

    def recovered(self) -> Recovered:
        """What the next start goes on from."""
        return self.memory

    def _booted(self) -> Replay:
        remembered = self.recovered()
        state = EngineState(self.settings, self.instruments, ledger_id=remembered.ledger_id)
        self.in_doubt = state.restore(remembered)
        replay = Mortal(Engine(self.settings, state), self.venue, self.clock, self.memory, pace=BY_HAND)
        replay.before = self._reach
        return replay

    def _live(self, work: Callable[[], object]) -> None:
        """Do `work`, unless or until the process is dead."""
        if not self.is_dead:
            try:
                work()
            except DiedError:
                self.is_dead = True

    def _reach(self) -> None:
        """The next point at which a process may die."""
        if self.crash_at is not None:
            self.crash_at -= 1
            if self.crash_at < 0:
                raise DiedError
