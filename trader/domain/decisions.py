"""What the engine emits: `Decision`, a closed union. A driver first journals all decisions of an event, then acts.

`Kept` ones only change what is remembered, `Action`s are carried out, a `Notify` is for people. Whoever takes
decisions apart ends with `assert_never`: a new kind is a type error there until it is handled.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from trader.domain.account import Balance, Payment, Position
from trader.domain.closing import CloseReason
from trader.domain.instrument import ZERO
from trader.domain.orders import AlgorithmName, Approved, Fill, Order, OrderRef, Purpose, Side
from trader.domain.reasons import Reason
from trader.domain.signals import DecisionRecord, Regime
from trader.domain.timers import TimerId


class TradingState(StrEnum):
    """Whether positions may be opened."""

    ACTIVE = "active"
    REDUCING = "reducing"  # positions may only shrink
    HALTED = "halted"  # nothing opens; protection stays


class Level(StrEnum):
    """How soon a person should look."""

    INFO = "info"
    WARNING = "warning"
    ALERT = "alert"  # a person should look now


class DecisionBase(msgspec.Struct, frozen=True, tag=True):
    """Root of all outputs of the core. `Decision` is the union to type by."""


# --- act on the world -------------------------------------------------------------------------------------


class SubmitOrder(DecisionBase, frozen=True):
    """Send it. With `replaces`, in one step with the cancel of that order where the exchange can do that."""

    approved: Approved
    replaces: OrderRef | None = None


class CancelOrder(DecisionBase, frozen=True):
    """Take an order back. What became of it comes as an `OrderReported`, or a `CancelRefused`."""

    ref: OrderRef


class QueryOrder(DecisionBase, frozen=True):
    """Ask the exchange what became of an order; the answer is an `OrderReported` (with its fills) or `OrderAbsent`.

    `after_s` is network time: how long to wait before asking.
    """

    ref: OrderRef
    after_s: float = 0.0


class RequestReconcile(DecisionBase, frozen=True):
    """Ask the exchange for everything; ends in a `Reconciled` event."""

    reason: str


class SetTimer(DecisionBase, frozen=True):
    """Wake the engine with `TimerFired(timer)` at `due_ms` (market time). Setting it again moves it."""

    timer: TimerId
    due_ms: int


class Notify(DecisionBase, frozen=True):
    """Tell a person. `event` is `noun.verb`; the same words go to the log."""

    level: Level
    event: str
    message: str
    symbol: str = ""
    ref: str = ""  # the id that leads on: decision, parent or client id


# --- remember ---------------------------------------------------------------------------------------------


class RecordDecision(DecisionBase, frozen=True):
    """The decision at one candle close, for people and for the cost of it later."""

    record: DecisionRecord


class KeepOrder(DecisionBase, frozen=True):
    """An order as it is known now."""

    order: Order


class KeepFill(DecisionBase, frozen=True):
    """A fill that was applied; by its id it is applied once."""

    fill: Fill


class KeepPayment(DecisionBase, frozen=True):
    """A payment that was booked; by its id it is booked once."""

    payment: Payment


class KeepPosition(DecisionBase, frozen=True):
    """A position as the ledger has it; flat ones are forgotten."""

    position: Position


class KeepBalance(DecisionBase, frozen=True):
    """What the ledger holds of one currency in total."""

    balance: Balance


class KeepState(DecisionBase, frozen=True):
    """One part of the engine's state, msgpack of the struct `kind` names; None forgets it.

    Restart decodes it by `kind` (see `engine.state`): "plan", "algorithm", "regime", "breakers", ...
    """

    kind: str
    key: str
    value: bytes | None


class ClosedTrade(msgspec.Struct, frozen=True):
    """A position from flat to flat."""

    symbol: str
    side: Side  # BUY = it was long
    opened_ms: int
    closed_ms: int
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal
    profit_quote: Decimal  # net of fees
    fees_quote: Decimal
    reason: CloseReason
    strategy_id: str = "ensemble"  # that opened it
    regime: Regime | None = None  # it was opened in; None where no plan knew, and in what versions before kept
    best_frac: float | None = None  # best excursion, >= 0, as a fraction of the entry; None where no plan saw it
    worst_frac: float | None = None  # worst excursion, <= 0
    r_frac: float | None = None  # R of its plan / entry price

    @property
    def return_frac(self) -> float:
        """Net profit / what was put in; 0 for a trade without a price."""
        invested = float(self.entry_price * self.quantity)
        return float(self.profit_quote) / invested if invested > 0 else 0.0

    @property
    def capture(self) -> float | None:
        """Net return / best excursion: 1 is all there was. None where there was none."""
        return self.return_frac / self.best_frac if self.best_frac else None


class RecordTrade(DecisionBase, frozen=True):
    """A position has been closed."""

    trade: ClosedTrade


class ExecutionReport(msgspec.Struct, frozen=True):
    """The cost analysis (TCA) of one parent order, or of a protective stop that filled (`parent_id`: its client id)."""

    parent_id: str
    symbol: str
    side: Side
    algorithm: AlgorithmName
    purpose: Purpose
    quantity: Decimal
    filled: Decimal
    arrival_mid: float
    average_price: float
    slippage_bps: float  # against arrival mid, positive = cost
    spread_bps: float  # half spread at arrival
    fees_quote: Decimal
    market_order_bps: float  # what walking the arrival book would have cost
    started_ms: int
    ended_ms: int
    orders: int
    decision_price: Decimal | None = None  # the market when it was decided; None: written before that was kept
    decided_ms: int = 0
    delay_quote: Decimal = ZERO  # these three and the fees: the shortfall against the decision price, > 0 = cost
    spread_quote: Decimal = ZERO
    impact_quote: Decimal = ZERO
    modelled_quote: Decimal | None = None  # what an entry was modelled to cost to get in: fee, half spread, impact
    mark_price: Decimal | None = None  # the mid some seconds after it ended; None: not known

    @property
    def shortfall_quote(self) -> Decimal:
        """What it cost against the price it was decided at."""
        return self.delay_quote + self.spread_quote + self.impact_quote + self.fees_quote


class RecordExecution(DecisionBase, frozen=True):
    """A parent order or a protective stop has ended."""

    report: ExecutionReport


class MarkExecution(DecisionBase, frozen=True):
    """What an ended order was worth some seconds later: its report, with `mark_price`."""

    report: ExecutionReport


class EquitySnapshot(msgspec.Struct, frozen=True):
    """What the account was worth at one time, quote currency."""

    ts_ms: int
    equity: float  # quote, marked to market
    cash: float
    exposure: float  # sum of |position value|
    peak: float
    day_start: float


class RecordEquity(DecisionBase, frozen=True):
    """The worth of the account, now and then."""

    snapshot: EquitySnapshot


class KeepTradingState(DecisionBase, frozen=True):
    """Whether positions may be opened from now on, and why not."""

    state: TradingState
    reasons: tuple[Reason, ...]


class AnswerCommand(DecisionBase, frozen=True):
    """What a command did, for whoever asked."""

    command_id: str
    message: str


Action = SubmitOrder | CancelOrder | QueryOrder | RequestReconcile | SetTimer | AnswerCommand
"""What a driver carries out. A `SubmitOrder` is remembered too, before it is sent."""

Kept = (
    RecordDecision
    | KeepOrder
    | KeepFill
    | KeepPayment
    | KeepPosition
    | KeepBalance
    | KeepState
    | RecordTrade
    | RecordExecution
    | MarkExecution
    | RecordEquity
    | KeepTradingState
)
"""What only the journal carries out."""

Decision = Action | Kept | Notify
