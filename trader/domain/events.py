"""What the engine eats. Every event carries `ts_ms`: the engine's now, stamped once by the inbox, never going back.

Producers leave `ts_ms` and `seq` at 0; the inbox (live) or the replay fills them. `AnyEvent` is a closed union:
whoever takes events apart ends with `assert_never`, so that a new kind is a type error there until it is handled.
"""

from enum import StrEnum

import msgspec

from trader.domain.account import Balance, Payment, Position
from trader.domain.instrument import Instrument
from trader.domain.market import Book, Candle, FundingRate, Trade
from trader.domain.orders import Fill, OrderReport
from trader.domain.overrides import OverrideAsked
from trader.domain.refusals import RefusalCode
from trader.domain.signals import Forecast, ModelHealth, ModelInfo, StrategyVerdict
from trader.domain.timers import TimerId


class Event(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Root of all inputs of the core. `seq` numbers them without a hole. `AnyEvent` is the union to type by."""

    ts_ms: int = 0
    seq: int = 0


# --- the market -------------------------------------------------------------------------------------------


class CandleClosed(Event, frozen=True):
    """A candle is proven closed and continuous with the one before."""

    candle: Candle


class BookUpdated(Event, frozen=True):
    """The newest top of a book. The inbox keeps only the newest one per symbol that is still unread."""

    book: Book


class TradePrinted(Event, frozen=True):
    """A public trade. Feeds matching and recording; the engine ignores it."""

    trade: Trade


class StreamState(StrEnum):
    """How far the market data of a symbol can be trusted."""

    LIVE = "live"
    STALE = "stale"  # past its silence budget: the symbol only reduces
    GAP = "gap"  # candles are missing and not yet confirmed: no decisions


class InstrumentChanged(Event, frozen=True):
    """The exchange lists a symbol with other filters or fees than before."""

    instrument: Instrument


class StreamChanged(Event, frozen=True):
    """The data of a symbol became trustworthy or stopped being so."""

    symbol: str
    state: StreamState
    reason: str


# --- the model --------------------------------------------------------------------------------------------


class ForecastMade(Event, frozen=True):
    """The model's word on one symbol at one candle close."""

    forecast: Forecast


class ModelChanged(Event, frozen=True):
    """From now on forecasts come from this model."""

    model: ModelInfo


class ModelWatched(Event, frozen=True):
    """The model in use has drifted from its training, or is as it was again."""

    health: ModelHealth


class StrategyJudged(Event, frozen=True):
    """What the record says of a strategy without a model, as of now."""

    verdict: StrategyVerdict


class FundingSettled(Event, frozen=True):
    """The newest settlement of a perpetual's funding that is known; `every_ms`: from the one before, 0 = not known."""

    funding: FundingRate
    every_ms: int = 0


# --- our orders and account -------------------------------------------------------------------------------


class OrderReported(Event, frozen=True):
    """The exchange stated something about an order, ours or not. `report.fills` are applied too."""

    report: OrderReport


class OrderRefused(Event, frozen=True):
    """Definitive: the exchange did not take the order."""

    client_id: str
    code: RefusalCode
    reason: str  # as the exchange said it


class OutcomeLost(Event, frozen=True):
    """No usable answer to a submit; the shell is looking for evidence."""

    client_id: str
    reason: str


class OrderAbsent(Event, frozen=True):
    """Evidence that the exchange never had this order: the receive window has passed and no query shows it."""

    client_id: str
    evidence: str


class CancelRefused(Event, frozen=True):
    """A cancel found nothing to cancel; the order's true state follows as an `OrderReported`."""

    client_id: str
    reason: str


class FillArrived(Event, frozen=True):
    """An execution of ours. It may come twice, and before the report of its order."""

    fill: Fill


class PaymentArrived(Event, frozen=True):
    """Money moved without a fill of ours. It may come twice."""

    payment: Payment


class BalancesReported(Event, frozen=True):
    """`is_complete`: every currency is listed; otherwise only those that changed."""

    balances: tuple[Balance, ...]
    is_complete: bool


class Reconciled(Event, frozen=True):
    """Orders, fills, payments, positions and balances were asked for and have all been told to the engine.

    The complete balances and positions come with it: everything before this event is part of the picture.
    """

    balances: tuple[Balance, ...]
    positions: tuple[Position, ...] = ()  # perpetuals; spot positions live in the balances
    open_client_ids: tuple[str, ...] = ()  # every order of ours the exchange lists as open
    is_startup: bool = False


class AccountUnreachable(Event, frozen=True):
    """The account stream or a reconciliation failed; what we believe may be out of date."""

    reason: str


# --- time and people --------------------------------------------------------------------------------------


class Ticked(Event, frozen=True):
    """The risk task's heartbeat, at least once a second of real time, with what only the shell can measure."""

    errors_last_minute: int = 0  # failed requests, real minute
    clock_offset_ms: float = 0.0  # exchange time minus ours, real milliseconds


class TimerFired(Event, frozen=True):
    """A timer that was set with `SetTimer` is due."""

    timer: TimerId


class CommandName(StrEnum):
    """What a person may ask of a running daemon."""

    PAUSE = "pause"  # open nothing new, keep protecting
    RESUME = "resume"
    FLATTEN = "flatten"  # close every position, stay active
    KILL = "kill"  # cancel all, flatten, halt
    OVERRIDE = "override"  # change how one symbol is traded
    STOP = "stop"  # the daemon is shutting down: open nothing new, keep protection in place


class CommandReceived(Event, frozen=True):
    """A person, or the signal of a service manager, asks for something. Answered with an `AnswerCommand`."""

    command_id: str
    name: CommandName
    origin: str  # who asked: "uid 1000", "SIGTERM"
    override: OverrideAsked | None = None  # with OVERRIDE: for which symbol, and what


MarketEvent = CandleClosed | BookUpdated | TradePrinted | StreamChanged | InstrumentChanged
"""What a feed tells."""

AccountEvent = OrderReported | FillArrived | PaymentArrived | BalancesReported | AccountUnreachable
"""What an account stream tells."""

OutcomeEvent = OrderRefused | OutcomeLost | OrderAbsent | CancelRefused | Reconciled
"""What became of a request, beside the reports of it."""

ModelEvent = ForecastMade | ModelChanged | ModelWatched | StrategyJudged | FundingSettled
"""What is known beside the market's own data, and what the model makes of it."""

PassingEvent = MarketEvent | Ticked
"""What the ledger does not keep; recordings do."""

KeptEvent = ModelEvent | AccountEvent | OutcomeEvent | TimerFired | CommandReceived
"""What the ledger keeps, each with its number."""

AnyEvent = PassingEvent | KeptEvent
