"""What the handlers share while one event is processed: the state, the settings, and the decisions so far."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from trader.config.schema import Settings
from trader.domain.decisions import (
    CancelOrder,
    Decision,
    KeepOrder,
    Level,
    Notify,
    SetTimer,
    SubmitOrder,
)
from trader.domain.events import StreamState
from trader.domain.instrument import ZERO
from trader.domain.orders import Order, OrderIntent, OrderRef, OrderStatus, Purpose, Side
from trader.domain.reasons import Reason, told
from trader.domain.timers import TimerId
from trader.domain.units import MINUTE_MS
from trader.engine.kept import kept
from trader.engine.state import EngineState, Market
from trader.execution.algorithms.registry import AlgorithmState
from trader.risk.correlation import correlated_exposure
from trader.risk.review import Refused, ReviewView, review
from trader.strategy.base import Strategy


class Desk:
    """One per engine; `out` is emptied for each event."""

    def __init__(self, settings: Settings, state: EngineState, strategies: Mapping[str, Strategy]) -> None:
        self.settings = settings  # of the account; what may differ for a symbol is asked by `settings_of`
        self._own_settings = {symbol: settings.for_symbol(symbol) for symbol in state.markets}
        self.strategies = strategies  # by symbol
        self.state = state
        self.out: list[Decision] = []
        self._steps = state.undo.steps
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

    def submit(self, intent: OrderIntent, replaces: Order | None = None, stands_in_for: str = "") -> tuple[Reason, ...]:
        """Review `intent` and send it; returns the reasons if it was refused."""
        state = self.state
        settings = self.settings_of(intent.symbol)
        verdict = review(intent, self._review_view(intent), settings.risk, settings.sizing)
        if isinstance(verdict, Refused):
            state.counters["refused"] += 1
            text = told(verdict.reasons)
            self.notify(Level.WARNING, "order.refused", text, symbol=intent.symbol, ref=intent.client_id)
            return verdict.reasons
        replaced = replaces.client_id if replaces is not None else ""
        self.keep_order(
            state.orders.tracker.intend(intent, self.now_ms, replaces=replaced, stands_in_for=stands_in_for)
        )
        if intent.purpose is not Purpose.STOP:  # protection that follows the price holds no entry back
            state.orders.submitted_ms.append(self.now_ms)
        state.counters["orders"] += 1
        self.emit(SubmitOrder(verdict, ref_of(replaces) if replaces is not None else None))
        return ()

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

    def free_quote(self, currency: str, reserved: float | None = None) -> float:
        """Quote currency that nothing held or under way needs; of a margined account the margin that is free.

        `reserved`: what `reserved_quote` says, where the caller knows it.
        """
        state, tied = self.state, self.reserved_quote(currency) if reserved is None else reserved
        for position in state.account.ledger.positions.values():
            market = self.market(position.symbol)
            if market.instrument.can_short and market.instrument.quote == currency:
                quantity, entry = float(position.quantity), float(position.entry_price)
                mid = market.mid or entry
                tied += abs(quantity) * mid / self.leverage(position.symbol) - quantity * (mid - entry)
        return float(state.account.ledger.total(currency)) - tied

    def reserved_quote(self, currency: str) -> float:
        """Quote currency that open, pending and unknown orders may still need: of a margined account their margin."""
        reserved, markets, leverage = 0.0, self.state.markets, float(self.settings.exchange.leverage)
        for order in self.state.orders.tracker.open_orders():
            intent, instrument = order.intent, markets[order.symbol].instrument
            can_short = instrument.can_short
            needs = not intent.purpose.reduces if can_short else intent.side is Side.BUY
            if needs and instrument.quote == currency:
                price = float(intent.price or 0) or intent.reference_price
                reserved += float(order.remaining) * price / (leverage if can_short else 1.0)
        return reserved

    def opening(self, *, but: str = "") -> dict[str, float]:
        """Symbol -> value that entries under way may still add to the exposure (quote), the parent `but` left out."""
        found: dict[str, float] = {}
        for algorithm in self.state.orders.algorithms.values():
            if not algorithm.purpose.reduces and algorithm.parent_id != but:
                price = self.market(algorithm.symbol).mid or algorithm.arrival_mid
                found[algorithm.symbol] = found.get(algorithm.symbol, 0.0) + float(algorithm.remaining) * price
        return found

    def correlated_quote(self, symbol: str, opening: Mapping[str, float]) -> float:
        """Exposure in symbols that move with `symbol`, itself and entries under way (`opening`) included, quote."""
        state = self.state
        exposures = dict(opening)
        for position in state.account.ledger.positions.values():
            mid = self.market(position.symbol).mid or float(position.entry_price)
            exposures[position.symbol] = exposures.get(position.symbol, 0.0) + abs(float(position.quantity)) * mid
        return correlated_exposure(symbol, exposures, state.correlations, self.settings.risk.correlation_limit)

    def algorithm_of(self, parent_id: str) -> AlgorithmState | None:
        """The parent order, or None once it has ended."""
        return self.state.orders.algorithms.get(parent_id)

    def _review_view(self, intent: OrderIntent) -> ReviewView:
        state, opening = self.state, self.opening(but=intent.parent_id)
        market, worth = self.market(intent.symbol), state.guard.worth
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
        return ReviewView(
            now_ms=self.now_ms,
            instrument=market.instrument,
            book=market.book,
            equity=worth.equity if worth is not None else 0.0,
            exposure_quote=(worth.exposure if worth is not None else 0.0) + sum(opening.values()),
            free_quote=self.free_quote(market.instrument.quote),
            position_quantity=self.held(intent.symbol),
            trading_state=state.guard.breakers.trading_state,
            stream_is_live=market.stream is StreamState.LIVE,
            unknown_in_symbol=state.orders.tracker.unknown_in(intent.symbol),
            orders_last_minute=len(state.orders.submitted_ms),
            is_known_client_id=state.orders.tracker.is_known,
            open_reducing_quantity=reducing,
            correlated_quote=self.correlated_quote(intent.symbol, opening),
            leverage=self.leverage(intent.symbol),
        )


def ref_of(order: Order) -> OrderRef:
    """How to name `order` to the exchange."""
    return OrderRef(order.symbol, order.client_id, order.exchange_id, is_stop=order.intent.stop_price is not None)


def is_resting(order: Order) -> bool:
    """Confirmed by the exchange and not ended."""
    return order.status in (OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED)
