"""The simulated exchange in the trader's words, answering at once: what a replay trades on, and paper trading within.

Implements `ports.InstantExchange`. Nothing here waits: how long a request is on its way is its caller's affair.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import assert_never

from trader.domain.account import Balance, Payment, Position
from trader.domain.errors import Misconfigured, Rejected, Unavailable
from trader.domain.events import (
    AccountUnreachable,
    BalancesReported,
    BookUpdated,
    CandleClosed,
    FillArrived,
    InstrumentChanged,
    MarketEvent,
    OrderReported,
    StreamChanged,
    StreamState,
    TradePrinted,
)
from trader.domain.instrument import Instrument, InstrumentKind
from trader.domain.orders import Approved, Fill, OrderRef, OrderReport, OrderType
from trader.ports import AccountSink, Clock
from trader.simulation.answers import PAYMENTS, fill_of, number_of, payment_of, report_of, request_of
from trader.simulation.derivatives.funding import INTEREST_FRAC, funding_rate
from trader.simulation.derivatives.liquidation import LIQUIDATION_PREFIX
from trader.simulation.derivatives.perpetual import FundingRates, PerpetualExchange
from trader.simulation.exchange import SimulatedExchange
from trader.simulation.records.memory import Records, Window
from trader.simulation.records.positions import DEFAULT_LEVERAGE
from trader.simulation.records.sim_orders import BalanceChanged, ConditionalChanged, OrderChanged, SimEvent, Transferred

_USUAL_RATE = funding_rate(INTEREST_FRAC)


def _usual_rate(symbol: str, due_ms: int) -> Decimal:
    """What no feed tells."""
    del symbol, due_ms
    return _USUAL_RATE


class InstantVenue:
    """`exchange` at the market time of `clock`. `instruments` are the symbols whose market reaches it."""

    def __init__(self, exchange: SimulatedExchange, instruments: Mapping[str, Instrument], clock: Clock) -> None:
        self.exchange = exchange
        self._symbols = frozenset(instruments)
        self._clock = clock

    # --- the market ---------------------------------------------------------------------------------------------

    def on_market(self, event: MarketEvent) -> None:
        """Match against what the market just did; what it causes is told to the subscribers."""
        now_ms = self._clock.now_ms()
        match event:
            case BookUpdated(book=book):
                if book.symbol in self._symbols:
                    self.exchange.on_book(book.symbol, now_ms, book.bids, book.asks)
            case TradePrinted(trade=trade):
                if trade.symbol in self._symbols:
                    self.exchange.on_trade(trade.symbol, now_ms, trade.price, trade.quantity, trade.buyer_is_taker)
            case CandleClosed(candle=candle):
                if candle.symbol in self._symbols:
                    self.exchange.on_candle(candle)
            case InstrumentChanged(instrument=instrument):
                if instrument.symbol in self._symbols:
                    self.exchange.change_filters(instrument)
            case StreamChanged(symbol=symbol, state=state):
                if state is StreamState.STALE and symbol in self._symbols:
                    self.exchange.forget_book(symbol)
            case _:
                assert_never(event)

    # --- requests -----------------------------------------------------------------------------------------------

    def submit(self, order: Approved) -> OrderReport:
        """Place it. Raises `Rejected`, or `Unavailable` while the market of the symbol is not known."""
        self._require_market(order)
        placed, trades = self.exchange.submit(request_of(order), self._clock.now_ms())
        return report_of(placed, trades)

    def replace(self, old: OrderRef, order: Approved) -> tuple[OrderReport, OrderReport]:
        """Cancel `old` and place `order`. Raises as `submit` does."""
        self._require_market(order)
        canceled, placed, trades = self.exchange.replace(
            request_of(order), self._clock.now_ms(), client_id=old.client_id, exchange_id=number_of(old)
        )
        return report_of(canceled), report_of(placed, trades)

    def cancel(self, ref: OrderRef) -> OrderReport:
        """Raises `Rejected` when there is nothing to cancel."""
        now_ms, number = self._clock.now_ms(), number_of(ref)
        return report_of(self.exchange.cancel(ref.symbol, now_ms, client_id=ref.client_id, exchange_id=number))

    # --- queries ------------------------------------------------------------------------------------------------

    def order(self, ref: OrderRef) -> OrderReport | None:
        """The order with all its fills; None if there never was one."""
        found = self.exchange.order(ref.symbol, client_id=ref.client_id, exchange_id=number_of(ref))
        if found is None:
            return None
        return report_of(found, self.exchange.trades(found.symbol, exchange_id=found.exchange_id))

    def open_orders(self) -> list[OrderReport]:
        return [report_of(order) for order in self.exchange.open_orders()]

    def fills(self, symbol: str, since_ms: int) -> list[Fill]:
        """Oldest first."""
        return [fill_of(trade) for trade in self.exchange.trades(symbol, Window(since_ms=since_ms))]

    def payments(self, since_ms: int) -> list[Payment]:
        """Funding and what liquidations cost, by kind; none on spot."""
        if not isinstance(self.exchange, PerpetualExchange):
            return []
        window = Window(since_ms=since_ms)
        return [payment_of(income) for kind in PAYMENTS for income in self.exchange.incomes(window, kind=kind)]

    def balances(self) -> list[Balance]:
        """Those that are not zero."""
        return [balance for balance in self.exchange.balances() if balance.total]

    def positions(self) -> list[Position]:
        """Those in perpetuals; spot positions live in the balances."""
        held = self.exchange.positions() if isinstance(self.exchange, PerpetualExchange) else []
        return [Position(p.symbol, p.quantity, p.entry_price, p.updated_ms, p.realised) for p in held]

    # --- the account --------------------------------------------------------------------------------------------

    def subscribe(self, sink: AccountSink) -> Callable[[], None]:
        """Tell every change from now on; the returned function ends that. A fill comes before the report that counts
        it.
        """
        return self.exchange.subscribe(lambda event: _tell(event, sink))

    def _require_market(self, order: Approved) -> None:
        intent = order.intent
        if intent.type is OrderType.STOP_MARKET or intent.symbol not in self._symbols:
            return
        if not self.exchange.has_market(intent.symbol):
            raise Unavailable(f"no current market data for {intent.symbol}; the request never left")


def _tell(event: SimEvent, sink: AccountSink) -> None:
    """One change of the exchange's, as an account stream tells it."""
    match event:
        case BalanceChanged(balances=balances):
            sink(BalancesReported(balances=balances, is_complete=False))
        case Transferred(amount=amount, currency=currency):
            sink(AccountUnreachable(reason=f"{amount} {currency} came from outside"))
        case OrderChanged(order=order, trade=trade):
            if trade is not None and order.client_id.startswith(LIQUIDATION_PREFIX):
                # as at a real exchange: it is told by being asked
                sink(AccountUnreachable(reason=f"{order.symbol} was liquidated"))
            elif trade is not None:
                sink(FillArrived(fill=fill_of(trade)))
            sink(OrderReported(report=report_of(order)))
        case ConditionalChanged():
            pass  # the trader places no conditional orders here
        case _:
            assert_never(event)


def open_exchange(
    instruments: Mapping[str, Instrument],
    opening_balances: Mapping[str, Decimal],
    *,
    first_ms: int,
    funding_rates: FundingRates = _usual_rate,
    store: Records | None = None,
    leverage: int = DEFAULT_LEVERAGE,
) -> SimulatedExchange:
    """An exchange that lists `instruments`, with a margined account where they are perpetuals.

    `first_ms`: market time, which ids of a fresh store count from. `funding_rates`: the usual rate unless given. Raises
    `Misconfigured` for spot pairs and perpetuals together, and for a leverage that cannot be.
    """
    kinds = {instrument.kind for instrument in instruments.values()}
    if len(kinds) > 1:
        raise Misconfigured("paper trades spot pairs or perpetuals, not both at once")
    if InstrumentKind.PERPETUAL not in kinds:
        return SimulatedExchange(instruments, opening_balances=opening_balances, store=store, first_id=first_ms)
    exchange = PerpetualExchange(
        instruments, opening_balances=opening_balances, funding_rates=funding_rates, store=store, first_id=first_ms
    )
    _set_leverage(exchange, instruments, leverage, first_ms)
    return exchange


def _set_leverage(exchange: PerpetualExchange, symbols: Iterable[str], leverage: int, now_ms: int) -> None:
    """For every symbol; raises `Misconfigured` where positions or the exchange's brackets forbid it."""
    for symbol in symbols:
        if exchange.position(symbol).leverage == leverage:
            continue
        try:
            exchange.set_leverage(symbol, leverage, now_ms)
        except Rejected as error:
            raise Misconfigured(f"exchange.leverage: given {leverage}; {error}") from None
