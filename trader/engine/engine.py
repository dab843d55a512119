"""`Engine.process(event) -> list[Decision]`: the one place where decisions are made."""

from collections import deque
from collections.abc import Mapping
from math import inf
from typing import assert_never

from trader.config.schema import Settings
from trader.domain.decisions import Decision, Level
from trader.domain.events import (
    AccountEvent,
    AccountUnreachable,
    AnyEvent,
    BalancesReported,
    BookUpdated,
    CancelRefused,
    CandleClosed,
    CommandReceived,
    FillArrived,
    ForecastMade,
    FundingSettled,
    InstrumentChanged,
    ModelChanged,
    ModelWatched,
    OrderAbsent,
    OrderRefused,
    OrderReported,
    OutcomeEvent,
    OutcomeLost,
    PaymentArrived,
    Reconciled,
    StrategyJudged,
    StreamChanged,
    StreamState,
    Ticked,
    TimerFired,
    TradePrinted,
)
from trader.domain.refusals import Refusal
from trader.domain.timers import TimerKind
from trader.domain.units import DAY_MS
from trader.engine import algorithms, control, tca
from trader.engine.desk import Desk, ref_of
from trader.engine.entries import decide, hedge
from trader.engine.guards import guard, in_use, standing
from trader.engine.news import account, adoption, order_news
from trader.engine.news.scope import ReconcileScope
from trader.engine.positions import exits
from trader.engine.positions.protection import protect
from trader.engine.safety import edge, failing
from trader.engine.safety.faults import fault_of
from trader.engine.state import EngineState, Market
from trader.risk.correlation import rolling_correlations
from trader.risk.exits import on_candle
from trader.strategy.base import Strategy
from trader.strategy.ensemble import Ensemble

_RESTART_MARGIN_MS = DAY_MS  # the same at start, where a liquidation while nobody looked may be late in the list
_PAYMENT_MARGIN_MS = DAY_MS  # some exchanges list them late
_FILL_MARGIN_MS = 120_000  # fills are asked for again from this long before the newest known one


class Engine:
    """Synchronous and deterministic: the same events give the same decisions.

    It does no I/O, reads no clock, never sleeps, never awaits. Its now is the event's `ts_ms`.
    """

    def __init__(
        self,
        settings: Settings,
        state: EngineState,
        strategies: Mapping[str, Strategy] | None = None,
        *,
        is_real_money: bool = False,
    ) -> None:
        """`strategies`: one per symbol; without them all trade by the ensemble. `is_real_money`: a loss is one."""
        chosen = strategies or {symbol: Ensemble(settings.for_symbol(symbol).strategy) for symbol in state.markets}
        for symbol, market in state.markets.items():
            market.candles = deque(market.candles, maxlen=chosen[symbol].candles)
        self.state = state
        self._desk = Desk(settings, state, chosen, is_real_money=is_real_money)
        self._settings = settings

    @property
    def strategy_ids(self) -> dict[str, str]:
        """Which strategy trades a symbol."""
        return {symbol: strategy.strategy_id for symbol, strategy in self._desk.strategies.items()}

    def process(self, event: AnyEvent) -> list[Decision]:
        """Everything that follows from one event, in the order it must be journalled and acted on."""
        desk = self._desk
        desk.begin()
        self.state.now_ms = event.ts_ms
        try:
            if type(event) is BookUpdated:  # nearly all events are books
                if not self._on_book(event):
                    return desk.out
            elif type(event) is Ticked:
                self._on_tick(event)
            else:
                self._take(event)
            if desk.finished:
                order_news.follow_finished(desk)
            for text in self.state.orders.tracker.take_anomalies():
                desk.notify(Level.ALERT, "order.anomaly", text)
        except Exception as error:  # edge: no event may end the engine: it is taken back, and new risk halts  # noqa: BLE001
            failing.contain(desk, event, error)
        return desk.out

    def reconcile_scope(self) -> ReconcileScope:
        """What the shell must ask the exchange for to know the whole account."""
        state = self.state
        since = {
            symbol: max(
                0, state.account.last_fill_ms.get(symbol, state.account.opened_ms) - self._fill_margin_ms(market)
            )
            for symbol, market in state.markets.items()
        }
        paid_since = max(
            state.account.opened_ms,
            max(state.account.last_payment_ms, state.account.last_reconciled_ms) - _PAYMENT_MARGIN_MS,
        )
        unended = (*state.orders.tracker.open_orders(), *state.orders.tracker.unsettled())
        refs = tuple(ref_of(order) for order in unended)
        return ReconcileScope(refs, since, paid_since) if state.account.is_opened else ReconcileScope(refs, {})

    def _fill_margin_ms(self, market: Market) -> int:
        """After a restart trades of others, heard of before and not yet booked, must be heard of again."""
        return (
            _FILL_MARGIN_MS
            if self.state.account.is_reconciled or not market.instrument.can_short
            else _RESTART_MARGIN_MS
        )

    def is_settled(self) -> bool:
        """No order without a known state, no stop that still has to be placed."""
        orders_open = self.state.orders.tracker.open_orders()
        if (
            any(order.status in ("pending", "unknown") for order in orders_open)
            or self.state.orders.tracker.unsettled()
        ):
            return False
        return not any(not algorithm.purpose.reduces for algorithm in self.state.orders.algorithms.values())

    # --- one kind of event each ---------------------------------------------------------------------------

    def _on_book(self, event: BookUpdated) -> bool:
        """Take the book, looked at in the cheapest way; returns whether anything was asked of it."""
        book = event.book
        symbol, bids, asks = book.symbol, book.bids, book.asks
        market = self.state.markets.get(symbol)
        if market is None or not bids or not asks:
            edge.refuse_book(self._desk, event)
            return False
        (bid, wanted), (ask, offered) = bids[0], asks[0]
        if not (0.0 < bid < ask < inf and 0.0 < wanted < inf and 0.0 < offered < inf):  # NaN fails all of it
            edge.refuse_book(self._desk, event)
            return False
        market.book = book
        if market.refused_since_ms:
            edge.sound_again(market)
        if symbol not in self.state.positions.plans:
            return False
        exits.judge(self._desk, symbol)
        return True

    def _take(self, event: AnyEvent) -> None:
        """Handle what can be true, and refuse the rest."""
        fault = fault_of(self.state, event)
        if fault is None:
            self._handle(event)
        else:
            edge.refuse(self._desk, event, fault)

    def _handle(self, event: AnyEvent) -> None:
        match event:
            case Ticked():
                self._on_tick(event)
            case CandleClosed():
                self._on_candle(event)
            case ForecastMade():
                decide.on_forecast(self._desk, event.forecast)
            case BookUpdated():
                self._on_book(event)
            case TradePrinted():
                pass  # public trades feed matching, features and recording, not decisions
            case StreamChanged():
                self._on_stream(event)
            case InstrumentChanged():
                self._on_instrument(event)
            case TimerFired():
                self._on_timer(event)
            case CommandReceived():
                control.on_command(self._desk, event)
            case ModelChanged():
                in_use.on_model(self._desk, event.model)
            case FundingSettled():
                self.state.markets[event.funding.symbol].funding = event
            case ModelWatched():
                in_use.on_health(self._desk, event.health)
            case StrategyJudged():
                standing.on_verdict(self._desk, event.verdict)
            case _:
                self._on_account(event)

    def _on_account(self, event: AccountEvent | OutcomeEvent) -> None:
        """What the exchange says of our orders and balances."""
        desk = self._desk
        match event:
            case OrderReported():
                order_news.on_report(desk, event.report)
            case FillArrived():
                order_news.on_fill(desk, event.fill)
            case BalancesReported():
                account.on_balances(desk, event)
            case OrderRefused():
                order_news.on_refused(desk, event.client_id, Refusal(event.code, event.reason))
            case OutcomeLost():
                order_news.on_lost(desk, event.client_id, event.reason)
            case OrderAbsent():
                order_news.on_absent(desk, event.client_id, event.evidence)
            case CancelRefused():
                desk.keep_order(self.state.orders.tracker.cancel_refused(event.client_id, event.reason, event.ts_ms))
            case PaymentArrived():
                account.on_payment(desk, event.payment)
            case Reconciled():
                self._on_reconciled(event)
            case AccountUnreachable():
                self._on_unreachable(event)
            case _:
                assert_never(event)

    # --- market -------------------------------------------------------------------------------------------

    def _on_tick(self, event: Ticked) -> None:
        guard.on_tick(self._desk, event)
        account.check_told(self._desk)
        if self.state.account.is_reconciled:
            adoption.answer(self._desk, is_asked_again=False)
        positions = self.state.positions
        for symbol in [each for each in positions.exits if each not in positions.plans]:  # no price looks at these
            exits.drive(self._desk, symbol)
        for symbol in list(positions.plans):
            exits.judge(self._desk, symbol)
            protect(self._desk, symbol)
        hedge.on_tick(self._desk)
        tca.mark_due(self._desk)

    def _on_candle(self, event: CandleClosed) -> None:
        candle = event.candle
        market = self.state.markets[candle.symbol]
        market.remember(candle)
        plan = self.state.positions.plans.get(candle.symbol)
        if plan is not None and candle.open_ms >= plan.opened_ms:
            moved = on_candle(plan, candle.close)
            if moved is not plan:
                self.state.positions.plans[candle.symbol] = moved
                self._desk.keep("plan", candle.symbol, moved)
                protect(self._desk, candle.symbol)
        if candle.symbol == next(iter(self.state.markets)):
            self.state.correlations = rolling_correlations(
                {s: m.closes for s, m in self.state.markets.items()},
                self._settings.risk.correlation_candles,
                leader=candle.symbol,
            )
            hedge.on_close(self._desk)

    def _on_stream(self, event: StreamChanged) -> None:
        market = self.state.markets[event.symbol]
        market.stream_told = event.state, event.reason
        if not market.refused_since_ms or event.state is not StreamState.LIVE:
            market.stream, market.stream_reason = market.stream_told

    def _on_instrument(self, event: InstrumentChanged) -> None:
        now, symbol = event.instrument, event.instrument.symbol
        self.state.markets[symbol].instrument = now
        text = (
            f"price tick {now.price_tick}, quantity step {now.quantity_step}, at least {now.min_quantity} {now.base} "
            f"and {now.min_notional} {now.quote}"
        )
        self._desk.notify(Level.WARNING, "instrument.changed", text, symbol=symbol)
        if symbol in self.state.positions.plans:
            protect(self._desk, symbol)

    # --- account and time ---------------------------------------------------------------------------------

    def _on_reconciled(self, event: Reconciled) -> None:
        self.state.account.is_live = True
        account.on_reconciled(self._desk, event)
        guard.revalue(self._desk)

    def _on_unreachable(self, event: AccountUnreachable) -> None:
        self.state.account.is_live = False
        self._desk.notify(Level.WARNING, "account.unreachable", event.reason)

    def _on_timer(self, event: TimerFired) -> None:
        match event.timer.kind:
            case TimerKind.STOP:
                protect(self._desk, event.timer.key)
            case TimerKind.EXIT:
                exits.drive(self._desk, event.timer.key)
            case TimerKind.ALGORITHM:
                algorithms.wake_algorithm(self._desk, event.timer.key)
            case never:
                assert_never(never)
