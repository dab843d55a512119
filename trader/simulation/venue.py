"""Paper trading: a real feed whose orders meet the simulated exchange instead of the real one.

`PaperVenue` is both ports: it passes the feed's events on, matches against them, and answers like an exchange.
An order is either never accepted or completely in the store, at whatever instruction the process dies.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from decimal import Decimal
from pathlib import Path

from trader.domain.account import Balance, Payment, PaymentKind, Position
from trader.domain.errors import InvariantBroken, Misconfigured, OutcomeUnknown, Rejected, Unavailable
from trader.domain.events import (
    AccountUnreachable,
    BalancesReported,
    BookUpdated,
    CandleClosed,
    FillArrived,
    InstrumentChanged,
    MarketEvent,
    OrderReported,
    StreamState,
    TradePrinted,
)
from trader.domain.instrument import Instrument, InstrumentKind
from trader.domain.market import Candle, FundingRate
from trader.domain.orders import Approved, Fill, OrderRef, OrderReport, OrderType
from trader.ports import AccountSink, Clock, MarketFeed, MarketSink
from trader.simulation.exchange import SimulatedExchange
from trader.simulation.funding import INTEREST_FRAC, funding_rate
from trader.simulation.liquidation import LIQUIDATION_PREFIX
from trader.simulation.perpetual import PerpetualExchange
from trader.simulation.positions import DEFAULT_LEVERAGE, IncomeKind, SimIncome
from trader.simulation.records import Window
from trader.simulation.sim_orders import (
    BalanceChanged,
    OrderChanged,
    SimEvent,
    SimOrder,
    SimRequest,
    SimTrade,
    Transferred,
)
from trader.simulation.store import SimulationStore

_USUAL_RATE = funding_rate(INTEREST_FRAC)
_PAYMENTS: dict[IncomeKind, PaymentKind] = {
    "funding": PaymentKind.FUNDING,
    "liquidation": PaymentKind.LIQUIDATION,
}


class PaperVenue:
    """A market feed and an exchange in one (ports `MarketFeed` and `Exchange`).

    Requests and queries arrive `latency_s` (real seconds) after they are made, in the order they were made, and meet
    the book of that moment. `store` is a path (opened and closed here), an open store, or None: nothing is kept.
    `opening_balances` count only for a fresh store. Perpetuals get a margined account; raises `Misconfigured` for spot
    pairs and perpetuals together.
    """

    can_replace = True

    def __init__(
        self,
        feed: MarketFeed,
        instruments: Mapping[str, Instrument],
        clock: Clock,
        *,
        opening_balances: Mapping[str, Decimal],
        store: SimulationStore | Path | None = None,
        latency_s: float = 0.05,
        leverage: int = DEFAULT_LEVERAGE,
    ) -> None:
        self._feed = feed
        self._instruments = instruments
        self._clock = clock
        self._latency_s = latency_s
        self._own_store = SimulationStore(store) if isinstance(store, Path) else None
        self._line = asyncio.Lock()  # fair: whoever asks first arrives first
        self._sinks: list[AccountSink] = []
        self._is_closed = False
        kept = self._own_store if isinstance(store, Path) else store
        self.exchange = _exchange(instruments, opening_balances, kept, clock.now_ms())
        if isinstance(self.exchange, PerpetualExchange):
            _set_leverage(self.exchange, instruments, leverage, clock.now_ms())

    # --- the feed -----------------------------------------------------------------------------------------------

    async def instruments(self) -> Mapping[str, Instrument]:
        return await self._feed.instruments()

    async def candles(self, symbol: str, timeframe: str, since_ms: int, limit: int) -> list[Candle]:
        return await self._feed.candles(symbol, timeframe, since_ms, limit)

    async def funding(self, symbol: str, since_ms: int) -> list[FundingRate]:
        return await self._feed.funding(symbol, since_ms)

    async def run(self, sink: MarketSink) -> None:
        """Pass every event on, then match against it: what it causes is told after it."""

        def pass_on(event: MarketEvent) -> None:
            sink(event)
            self._match(event)

        await self._feed.run(pass_on)

    def _match(self, event: MarketEvent) -> None:
        try:
            self._feed_exchange(event)
        except InvariantBroken as error:  # the store failed; what happened is written with the next change
            for sink in tuple(self._sinks):
                sink(AccountUnreachable(reason=str(error)))

    def _feed_exchange(self, event: MarketEvent) -> None:
        now_ms = self._clock.now_ms()
        if isinstance(event, BookUpdated):
            book = event.book
            if book.symbol in self._instruments:
                self.exchange.on_book(book.symbol, now_ms, book.bids, book.asks)
        elif isinstance(event, TradePrinted):
            trade = event.trade
            if trade.symbol in self._instruments:
                self.exchange.on_trade(trade.symbol, now_ms, trade.price, trade.quantity, trade.buyer_is_taker)
        elif isinstance(event, CandleClosed):
            if event.candle.symbol in self._instruments:
                self.exchange.on_candle(event.candle)
        elif isinstance(event, InstrumentChanged):
            if event.instrument.symbol in self._instruments:
                self.exchange.change_filters(event.instrument)
        elif event.state is StreamState.STALE and event.symbol in self._instruments:
            self.exchange.forget_book(event.symbol)

    # --- the exchange -------------------------------------------------------------------------------------------

    async def submit(self, order: Approved) -> OrderReport:
        """Raises `Unavailable` while the market of the symbol is not known, `OutcomeUnknown` if the store fails."""
        async with self._arrival(OutcomeUnknown):
            self._require_market(order)
            placed, trades = self.exchange.submit(_request(order), self._clock.now_ms())
        return _report(placed, trades)

    async def replace(self, old: OrderRef, order: Approved) -> tuple[OrderReport, OrderReport]:
        async with self._arrival(OutcomeUnknown):
            self._require_market(order)
            canceled, placed, trades = self.exchange.replace(
                _request(order), self._clock.now_ms(), client_id=old.client_id, exchange_id=_number(old)
            )
        return _report(canceled), _report(placed, trades)

    async def cancel(self, ref: OrderRef) -> OrderReport:
        async with self._arrival(OutcomeUnknown):
            canceled = self.exchange.cancel(
                ref.symbol, self._clock.now_ms(), client_id=ref.client_id, exchange_id=_number(ref)
            )
        return _report(canceled)

    async def order(self, ref: OrderRef) -> OrderReport | None:
        """The order with all its fills."""
        async with self._arrival(Unavailable):
            found = self.exchange.order(ref.symbol, client_id=ref.client_id, exchange_id=_number(ref))
            if found is None:
                return None
            return _report(found, self.exchange.trades(found.symbol, exchange_id=found.exchange_id))

    async def open_orders(self) -> list[OrderReport]:
        async with self._arrival(Unavailable):
            return [_report(order) for order in self.exchange.open_orders()]

    async def fills(self, symbol: str, since_ms: int) -> list[Fill]:
        async with self._arrival(Unavailable):
            return [_fill(trade) for trade in self.exchange.trades(symbol, Window(since_ms=since_ms))]

    async def balances(self) -> list[Balance]:
        async with self._arrival(Unavailable):
            return [balance for balance in self.exchange.balances() if balance.total]

    async def positions(self) -> list[Position]:
        """Those in perpetuals; spot positions live in the balances."""
        async with self._arrival(Unavailable):
            held = self.exchange.positions() if isinstance(self.exchange, PerpetualExchange) else []
            return [Position(p.symbol, p.quantity, p.entry_price, p.updated_ms, p.realised) for p in held]

    async def payments(self, since_ms: int) -> list[Payment]:
        async with self._arrival(Unavailable):
            if not isinstance(self.exchange, PerpetualExchange):
                return []
            window = Window(since_ms=since_ms)
            return [_payment(income) for kind in _PAYMENTS for income in self.exchange.incomes(window, kind=kind)]

    async def run_account(self, sink: AccountSink) -> None:
        """Tell every change from now on, until cancelled. A fill comes before the report that counts it."""

        def tell(event: SimEvent) -> None:
            if isinstance(event, BalanceChanged):
                sink(BalancesReported(balances=event.balances, is_complete=False))
                return
            if isinstance(event, Transferred):
                sink(AccountUnreachable(reason=f"{event.amount} {event.currency} came from outside"))
                return
            if not isinstance(event, OrderChanged):  # conditional orders of their own are not placed here
                return
            if event.trade is not None:
                if not event.order.client_id.startswith(LIQUIDATION_PREFIX):
                    sink(FillArrived(fill=_fill(event.trade)))
                else:  # as at a real exchange: it is told by being asked
                    sink(AccountUnreachable(reason=f"{event.order.symbol} was liquidated"))
            sink(OrderReported(report=_report(event.order)))

        unsubscribe = self.exchange.subscribe(tell)
        self._sinks.append(sink)
        try:
            await asyncio.Event().wait()
        finally:
            unsubscribe()
            self._sinks.remove(sink)

    async def clock_offset_ms(self) -> float:
        return 0.0

    async def close(self) -> None:
        """Store everything, release the file and the feed. Safe to call twice."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self.exchange.checkpoint()
        finally:
            if self._own_store is not None:
                self._own_store.close()
            await self._feed.close()

    # --- the way there ------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _arrival(self, not_stored: type[OutcomeUnknown] | type[Unavailable]) -> AsyncIterator[None]:
        """Wait for the latency; what is done inside happens at the exchange, in the order of asking.

        Cancelled before the arrival, a request never left. A store that cannot be written is told as `not_stored`.
        """
        loop = asyncio.get_running_loop()
        arrives_at = loop.time() + self._latency_s
        async with self._line:
            await asyncio.sleep(max(0.0, arrives_at - loop.time()))
            if self._is_closed:
                raise Unavailable("the paper venue is closed; the request never left")
            try:
                yield
            except InvariantBroken as error:
                raise not_stored(str(error)) from error

    def _require_market(self, order: Approved) -> None:
        intent = order.intent
        if intent.type is OrderType.STOP_MARKET or intent.symbol not in self._instruments:
            return
        if not self.exchange.has_market(intent.symbol):
            raise Unavailable(f"no current market data for {intent.symbol}; the request never left")


def _exchange(
    instruments: Mapping[str, Instrument],
    opening_balances: Mapping[str, Decimal],
    store: SimulationStore | None,
    first_id: int,
) -> SimulatedExchange:
    """With a margined account where perpetuals are traded; funding is then the usual rate, which no feed tells."""
    kinds = {instrument.kind for instrument in instruments.values()}
    if len(kinds) > 1:
        raise Misconfigured("paper trades spot pairs or perpetuals, not both at once")
    if InstrumentKind.PERPETUAL not in kinds:
        return SimulatedExchange(instruments, opening_balances=opening_balances, store=store, first_id=first_id)
    return PerpetualExchange(
        instruments,
        opening_balances=opening_balances,
        funding_rates=lambda _symbol, _due_ms: _USUAL_RATE,
        store=store,
        first_id=first_id,
    )


def _set_leverage(exchange: PerpetualExchange, symbols: Iterable[str], leverage: int, now_ms: int) -> None:
    """For every symbol; raises `Misconfigured` where positions or the exchange's brackets forbid it."""
    for symbol in symbols:
        if exchange.position(symbol).leverage == leverage:
            continue
        try:
            exchange.set_leverage(symbol, leverage, now_ms)
        except Rejected as error:
            raise Misconfigured(f"exchange.leverage: given {leverage}; {error}") from None


def _number(ref: OrderRef) -> int | None:
    """The exchange id as ours; None for none or one that cannot be ours (the client id decides then)."""
    return int(ref.exchange_id) if ref.exchange_id is not None and ref.exchange_id.isdigit() else None


def _request(order: Approved) -> SimRequest:
    intent = order.intent
    return SimRequest(
        symbol=intent.symbol,
        client_id=intent.client_id,
        side=intent.side,
        type=intent.type,
        quantity=intent.quantity,
        price=intent.price,
        stop_price=intent.stop_price,
        time_in_force=intent.time_in_force,
        post_only=intent.post_only,
        reduce_only=intent.reduce_only,
    )


def _report(order: SimOrder, trades: list[SimTrade] | None = None) -> OrderReport:
    return OrderReport(
        symbol=order.symbol,
        client_id=order.client_id,
        exchange_id=str(order.exchange_id),
        status=order.status,
        filled=order.filled,
        ts_ms=order.updated_ms,
        side=order.side,
        type=order.type,
        quantity=order.quantity,
        price=order.price,
        stop_price=order.stop_price,
        fills=tuple(_fill(trade) for trade in trades or ()),
    )


def _fill(trade: SimTrade) -> Fill:
    return Fill(
        fill_id=str(trade.trade_id),
        symbol=trade.symbol,
        client_id=trade.client_id,
        exchange_order_id=str(trade.exchange_id),
        side=trade.side,
        quantity=trade.quantity,
        price=trade.price,
        fee=trade.fee,
        fee_currency=trade.fee_currency,
        ts_ms=trade.ts_ms,
        is_maker=trade.is_maker,
        realised=trade.realised if ":" in trade.symbol else None,  # perpetuals; a spot trade realises nothing
        is_forced=trade.client_id.startswith(LIQUIDATION_PREFIX),
    )


def _payment(income: SimIncome) -> Payment:
    return Payment(
        str(income.income_id), _PAYMENTS[income.kind], income.symbol, income.asset, income.amount, income.ts_ms
    )
