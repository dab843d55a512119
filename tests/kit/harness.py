"""The engine against the simulated exchange, without an event loop: deterministic, with faults and crashes.

What the engine decides is remembered as the journal would, carried out at the exchange at once, and answered by events.
"""

import heapq
from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Literal, TypeVar

import msgspec

from tests.kit.builders import NOW_MS, SYMBOL, a_book, a_context, a_forecast, a_model, an_instrument
from trader.config import Settings
from trader.domain import decisions as d
from trader.domain.account import Balance, Payment, Position
from trader.domain.errors import Rejected
from trader.domain.events import (
    AnyEvent,
    BookUpdated,
    CancelRefused,
    CommandName,
    CommandReceived,
    FillArrived,
    ForecastMade,
    ModelChanged,
    OrderAbsent,
    OrderRefused,
    OrderReported,
    OutcomeLost,
    PaymentArrived,
    Reconciled,
    StreamChanged,
    StreamState,
    Ticked,
    TimerFired,
)
from trader.domain.instrument import Instrument
from trader.domain.orders import Approved, Fill, Order, OrderRef, OrderReport, OrderType, Side
from trader.domain.refusals import RefusalCode
from trader.domain.signals import ModelInfo
from trader.domain.timers import TimerId
from trader.engine.engine import Engine
from trader.engine.state import EngineState
from trader.simulation.exchange import SimulatedExchange
from trader.simulation.liquidation import LIQUIDATION_PREFIX
from trader.simulation.perpetual import PerpetualExchange
from trader.simulation.records import Window
from trader.simulation.sim_orders import OrderChanged, SimEvent, SimRequest, SimTrade
from trader.simulation.venue import _PAYMENTS, _fill, _payment, _report, _request

T = TypeVar("T", bound=d.Decision)
FUNDING_RATE = Decimal("0.00030000")
Fault = Literal["lost_before", "lost_after", "refused", "not_sent"]
CALM = a_context(close=100.0, rsi_14=30.0, bb_position=0.02, hist_vol_20=0.3, atr_14=0.1)
CALM_HIGH = a_context(close=100.0, rsi_14=70.0, bb_position=0.98, hist_vol_20=0.3, atr_14=0.1)  # confirms a short


class Memory(msgspec.Struct):
    """What a journal would hand back after a crash (`ports.Recovered`)."""

    ledger_id: str = "test-ledger"
    last_seq: int = 0
    orders_by_id: dict[str, Order] = {}
    fill_ids_seen: set[tuple[str, str]] = set()
    last_fill_ms: dict[str, int] = {}
    payment_ids_seen: set[str] = set()
    last_payment_ms: int = 0
    decided_ms: dict[str, int] = {}
    positions_by_symbol: dict[str, Position] = {}
    balances_by_currency: dict[str, Balance] = {}
    state: dict[tuple[str, str], bytes] = {}
    equity: d.EquitySnapshot | None = None

    @property
    def orders(self) -> list[Order]:
        return list(self.orders_by_id.values())

    @property
    def fill_ids(self) -> frozenset[tuple[str, str]]:
        return frozenset(self.fill_ids_seen)

    @property
    def payment_ids(self) -> frozenset[str]:
        return frozenset(self.payment_ids_seen)

    @property
    def positions(self) -> list[Position]:
        return list(self.positions_by_symbol.values())

    @property
    def balances(self) -> list[Balance]:
        return list(self.balances_by_currency.values())

    def keep(self, decision: d.Decision) -> None:
        match decision:
            case d.KeepOrder(order=order):
                self.orders_by_id[order.client_id] = order
            case d.KeepFill(fill=fill):
                self.fill_ids_seen.add((fill.symbol, fill.fill_id))
                self.last_fill_ms[fill.symbol] = max(fill.ts_ms, self.last_fill_ms.get(fill.symbol, 0))
            case d.KeepPayment(payment=payment):
                self.payment_ids_seen.add(payment.payment_id)
                self.last_payment_ms = max(payment.ts_ms, self.last_payment_ms)
            case d.KeepPosition(position=position):
                self.positions_by_symbol[position.symbol] = position
            case d.KeepBalance(balance=balance):
                self.balances_by_currency[balance.currency] = balance
            case d.KeepState(kind=kind, key=key, value=value):
                if value is None:
                    self.state.pop((kind, key), None)
                else:
                    self.state[(kind, key)] = value
            case d.RecordDecision(record=record):
                self.decided_ms[record.symbol] = record.candle_open_ms
            case d.RecordEquity(snapshot=snapshot):
                self.equity = snapshot
            case _:
                pass


class Harness:
    """One engine, one exchange, one clock that only `advance` moves. With perpetuals the account is a margined one."""

    def __init__(
        self,
        settings: Settings | None = None,
        instruments: Mapping[str, Instrument] | None = None,
        *,
        model: ModelInfo | None = None,
        quote: str = "10000",
    ) -> None:
        self.settings = settings or Settings()
        self.instruments = dict(instruments or {SYMBOL: an_instrument()})
        self.symbol = next(iter(self.instruments))
        self.model = model or a_model()
        opening = {"USDT": Decimal(quote)}
        self.perpetual: PerpetualExchange | None = None
        if any(instrument.can_short for instrument in self.instruments.values()):
            self.perpetual = PerpetualExchange(
                self.instruments, opening_balances=opening, funding_rates=lambda _symbol, _due_ms: FUNDING_RATE
            )
        self.exchange = self.perpetual or SimulatedExchange(self.instruments, opening_balances=opening)
        self.exchange.subscribe(self._pushed)
        self.states_profit = False  # whether the exchange says what each fill realised
        self.now_ms = NOW_MS
        self.memory = Memory()
        self.seen: list[d.Decision] = []  # every decision so far
        self.fault: Callable[[d.Decision], Fault | None] = lambda decision: None
        self.crash_at: int | None = None  # decisions left before the process dies
        self._queue: deque[AnyEvent] = deque()
        self._timers: list[tuple[int, TimerId]] = []
        self._due: dict[TimerId, int] = {}
        self._unresolved: list[OrderRef] = []
        self._dead = False
        self.engine = self._boot()

    # --- driving ------------------------------------------------------------------------------------------

    def put(self, *events: AnyEvent) -> None:
        """Queue events and process until nothing is left to do."""
        self._queue.extend(events)
        while self._queue and not self._dead:
            event = self._queue.popleft()
            stamped = msgspec.structs.replace(event, ts_ms=self.now_ms, seq=self.memory.last_seq + 1)
            self.memory.last_seq += 1
            decisions = self.engine.process(stamped)
            self.seen.extend(decisions)
            for decision in decisions:
                self.memory.keep(decision)
            for decision in decisions:
                if self._dies():
                    return
                self._act(decision)

    def start(self, mid: float = 100.0) -> None:
        """Data flows, the account is reconciled, a model is there."""
        for symbol in self.instruments:
            self.put(StreamChanged(symbol=symbol, state=StreamState.LIVE, reason="test"))
            self.price(mid, symbol)
        self.put(ModelChanged(model=self.model))
        self.reconcile(is_startup=True)
        self.put(Ticked())

    def price(self, mid: float, symbol: str = "", *, spread: float = 0.02, size: float = 50.0) -> None:
        """A new book around `mid`, at the exchange and at the engine."""
        symbol = symbol or self.symbol
        book = a_book(symbol, bid=round(mid - spread / 2, 2), ask=round(mid + spread / 2, 2), size=size)
        self.exchange.on_book(symbol, self.now_ms, book.bids, book.asks)
        self.put(BookUpdated(book=book))

    def advance(self, ms: int) -> None:
        """Time passes; timers that become due fire in order."""
        until = self.now_ms + ms
        while self._timers and self._timers[0][0] <= until and not self._dead:
            due_ms, timer = heapq.heappop(self._timers)
            if self._due.get(timer) != due_ms:
                continue  # moved or cancelled
            del self._due[timer]
            self.now_ms = max(self.now_ms, due_ms)
            self.put(TimerFired(timer=timer))
        self.now_ms = until

    def forecast(self, prediction: float = 0.02, symbol: str = "", win: float = 0.7) -> None:
        symbol, context = symbol or self.symbol, CALM_HIGH if self.perpetual and prediction < 0 else CALM
        open_ms = self.now_ms - self.now_ms % 60_000 - 60_000
        made = a_forecast(symbol, prediction=prediction, win_probability=win, context=context, candle_open_ms=open_ms)
        self.put(ForecastMade(forecast=made))

    def command(self, name: CommandName) -> None:
        self.put(CommandReceived(command_id="c1", name=name, origin="test"))

    def reconcile(self, *, is_startup: bool = False) -> None:
        """One complete round of asking, as the courier does it."""
        scope = self.engine.reconcile_scope()
        open_reports = [_report(order) for order in self.exchange.open_orders()]
        events: list[AnyEvent] = []
        for symbol, since_ms in scope.fills_since_ms.items():
            events += [FillArrived(fill=self._fill(t)) for t in self.exchange.trades(symbol, Window(since_ms=since_ms))]
        if scope.payments_since_ms is not None:
            events += [PaymentArrived(payment=payment) for payment in self.payments(scope.payments_since_ms)]
        events += [OrderReported(report=report) for report in open_reports]
        still_open = {report.client_id for report in open_reports}
        for ref in scope.refs:
            if ref.client_id not in still_open:
                events.append(self._resolved(ref))
        events.append(
            Reconciled(
                balances=tuple(b for b in self.exchange.balances() if b.total),
                positions=self.positions(),
                open_client_ids=tuple(sorted(still_open)),
                is_startup=is_startup,
            )
        )
        self.put(*events)

    def resolve(self) -> None:
        """The courier has waited long enough: every order of unknown outcome is looked up."""
        refs, self._unresolved = self._unresolved, []
        self.put(*(self._resolved(ref) for ref in refs))

    def restart(self) -> None:
        """Start again from what was remembered: nothing in memory survives."""
        self._queue.clear()
        self._timers.clear()
        self._due.clear()
        self._unresolved.clear()
        self._dead, self.crash_at = False, None
        books = {symbol: market.book for symbol, market in self.engine.state.markets.items()}
        self.engine = self._boot()
        for symbol, book in books.items():
            self.put(StreamChanged(symbol=symbol, state=StreamState.LIVE, reason="test"))
            if book is not None:
                self.put(BookUpdated(book=book))
        self.put(ModelChanged(model=self.model))
        self.reconcile(is_startup=True)
        self.put(Ticked())

    @property
    def is_dead(self) -> bool:
        return self._dead

    # --- looking ------------------------------------------------------------------------------------------

    def decided(self, kind: type[T]) -> list[T]:
        return [decision for decision in self.seen if isinstance(decision, kind)]

    @property
    def held(self) -> Decimal:
        return self.engine.state.ledger.quantity(self.symbol)

    def stops(self, symbol: str = "") -> list[tuple[Decimal, Decimal | None]]:
        """(remaining, stop price) of the stops resting at the exchange."""
        orders = self.exchange.open_orders(symbol or self.symbol)
        return [(o.remaining, o.stop_price) for o in orders if o.stop_price is not None]

    def trade_by_hand(self, side: Side, quantity: str) -> None:
        """Somebody else trades on the account."""
        self.now_ms += 1
        name = f"by-hand-{self.now_ms}"
        request = SimRequest(self.symbol, name, side, OrderType.MARKET, Decimal(quantity))
        self.exchange.submit(request, self.now_ms)

    def positions(self) -> tuple[Position, ...]:
        """What the exchange states; empty on spot."""
        held = self.perpetual.positions() if self.perpetual else []
        return tuple(Position(p.symbol, p.quantity, p.entry_price, p.updated_ms) for p in held)

    def payments(self, since_ms: int = 0) -> list[Payment]:
        if self.perpetual is None:
            return []
        window = Window(since_ms=since_ms)
        return [_payment(income) for kind in _PAYMENTS for income in self.perpetual.incomes(window, kind=kind)]

    def assert_ledger_equals_exchange(self) -> None:
        if self.perpetual is not None:
            held = {symbol: position.quantity for symbol, position in self.engine.state.ledger.positions.items()}
            assert held == {position.symbol: position.quantity for position in self.positions()}
            wallet = {b.currency: b.total for b in self.exchange.balances()}
            assert dict(self.engine.state.ledger.balances) == wallet
            return
        theirs = {b.currency: b.total for b in self.exchange.balances() if b.total}
        ours = {currency: total for currency, total in self.engine.state.ledger.balances.items() if total}
        assert ours == theirs
        for symbol, position in self.engine.state.ledger.positions.items():
            dust = self.engine.state.ledger.dust.get(self.instruments[symbol].base, Decimal(0))
            assert position.quantity + dust <= ours.get(self.instruments[symbol].base, Decimal(0))

    def assert_no_double_orders(self) -> None:
        """Every order at the exchange is one that was written down before, and each exactly once."""
        placed = [order.client_id for order in self.exchange.orders(self.symbol)]
        assert len(placed) == len(set(placed))
        foreign = {name for name in placed if name.startswith(("by-hand-", LIQUIDATION_PREFIX))}
        assert set(placed) - foreign <= self.memory.orders_by_id.keys()

    # --- inside -------------------------------------------------------------------------------------------

    def _boot(self) -> Engine:
        state = EngineState(self.settings, self.instruments, ledger_id="test-ledger")
        state.restore(self.memory)
        return Engine(self.settings, state)

    def _fill(self, trade: SimTrade) -> Fill:
        """As the exchange tells it. Without `states_profit` the ledger has to find the profit for itself."""
        fill = _fill(trade)
        return fill if self.states_profit else msgspec.structs.replace(fill, realised=None)

    def _stripped(self, report: OrderReport) -> OrderReport:
        if self.states_profit or not report.fills:
            return report
        fills = tuple(msgspec.structs.replace(fill, realised=None) for fill in report.fills)
        return msgspec.structs.replace(report, fills=fills)

    def _dies(self) -> bool:
        if self.crash_at is not None:
            self.crash_at -= 1
            self._dead = self.crash_at < 0
        return self._dead

    def _pushed(self, event: SimEvent) -> None:
        if not isinstance(event, OrderChanged):
            return
        if event.trade is not None and not self._fill(event.trade).is_forced:
            self._queue.append(FillArrived(fill=self._fill(event.trade)))
        self._queue.append(OrderReported(report=_report(event.order)))

    def _act(self, decision: d.Decision) -> None:
        match decision:
            case d.SubmitOrder(approved=approved, replaces=replaces):
                self._submit(decision, approved, replaces)
            case d.CancelOrder(ref=ref):
                try:
                    self.exchange.cancel(ref.symbol, self.now_ms, client_id=ref.client_id)
                except Rejected as error:
                    self._queue.append(CancelRefused(client_id=ref.client_id, reason=str(error)))
                    self._queue.append(self._resolved(ref))
            case d.QueryOrder(ref=ref):
                self._queue.append(self._resolved(ref))
            case d.SetTimer(timer=timer, due_ms=due_ms):
                self._due[timer] = due_ms
                heapq.heappush(self._timers, (due_ms, timer))
            case _:
                pass

    def _submit(self, decision: d.Decision, approved: Approved, replaces: OrderRef | None) -> None:
        fault = self.fault(decision)
        client_id = approved.intent.client_id
        if fault in ("refused", "not_sent"):
            code = RefusalCode.REJECTED if fault == "refused" else RefusalCode.NOT_SENT
            self._queue.append(OrderRefused(client_id=client_id, code=code, reason="refused by the test"))
            return
        try:
            if fault != "lost_before":
                self._carry_out(approved, replaces, is_answered=fault is None)
        except Rejected as error:
            self._queue.append(OrderRefused(client_id=client_id, code=error.code, reason=str(error)))
            if replaces is not None:
                self._queue.append(self._resolved(replaces))
            return
        if fault is not None:
            ref = OrderRef(approved.intent.symbol, client_id, is_stop=approved.intent.stop_price is not None)
            self._queue.append(OutcomeLost(client_id=client_id, reason=fault))
            self._unresolved += [r for r in (replaces, ref) if r is not None]

    def _carry_out(self, approved: Approved, replaces: OrderRef | None, *, is_answered: bool) -> None:
        before = len(self._queue)
        if replaces is None:
            order, trades = self.exchange.submit(_request(approved), self.now_ms)
        else:
            _, order, trades = self.exchange.replace(_request(approved), self.now_ms, client_id=replaces.client_id)
        if is_answered:
            self._queue.append(OrderReported(report=self._stripped(_report(order, trades))))
        else:
            while len(self._queue) > before:  # the stream is down too
                self._queue.pop()

    def _resolved(self, ref: OrderRef) -> AnyEvent:
        found = self.exchange.order(ref.symbol, client_id=ref.client_id)
        if found is None:
            return OrderAbsent(client_id=ref.client_id, evidence="the test looked")
        trades = self.exchange.trades(ref.symbol, exchange_id=found.exchange_id)
        return OrderReported(report=self._stripped(_report(found, trades)))
