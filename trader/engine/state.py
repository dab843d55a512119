"""All changing state of the core, in one place. Each part has one writer; changed parts are told to the journal."""

from collections import deque
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from trader.config.schema import Settings
from trader.domain.closing import CloseReason
from trader.domain.decisions import EquitySnapshot, KeepState
from trader.domain.errors import Misconfigured
from trader.domain.events import StreamState
from trader.domain.instrument import ZERO, Instrument
from trader.domain.market import Book, Candle
from trader.domain.orders import Order, Purpose, Side
from trader.domain.signals import MarketContext, ModelHealth, ModelInfo, Regime
from trader.engine.older import as_today
from trader.execution.algorithms.registry import AlgorithmState
from trader.execution.reconcile import DiscrepancyKey
from trader.execution.tracker import OrderTracker
from trader.portfolio.ledger import Ledger
from trader.ports import Recovered
from trader.risk.breakers import BreakerState
from trader.risk.correlation import Correlations
from trader.risk.stops import PositionPlan


class EntryTicket(msgspec.Struct, frozen=True):
    """What an entry under way will turn into: kept until its algorithm has finished."""

    symbol: str
    side: Side
    parent_id: str
    decision_id: str
    regime: Regime
    stop_frac: float
    take_profit_frac: float | None
    horizon_end_ms: int
    strategy_id: str = "ensemble"
    has_ladder: bool = True


class PendingExit(msgspec.Struct, frozen=True):
    """A wish to close (part of) a position, in slices where the book is too thin for one order.

    `quantity` is the slice to sell next, `later` what the `slices` after it share. `parent_id` is empty until the
    slice is free to be sold.
    """

    symbol: str
    quantity: Decimal
    reason: CloseReason
    purpose: Purpose
    asked_ms: int
    parent_id: str = ""
    attempt: int = 0
    later: Decimal = ZERO
    slices: int = 0
    not_before_ms: int = 0
    is_urgent: bool = False
    waits: int = 0  # tries in a row that the exchange did not even look at

    @property
    def total(self) -> Decimal:
        """Base quantity to sell in all, what waits for later slices included."""
        return self.quantity + self.later


class StopTrouble(msgspec.Struct, frozen=True):
    """Protective stops in a row that do not rest: tries, those of them the exchange refused, when to try again."""

    tries: int = 0
    refusals: int = 0
    not_before_ms: int = 0


class Worth(msgspec.Struct, frozen=True):
    """What the account is worth in quote, marked to market, with every unknown order at its worst."""

    ts_ms: int
    equity: float
    cash: float
    exposure: float  # sum of |position value|


def worth_of(snapshot: EquitySnapshot | None) -> Worth | None:
    """What was recorded last."""
    return None if snapshot is None else Worth(snapshot.ts_ms, snapshot.equity, snapshot.cash, snapshot.exposure)


class OpenedKept(msgspec.Struct, frozen=True):
    """When the ledger began."""

    opened_ms: int


class DustKept(msgspec.Struct, frozen=True):
    """Currency -> quantity too small to be sold."""

    amounts: dict[str, Decimal]


class RegimeKept(msgspec.Struct, frozen=True):
    """The regime of a symbol, which changes only beyond its hysteresis."""

    regime: Regime


KEPT_TYPES: Mapping[str, object] = {
    "plan": PositionPlan,
    "algorithm": AlgorithmState,
    "ticket": EntryTicket,
    "exit": PendingExit,
    "regime": RegimeKept,
    "breakers": BreakerState,
    "opened": OpenedKept,
    "dust": DustKept,
    "health": ModelHealth,
}
_ENCODER = msgspec.msgpack.Encoder()


class Market:
    """What the engine knows of one symbol's market."""

    __slots__ = ("book", "candle", "candles", "closes", "context", "instrument", "regime", "stream", "stream_reason")

    def __init__(self, instrument: Instrument, closes_kept: int) -> None:
        self.instrument = instrument
        self.book: Book | None = None
        self.candle: Candle | None = None
        self.closes: deque[tuple[int, float]] = deque(maxlen=closes_kept)  # (open time in ms, close) of candles
        self.candles: deque[Candle] = deque(maxlen=1)  # without a hole, oldest first
        self.context: MarketContext | None = None  # of the newest forecast
        self.regime: Regime | None = None
        self.stream = StreamState.STALE
        self.stream_reason = "no data yet"

    def remember(self, candle: Candle) -> None:
        """Take the next closed candle; what came before a hole is forgotten."""
        self.candle = candle
        self.closes.append((candle.open_ms, candle.close))
        newest = self.candles[-1] if self.candles else None
        if newest is not None and candle.open_ms != newest.close_ms:
            if candle.open_ms < newest.close_ms:
                return  # known already
            self.candles.clear()
        self.candles.append(candle)

    @property
    def mid(self) -> float | None:
        """Best estimate of the price now, quote."""
        if self.book is not None:
            return self.book.mid
        return self.candle.close if self.candle is not None else None


class EngineState:
    """Changed only inside `Engine.process`. `speed` is market time per real time, constant for a run."""

    def __init__(
        self,
        settings: Settings,
        instruments: Mapping[str, Instrument],
        *,
        ledger_id: str,
        speed: float = 1.0,
    ) -> None:
        self.ledger_id = ledger_id
        self.speed = speed
        self.now_ms = 0
        self.markets = {
            symbol: Market(instrument, settings.risk.correlation_candles + 1)
            for symbol, instrument in instruments.items()
        }
        self.ledger = Ledger()
        self.tracker = OrderTracker()
        self.plans: dict[str, PositionPlan] = {}
        self.algorithms: dict[str, AlgorithmState] = {}
        self.tickets: dict[str, EntryTicket] = {}
        self.exits: dict[str, PendingExit] = {}
        self.breakers = BreakerState()
        self.model: ModelInfo | None = None
        self.health: ModelHealth | None = None  # of the model it names, which may not be in use any more
        self.breakers_kept = BreakerState()  # as the journal has it
        self.worth: Worth | None = None
        self.equity_recorded_ms = 0
        self.opened_ms = 0  # when this ledger began; no fill of ours is older
        self.is_opened = False  # the ledger knows what the account held when it began
        self.dust_kept: dict[str, Decimal] = {}
        self.is_ready = False  # reconciled at least once
        self.is_stopping = False
        self.account_is_live = True
        self.last_reconciled_ms = 0
        self.submitted_ms: deque[int] = deque(maxlen=10_000)  # market times of new orders
        self.last_fill_ms: dict[str, int] = {}
        self.told_balances: dict[str, Decimal] = {}  # pushed totals that were not compared yet
        self.payment_ids: dict[str, int] = {}  # of the last days -> when
        self.last_payment_ms = 0
        self.decided_ms: dict[str, int] = {}  # open time of the newest candle decided on, per symbol
        self.suspects: frozenset[DiscrepancyKey] = frozenset()  # differences seen once; named when seen twice
        self.unplanned: set[str] = set()  # symbols whose position was found without a plan, until it has one
        self.stop_troubles: dict[str, StopTrouble] = {}  # per symbol, until a stop rests again
        self.counters = {"decisions": 0, "entries": 0, "orders": 0, "fills": 0, "refused": 0}
        self.correlations = Correlations()

    def restore(self, remembered: Recovered) -> list[Order]:
        """Go on from what the journal remembers. Returns the orders whose fate is now unknown."""
        dust: dict[str, Decimal] = {}
        for (kind, key), blob in remembered.state.items():
            value = decoded(kind, key, blob)
            match value:
                case PositionPlan():
                    self.plans[key] = value
                case EntryTicket():
                    self.tickets[key] = value
                case PendingExit():
                    self.exits[key] = value
                case RegimeKept(regime=regime):
                    if key in self.markets:
                        self.markets[key].regime = regime
                case BreakerState():
                    self.breakers = self.breakers_kept = value
                case OpenedKept(opened_ms=opened_ms):
                    self.is_opened, self.opened_ms = True, opened_ms
                case ModelHealth():
                    self.health = value
                case DustKept(amounts=amounts):
                    dust = amounts
                case _ if isinstance(value, AlgorithmState):
                    self.algorithms[key] = value
        self.dust_kept = dict(dust)
        self.ledger.restore(remembered.positions, remembered.balances, dust)
        self.last_fill_ms = dict(remembered.last_fill_ms)
        self.last_payment_ms = remembered.last_payment_ms
        self.payment_ids = dict.fromkeys(remembered.payment_ids, remembered.last_payment_ms)
        self.decided_ms = dict(remembered.decided_ms)
        self.worth = worth_of(remembered.equity)
        # a cancel that was asked for may never have left: it is asked for again where it still matters
        orders = [msgspec.structs.replace(order, cancel_requested=False) for order in remembered.orders]
        return list(self.tracker.restore(orders, remembered.fill_ids))

    @property
    def equity(self) -> EquitySnapshot | None:
        """What the account is worth, beside what the breakers measure it from."""
        worth = self.worth
        if worth is None:
            return None
        peak, day_start = self.breakers.peak, self.breakers.day_start
        return EquitySnapshot(
            ts_ms=worth.ts_ms,
            equity=worth.equity,
            cash=worth.cash,
            exposure=worth.exposure,
            peak=worth.equity if peak is None else peak,
            day_start=worth.equity if day_start is None else day_start,
        )

    def prices(self) -> dict[str, float]:
        """Mid price of every symbol that has one."""
        return {symbol: mid for symbol, market in self.markets.items() if (mid := market.mid) is not None}


def decoded(kind: str, key: str, blob: bytes) -> object:
    """One remembered part of the state. Raises `Misconfigured`, naming it, when this version cannot read it.

    Leaving it out would be worse than not starting: what it says would be overwritten or forgotten.
    """
    if kind not in KEPT_TYPES:
        raise Misconfigured(
            f"the ledger holds state of kind {kind!r} (key {key!r}), which this version does not know; "
            "start the newer version that wrote it, or restore the backup from before it"
        )
    try:
        raw = msgspec.msgpack.decode(blob)
        return msgspec.convert(as_today(kind, raw), KEPT_TYPES[kind])
    except (msgspec.DecodeError, TypeError, ValueError) as error:
        raise Misconfigured(
            f"the ledger's state of kind {kind!r} (key {key!r}) cannot be read: {error}; "
            "start the version that wrote it, or restore a backup"
        ) from error


def kept(kind: str, key: str, value: msgspec.Struct | None) -> KeepState:
    """The decision that remembers (or, with None, forgets) one part of the state."""
    return KeepState(kind, key, None if value is None else _ENCODER.encode(value))
