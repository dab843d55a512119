"""What the engine emits. The runner first journals all decisions of an event, then acts on them.

`Keep*` and `Record*` decisions only change what is remembered; the others act on the world.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from trader.domain.account import Balance, Payment, Position
from trader.domain.orders import Approved, Fill, Order, OrderRef
from trader.domain.signals import DecisionRecord


class TradingState(StrEnum):
    ACTIVE = "active"
    REDUCING = "reducing"  # positions may only shrink
    HALTED = "halted"  # nothing opens; protection stays


class Level(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ALERT = "alert"  # a person should look now


class Decision(msgspec.Struct, frozen=True, tag=True):
    """Root of all outputs of the core."""


# --- act on the world -------------------------------------------------------------------------------------


class SubmitOrder(Decision, frozen=True):
    """Send it. With `replaces`, in one step with the cancel of that order where the exchange can do that."""

    approved: Approved
    replaces: OrderRef | None = None


class CancelOrder(Decision, frozen=True):
    ref: OrderRef


class QueryOrder(Decision, frozen=True):
    """Ask the exchange what became of an order; the answer is an `OrderReported` (with its fills) or `OrderAbsent`.

    `after_s` is network time: how long to wait before asking.
    """

    ref: OrderRef
    after_s: float = 0.0


class RequestReconcile(Decision, frozen=True):
    """Ask the exchange for everything; ends in a `Reconciled` event."""

    reason: str


class SetTimer(Decision, frozen=True):
    """Wake the engine with `TimerFired(timer_id)` at `due_ms` (market time). Setting it again moves it."""

    timer_id: str
    due_ms: int


class CancelTimer(Decision, frozen=True):
    timer_id: str


class Notify(Decision, frozen=True):
    """Tell a person. `event` is `noun.verb`; the same words go to the log."""

    level: Level
    event: str
    message: str
    symbol: str = ""
    ref: str = ""  # the id that leads on: decision, parent or client id


# --- remember ---------------------------------------------------------------------------------------------


class RecordDecision(Decision, frozen=True):
    record: DecisionRecord


class KeepOrder(Decision, frozen=True):
    order: Order


class KeepFill(Decision, frozen=True):
    fill: Fill


class KeepPayment(Decision, frozen=True):
    payment: Payment


class KeepPosition(Decision, frozen=True):
    position: Position


class KeepBalance(Decision, frozen=True):
    """What the ledger holds of one currency in total."""

    balance: Balance


class KeepState(Decision, frozen=True):
    """One part of the engine's state, msgpack of the struct `kind` names; None forgets it.

    Restart decodes it by `kind` (see `engine.state`): "plan", "algorithm", "regime", "trading", "breakers", ...
    """

    kind: str
    key: str
    value: bytes | None


class ClosedTrade(msgspec.Struct, frozen=True):
    """A position from flat to flat."""

    symbol: str
    side: str
    opened_ms: int
    closed_ms: int
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal
    profit_quote: Decimal  # net of fees
    fees_quote: Decimal
    reason: str


class RecordTrade(Decision, frozen=True):
    trade: ClosedTrade


class ExecutionReport(msgspec.Struct, frozen=True):
    """The cost analysis (TCA) of one parent order."""

    parent_id: str
    symbol: str
    side: str
    algorithm: str
    purpose: str
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


class RecordExecution(Decision, frozen=True):
    report: ExecutionReport


class EquitySnapshot(msgspec.Struct, frozen=True):
    ts_ms: int
    equity: float  # quote, marked to market
    cash: float
    exposure: float  # sum of |position value|
    peak: float
    day_start: float


class RecordEquity(Decision, frozen=True):
    snapshot: EquitySnapshot


class KeepTradingState(Decision, frozen=True):
    state: TradingState
    reasons: tuple[str, ...]


class AnswerCommand(Decision, frozen=True):
    """What a command did, for whoever asked."""

    command_id: str
    message: str


ACTIONS = (
    SubmitOrder,
    CancelOrder,
    QueryOrder,
    RequestReconcile,
    SetTimer,
    CancelTimer,
    Notify,
    AnswerCommand,
)
