"""What the handlers share while one event is processed: the state, the settings, and the decisions so far."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

import msgspec

from trader.config.schema import Settings
from trader.domain.account import Position
from trader.domain.commitments import Commitments, Room
from trader.domain.decisions import (
    CancelOrder,
    ClosedTrade,
    Decision,
    KeepOrder,
    Level,
    Notify,
    SetTimer,
    SubmitOrder,
)
from trader.domain.events import StreamState
from trader.domain.instrument import ZERO, Instrument
from trader.domain.market import timeframe_ms
from trader.domain.orders import Order, OrderIntent, OrderRef, OrderStatus, Purpose, Side
from trader.domain.reasons import told
from trader.domain.timers import TimerId
from trader.domain.units import MINUTE_MS
from trader.engine.state import EngineState, Market
from trader.engine.state.kept import kept
from trader.engine.state.worth import commitments_now
from trader.execution.algorithms.registry import AlgorithmState
from trader.portfolio.commitments import WHOLE
from trader.risk.caps import free_room, positions_with, rooms
from trader.risk.correlation import close_vol
from trader.risk.cost_budget import Budget
from trader.risk.review import Refused, ReviewView, review
from trader.risk.stops import PositionPlan
from trader.sizing.evidence import Own
from trader.strategy.base import Strategy


class Guarded(NamedTuple):
    """What was there when a protective stop needed nothing."""

    stop_price: float  # of the plan
    side: Side  # of the plan
    position: Position | None
    stop: Order
    instrument: Instrument


class Quiet(NamedTuple):
    """A plan that a price left as it was, and that every price from `low` to `high` does before `until_ms`."""

    plan: PositionPlan
    is_long: bool  # the price is the bid, else the ask
    low: float
    high: float
    until_ms: int


class Desk:
    """One per engine; `out` is emptied for each event."""

    def __init__(
        self, settings: Settings, state: EngineState, strategies: Mapping[str, Strategy], *, is_real_money: bool = False
    ) -> None:
        self.settings = settings  # of the account; what may differ for a symbol is asked by `settings_of`
        self._own_settings = {symbol: settings.for_symbol(symbol) for symbol in state.markets}
        self.strategies = strategies  # by symbol
        self.candle_ms = timeframe_ms(settings.market.timeframe)
        self.state = state
        self.is_real_money = is_real_money
        self.unlocked: dict[str, ClosedTrade | None] = {}  # symbol without a lock -> the newest trade then
        self.budgets: dict[str, tuple[int, ClosedTrade | None, Budget]] = {}  # symbol -> day, newest trade then, budget
        self.own: dict[
            str, tuple[ClosedTrade | None, int, Own]
        ] = {}  # strategy -> newest trade then, since when, trades
        self.out: list[Decision] = []
        self._steps = state.undo.steps
        # by symbol; these only spare work that would change nothing
        self.guarded: dict[str, Guarded] = {}
        self.quiet: dict[str, Quiet] = {}
        self.finished: list[AlgorithmState] = []  # parents that ended in this event, not yet followed up

    @property
    def now_ms(self) -> int:
        """The time of the event that is processed."""
        return self.state.now_ms

    def begin(self) -> None:
        """An event comes: what was decided on the one before stands."""
        self.out = []
        steps = self._steps
        if steps:
            steps.clear()

    def mark(self) -> tuple[int, int]:
        """What `back_to` goes back to; no parent may be waiting to be followed up."""
        return self.state.undo.mark(), len(self.out)

    def back_to(self, mark: tuple[int, int] = (0, 0)) -> None:
        """State and decisions as they were at `mark`, without one at the beginning of this event."""
        changes, decisions = mark
        self.state.undo.back_to(changes)
        del self.out[decisions:]
        self.finished.clear()

    def emit(self, decision: Decision) -> None:
        """One more decision of this event."""
        self.out.append(decision)

    def notify(self, level: Level, event: str, message: str, *, symbol: str = "", ref: str = "") -> None:
        """Tell a person; see `Notify`."""
        self.out.append(Notify(level, event, message, symbol, ref))

    def wake(self, timer: TimerId, due_ms: int) -> None:
        """Set the timer; see `SetTimer`."""
        self.out.append(SetTimer(timer, due_ms))

    def keep(self, kind: str, key: str, value: msgspec.Struct | None) -> None:
        """Remember one changed part of the state (the caller has changed it)."""
        self.out.append(kept(kind, key, value))

    def market(self, symbol: str) -> Market:
        """What is known of the market of `symbol`. KeyError for one that is not traded."""
        return self.state.markets[symbol]

    def settings_of(self, symbol: str) -> Settings:
        """The settings as they are for one symbol."""
        return self._own_settings[symbol]

    # --- orders -------------------------------------------------------------------------------------------

    def submit(self, intent: OrderIntent, replaces: Order | None = None, stands_in_for: str = "") -> Refused | None:
        """Review `intent` and send it; returns why not if it was refused."""
        state = self.state
        settings = self.settings_of(intent.symbol)
        verdict = review(intent, self._review_view(intent), settings.risk, settings.sizing)
        if isinstance(verdict, Refused):
            state.counters["refused"] += 1
            text = told(verdict.reasons)
            self.notify(Level.WARNING, "order.refused", text, symbol=intent.symbol, ref=intent.client_id)
            return verdict
        replaced = replaces.client_id if replaces is not None else ""
        self.keep_order(
            state.orders.tracker.intend(intent, self.now_ms, replaces=replaced, stands_in_for=stands_in_for)
        )
        if intent.purpose is not Purpose.STOP:  # protection that follows the price holds no entry back
            state.orders.submitted_ms.append(self.now_ms)
        state.counters["orders"] += 1
        self.emit(SubmitOrder(verdict, ref_of(replaces) if replaces is not None else None))
        return None

    def cancel(self, order: Order) -> None:
        """Ask the exchange to cancel, once."""
        if order.cancel_requested or order.status.is_terminal:
            return
        self.keep_order(self.state.orders.tracker.cancel_requested(order.client_id, self.now_ms))
        self.emit(CancelOrder(ref_of(order)))

    def keep_order(self, order: Order | None) -> None:
        """Remember a changed order; nothing for None."""
        if order is not None:
            self.emit(KeepOrder(order))

    def resting_stops(self, symbol: str) -> list[Order]:
        """Protective stops in `symbol` that have not ended."""
        return [o for o in self.state.orders.tracker.open_orders(symbol) if o.intent.purpose is Purpose.STOP]

    # --- the account --------------------------------------------------------------------------------------

    def held(self, symbol: str) -> Decimal:
        """Position in base units, signed; dust counts as flat."""
        return self.state.account.ledger.quantity(symbol)

    def leverage(self, symbol: str) -> float:
        """Value that one unit of free quote carries: 1 on spot."""
        return float(self.settings.exchange.leverage) if self.market(symbol).instrument.can_short else 1.0

    def commitments(self, *, but: str = "") -> Commitments | None:
        """What is held and under way now; see `commitments_now`."""
        return commitments_now(self.state, self.settings, but=but)

    def annual_vol(self, symbol: str) -> float:
        """Annualised volatility at the newest close, a fraction; the reference where none was seen yet.

        Between a start and the first forecast of the symbol it is that of the closes the engine was told.
        """
        market = self.state.markets[symbol]
        if market.context is not None and market.context.annual_vol:
            return market.context.annual_vol
        reference = self.settings_of(symbol).sizing.reference_vol
        return close_vol(market.closes, self.candle_ms) or reference

    def rooms(
        self, symbol: str, stop_frac: float, committed: Commitments, annual_vol: float | None = None
    ) -> tuple[Room, ...]:
        """What every cap leaves to a position in `symbol` beside `committed`; `annual_vol` of now if not given."""
        settings = self.settings_of(symbol)
        return rooms(
            self.market(symbol).instrument,
            stop_frac,
            committed,
            self.state.correlations,
            leverage=self.leverage(symbol),
            risk=settings.risk,
            sizing=settings.sizing,
            annual_vol=self.annual_vol(symbol) if annual_vol is None else annual_vol,
            is_cross=self.settings.exchange.margin_mode == "cross",
        )

    def hedge_room(self, symbol: str, committed: Commitments) -> Room:
        """What the account has for a hedge in `symbol`: no other cap holds it back."""
        return free_room(self.market(symbol).instrument, committed, self.leverage(symbol))

    def algorithm_of(self, parent_id: str) -> AlgorithmState | None:
        """The parent order, or None once it has ended."""
        return self.state.orders.algorithms.get(parent_id)

    def _review_view(self, intent: OrderIntent) -> ReviewView:
        state, market = self.state, self.market(intent.symbol)
        minute_ago = self.now_ms - MINUTE_MS * state.speed
        while state.orders.submitted_ms and state.orders.submitted_ms[0] < minute_ago:
            state.orders.submitted_ms.popleft()
        reducing = sum(
            (
                order.remaining
                for order in state.orders.tracker.open_orders(intent.symbol)
                if order.intent.purpose.reduces and order.intent.purpose is not Purpose.STOP
            ),
            ZERO,
        )
        committed = None if intent.purpose.reduces else self.commitments(but=intent.parent_id)
        is_hedge = intent.purpose is Purpose.HEDGE
        return ReviewView(
            now_ms=self.now_ms,
            instrument=market.instrument,
            book=market.book,
            equity=committed.equity if committed is not None else 0.0,
            rooms=self._rooms_of(intent, committed),
            positions=positions_with(intent.symbol, committed) if committed is not None and not is_hedge else 0,
            position_quantity=self.held(intent.symbol),
            trading_state=state.guard.breakers.trading_state,
            stream_is_live=market.stream is StreamState.LIVE,
            unknown_in_symbol=state.orders.tracker.unknown_in(intent.symbol),
            orders_last_minute=len(state.orders.submitted_ms),
            is_known_client_id=state.orders.tracker.is_known,
            open_reducing_quantity=reducing,
        )

    def _rooms_of(self, intent: OrderIntent, committed: Commitments | None) -> tuple[Room, ...]:
        """What the caps leave to one order of an entry, as it was sized for, or with all of it at risk."""
        if committed is None:
            return ()
        if intent.purpose is Purpose.HEDGE:
            return (self.hedge_room(intent.symbol, committed),)
        ticket = self.state.positions.tickets.get(intent.symbol)
        if ticket is None or ticket.parent_id != intent.parent_id:
            return self.rooms(intent.symbol, WHOLE, committed)
        return self.rooms(intent.symbol, ticket.stop_frac, committed, ticket.annual_vol)


def ref_of(order: Order) -> OrderRef:
    """How to name `order` to the exchange."""
    return OrderRef(order.symbol, order.client_id, order.exchange_id, is_stop=order.intent.stop_price is not None)


def is_resting(order: Order) -> bool:
    """Confirmed by the exchange and not ended."""
    return order.status in (OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED)
