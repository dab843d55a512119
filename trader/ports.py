"""Every seam of the house on one page. Adapters and simulations implement these; the core never sees them.

All methods that wait may raise `Unavailable`; the ones that change something at the exchange say what else.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from trader.domain.account import Balance, Payment, Position
from trader.domain.decisions import ClosedTrade, Decision, EquitySnapshot, ExecutionReport, TradingState
from trader.domain.events import AccountEvent, AnyEvent, MarketEvent
from trader.domain.instrument import Instrument
from trader.domain.market import Candle, FundingRate
from trader.domain.observation import Observation
from trader.domain.orders import Approved, Fill, Order, OrderRef, OrderReport
from trader.domain.reasons import Reason
from trader.domain.signals import DecisionRecord

MarketSink = Callable[[MarketEvent], None]
AccountSink = Callable[[AccountEvent], None]

REMEMBERED_TRADES = 5_000
"""Closed trades that a start goes on from: locks, the cost budget and the record of a strategy look at the newest."""


class Clock(Protocol):
    """Market time. Scaled in an accelerated sandbox; network waits never use it."""

    @property
    def speed(self) -> float:
        """Market milliseconds per real millisecond."""

    def now_ms(self) -> int:
        """Market time, ms UTC."""


class MarketFeed(Protocol):
    """Public data of one exchange."""

    async def instruments(self) -> Mapping[str, Instrument]:
        """The configured symbols that exist and can trade; raises `Misconfigured` for one that does not."""

    async def candles(self, symbol: str, timeframe: str, since_ms: int, limit: int) -> list[Candle]:
        """Up to `limit` closed candles from `since_ms` on, oldest first, without gap or repetition.

        A candle the exchange confirms not to have is flat, with `is_gap`.
        """

    async def funding(self, symbol: str, since_ms: int) -> list[FundingRate]:
        """All funding settled from `since_ms` on, oldest first; empty on spot and where the exchange does not tell."""

    async def run(self, sink: MarketSink) -> None:
        """Stream until cancelled: closed candles (continuous), books, trades, stream states."""

    async def close(self) -> None:
        """Release sockets. Safe to call twice."""


class ObservationSource(Protocol):
    """What is known beside candles, books and trades, each value with the time it was known. May be slow, or dead."""

    @property
    def name(self) -> str:
        """As the feature groups made from it call it."""

    @property
    def is_market_wide(self) -> bool:
        """Asked once for all symbols, with `WHOLE_MARKET`, instead of for each."""

    @property
    def every_ms(self) -> int:
        """Market time between two questions while it answers; they are asked `after_ms` past its multiples."""

    @property
    def after_ms(self) -> int:
        """How long past a multiple of `every_ms` something new is usually there."""

    async def observations(self, symbol: str, since_ms: int) -> list[Observation]:
        """All that was known from `since_ms` on, by that time; revised values are observations of their own.

        Raises `Unavailable`, also for an answer that cannot be, or `Rejected`.
        """


class Exchange(Protocol):
    """One account at one exchange, real or simulated."""

    @property
    def can_replace(self) -> bool:
        """Whether `replace` is one request at the exchange (no naked moment)."""

    async def submit(self, order: Approved) -> OrderReport:
        """Send one order. Raises `Rejected` (not placed) or `OutcomeUnknown`; never `Unavailable`
        unless the request provably never left."""

    async def replace(self, old: OrderRef, order: Approved) -> tuple[OrderReport, OrderReport]:
        """Cancel `old` and place `order`; reports of both. `Rejected`: `order` was not placed, and only a
        query tells whether `old` still rests."""

    async def cancel(self, ref: OrderRef) -> OrderReport:
        """Cancel. Raises `Rejected` when there is nothing to cancel (query it), `OutcomeUnknown` on no answer."""

    async def order(self, ref: OrderRef) -> OrderReport | None:
        """The exchange's record of an order; None when it says that it has none."""

    async def open_orders(self) -> list[OrderReport]:
        """All open orders of the configured symbols, foreign ones too."""

    async def fills(self, symbol: str, since_ms: int) -> list[Fill]:
        """All executions of the account in `symbol` from `since_ms` on, oldest first, complete."""

    async def payments(self, since_ms: int) -> list[Payment]:
        """All funding of the configured symbols, and what liquidations cost, from `since_ms` on; empty on spot."""

    async def balances(self) -> list[Balance]:
        """All non-zero balances; of a margined account the wallets, without the profit of open positions."""

    async def positions(self) -> list[Position]:
        """Open perpetual positions of the configured symbols; empty on spot."""

    async def run_account(self, sink: AccountSink) -> None:
        """Stream own orders, fills and balances until cancelled. On any interruption tells
        `AccountUnreachable`, reconnects, and goes on; the runner then reconciles."""

    async def clock_offset_ms(self) -> float:
        """Exchange time minus our market time, ms."""

    async def close(self) -> None:
        """Release sockets. Safe to call twice."""


class DeadMansSwitch(Protocol):
    """An exchange that cancels resting orders, protective stops apart, when it has not heard of us for long."""

    async def cancel_after(self, seconds: float) -> None:
        """Unless this is asked again within `seconds` (real), cancel; 0: not any more. Raises `Rejected` and
        `OutcomeUnknown` too; asking again does no harm."""


class InstantExchange(Protocol):
    """One simulated account that answers at once: `Exchange` and the market it lives on, without a loop."""

    def on_market(self, event: MarketEvent) -> None:
        """Match against what the market just did."""

    def submit(self, order: Approved) -> OrderReport:
        """As `Exchange.submit`, and so on."""

    def replace(self, old: OrderRef, order: Approved) -> tuple[OrderReport, OrderReport]: ...

    def cancel(self, ref: OrderRef) -> OrderReport: ...

    def order(self, ref: OrderRef) -> OrderReport | None: ...

    def open_orders(self) -> list[OrderReport]: ...

    def fills(self, symbol: str, since_ms: int) -> list[Fill]: ...

    def payments(self, since_ms: int) -> list[Payment]: ...

    def balances(self) -> list[Balance]: ...

    def positions(self) -> list[Position]: ...

    def subscribe(self, sink: AccountSink) -> Callable[[], None]:
        """Tell every change of the account from now on; the returned function ends that."""


class Recovered(Protocol):
    """What the journal remembers at start."""

    @property
    def ledger_id(self) -> str:
        """Made once; part of every client id."""

    @property
    def last_seq(self) -> int: ...

    @property
    def orders(self) -> Sequence[Order]:
        """Open ones and those that ended in the last days."""

    @property
    def fill_ids(self) -> frozenset[tuple[str, str]]:
        """(symbol, fill_id) of every fill of the last days."""

    @property
    def position_fills(self) -> Sequence[Fill]:
        """All of each open position since it was opened, oldest first."""

    @property
    def last_fill_ms(self) -> Mapping[str, int]:
        """Symbol -> newest fill."""

    @property
    def payment_ids(self) -> frozenset[str]:
        """Those of the last days."""

    @property
    def last_payment_ms(self) -> int:
        """Of the newest one; 0 for none."""

    @property
    def decided_ms(self) -> Mapping[str, int]:
        """Symbol -> open time of the newest candle that was decided on."""

    @property
    def positions(self) -> Sequence[Position]: ...

    @property
    def balances(self) -> Sequence[Balance]:
        """The ledger's totals; empty on a first start."""

    @property
    def state(self) -> Mapping[tuple[str, str], bytes]:
        """(kind, key) -> msgpack, see `engine.state`."""

    @property
    def equity(self) -> EquitySnapshot | None: ...

    @property
    def trades(self) -> Sequence[ClosedTrade]:
        """The last `REMEMBERED_TRADES`, newest first."""


class Journal(Protocol):
    """Durable memory of the engine. One writer; batches are atomic and in order."""

    async def recover(self) -> Recovered:
        """Everything needed to go on."""

    async def write(self, steps: Sequence[tuple[AnyEvent, Sequence[Decision]]], *, durable: bool) -> None:
        """One transaction. With `durable`, returns only once it would survive a power cut."""

    async def close(self) -> None:
        """Write what is queued and close."""


class Aftermath(NamedTuple):
    """What came of one decision, oldest first."""

    orders: tuple[Order, ...] = ()
    fills: tuple[Fill, ...] = ()
    executions: tuple[ExecutionReport, ...] = ()
    trade: ClosedTrade | None = None  # the position it opened, kept or closed, once it is closed
    position: Position | None = None  # the same while it is open


class LedgerReader(Protocol):
    """Read-only view of the journal's database, while the daemon runs and when not. Lists are newest first."""

    def positions(self) -> list[Position]: ...
    def orders(self, *, limit: int, open_only: bool = False) -> list[Order]: ...
    def fills(self, *, limit: int) -> list[Fill]: ...
    def payments(self, *, limit: int) -> list[Payment]: ...
    def decisions(self, *, limit: int, symbol: str | None = None) -> list[DecisionRecord]: ...
    def decided_symbols(self) -> list[str]:
        """Symbols with a decision on record, in order."""

    def decision_near(self, symbol: str, open_ms: int) -> tuple[DecisionRecord | None, DecisionRecord | None]:
        """The newest decision on a candle that opened at `open_ms` or before, and the oldest on one after."""

    def aftermath(self, record: DecisionRecord, until_ms: int) -> Aftermath:
        """What came of a decision; of one to leave, what was asked before `until_ms`."""

    def trades(self, *, limit: int) -> list[ClosedTrade]: ...
    def executions(self, *, limit: int) -> list[ExecutionReport]: ...
    def balances(self) -> list[Balance]: ...
    def equity(self, *, limit: int) -> list[EquitySnapshot]: ...
    def trading_state(self) -> tuple[TradingState, tuple[Reason, ...]]: ...
    def count_inputs(self, *, after: int) -> int:
        """How many of the engine's inputs with a number above `after` are kept."""

    def recovered(self) -> Recovered:
        """What the next start would go on from. Raises `Misconfigured` when it could not."""

    def close(self) -> None: ...
