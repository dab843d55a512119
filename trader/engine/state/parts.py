"""All changing state of the core in named parts, each with its writers. What a restart must know is journalled.

markets    what is known of each symbol's market; written by `engine`
account    what we own and what the exchange said of it; written by `account` and `order_news`
orders     orders and the algorithms that place them; written by `desk`, `algorithms`, `order_news`
positions  what each open position and each one under way needs; written by `opening`, `exits`, `protection`, `adoption`
guard      the breakers, and the worth of the account they judge; written by `guard`
model      the model in use and the health of one; written by `in_use`
hedge      what the portfolio's beta is, and why there is no hedge; written by `hedge`
standing   how symbols and strategies stand beside the market: their trades, what people said; written by `standing`
costs      what entries have cost beyond the model of costs, by algorithm; written by `tca`

Parts log what is changed (`domain.undo`): an event that fails halfway is taken back. What the market told stays.
"""

from collections import deque
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from trader.config.schema import Settings
from trader.domain.decisions import ClosedTrade, EquitySnapshot, ExecutionReport
from trader.domain.events import FundingSettled, StreamState, Ticked
from trader.domain.instrument import Instrument
from trader.domain.market import Book, Candle
from trader.domain.orders import AlgorithmName, Fill, Order
from trader.domain.overrides import Override
from trader.domain.reasons import Reason
from trader.domain.signals import HEDGE, MarketContext, ModelHealth, ModelInfo, Regime, StrategyVerdict
from trader.domain.undo import Part, Undo, UndoDict
from trader.engine.state.kept import DustKept, EntryTicket, ModelCame, OpenedKept, PendingExit, RegimeKept, decoded
from trader.engine.state.spared import Spared
from trader.execution.algorithms.registry import AlgorithmState
from trader.execution.measured import CostTally
from trader.execution.reconcile import DiscrepancyKey
from trader.execution.tracker import OrderTracker
from trader.market.turnover import Turnover
from trader.portfolio.ledger import Ledger
from trader.ports import REMEMBERED_TRADES, Recovered
from trader.risk.breakers import BreakerState
from trader.risk.correlation import Correlations
from trader.risk.stops import PositionPlan


class StopTrouble(msgspec.Struct, frozen=True):
    """Protective stops in a row that do not rest: tries, those of them the exchange refused, when to try again."""

    tries: int = 0
    refusals: int = 0
    not_before_ms: int = 0


class Arrival(msgspec.Struct, frozen=True):
    """A protective stop's first fill, and the book that was known when it was heard of."""

    fill: Fill
    book: Book | None


class Mark(msgspec.Struct, frozen=True):
    """An ended order, and when its worth is to be noted."""

    due_ms: int
    report: ExecutionReport


class Worth(msgspec.Struct, frozen=True):
    """What the account is worth in quote, marked to market, with every unknown order at its worst.

    A position without a price counts at its entry price. `judged` is what losses are measured by: there such a position
    has the best price it has seen, so that what is missing never looks like a loss; None where that is not known.
    """

    ts_ms: int
    equity: float
    cash: float
    exposure: float  # sum of |position value|
    judged: float | None
    unpriced: tuple[str, ...] = ()  # symbols of which something is held and no price is known


def worth_of(snapshot: EquitySnapshot | None) -> Worth | None:
    """What was recorded last."""
    if snapshot is None:
        return None
    return Worth(snapshot.ts_ms, snapshot.equity, snapshot.cash, snapshot.exposure, snapshot.equity)


class Market:
    """What the engine knows of one symbol's market: facts, which stay, and what was decided of them."""

    __slots__ = (
        "_decided_ms",
        "_regime",
        "_undo",
        "book",
        "candle",
        "candles",
        "closes",
        "context",
        "funding",
        "instrument",
        "refused_since_ms",
        "stream",
        "stream_reason",
        "stream_told",
        "turnover",
    )

    def __init__(self, instrument: Instrument, closes_kept: int, undo: Undo) -> None:
        self._undo = undo
        self.instrument = instrument
        self.book: Book | None = None
        self.candle: Candle | None = None
        self.closes: deque[tuple[int, float]] = deque(maxlen=closes_kept)  # (open time in ms, close) of candles
        self.candles: deque[Candle] = deque(maxlen=1)  # without a hole, oldest first
        self.turnover = Turnover()
        self.context: MarketContext | None = None  # of the newest forecast
        self.funding: FundingSettled | None = None  # the newest settlement that is known
        self._regime: Regime | None = None
        self._decided_ms = -1
        self.stream = StreamState.STALE
        self.stream_reason = "no data yet"
        self.stream_told = self.stream, self.stream_reason  # by the streams; books that are refused can say worse
        self.refused_since_ms = 0  # since when no book could be used; 0 = the newest one could

    @property
    def regime(self) -> Regime | None:
        """Of the newest forecast, with its hysteresis."""
        return self._regime

    @regime.setter
    def regime(self, regime: Regime) -> None:
        self._undo.note(self, "_regime")
        self._regime = regime

    @property
    def decided_ms(self) -> int:
        """Open time of the newest candle decided on; -1 before the first."""
        return self._decided_ms

    @decided_ms.setter
    def decided_ms(self, open_ms: int) -> None:
        self._undo.note(self, "_decided_ms")
        self._decided_ms = open_ms

    def remember(self, candle: Candle) -> None:
        """Take the next closed candle; what came before a hole is forgotten."""
        self.candle = candle
        self.closes.append((candle.open_ms, candle.close))
        self.turnover.add(candle)
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


class AccountState(Part):
    """What we own, and what the exchange said of it."""

    __slots__ = (
        "dust_kept", "is_live", "is_opened", "is_reconciled", "last_fill_ms", "last_payment_ms", "last_reconciled_ms",
        "ledger", "opened_ms", "payment_ids", "suspects", "told_balances",
    )  # fmt: skip

    def __init__(self, undo: Undo) -> None:
        super().__init__(undo)
        self.ledger = Ledger(undo)
        self.opened_ms = 0  # when this ledger began; no fill of ours is older
        self.is_opened = False  # the ledger knows what the account held when it began
        self.is_reconciled = False  # at least once
        self.is_live = True  # its stream is
        self.last_reconciled_ms = 0
        self.last_fill_ms: dict[str, int] = {}
        self.told_balances: dict[str, Decimal] = {}  # pushed totals that were not compared yet
        self.payment_ids: dict[str, int] = {}  # of the last days -> when
        self.last_payment_ms = 0
        self.dust_kept: dict[str, Decimal] = {}  # as the journal has it
        self.suspects: frozenset[DiscrepancyKey] = frozenset()  # differences seen once; named when seen twice

    def restore(self, remembered: Recovered, instruments: Mapping[str, Instrument]) -> None:
        """Go on from the journal's positions, balances and payments, and from the dust put into `dust_kept` before."""
        fills = remembered.position_fills
        self.ledger.restore(remembered.positions, remembered.balances, dict(self.dust_kept), fills, instruments)
        self.last_fill_ms = dict(remembered.last_fill_ms)
        self.last_payment_ms = remembered.last_payment_ms
        self.payment_ids = dict.fromkeys(remembered.payment_ids, remembered.last_payment_ms)


class OrdersState(Part):
    """Orders, and the execution algorithms that place them by the id of their parent order."""

    __slots__ = ("algorithms", "arrivals", "marks", "submitted_ms", "tracker")

    def __init__(self, undo: Undo) -> None:
        super().__init__(undo)
        self.tracker = OrderTracker(undo=undo)
        self.algorithms: dict[str, AlgorithmState] = {}
        self.marks: dict[str, Mark] = {}  # ended orders whose worth a little later is still to be noted
        self.arrivals: dict[str, Arrival] = {}  # client id of a protective stop that is filling -> how that began
        self.submitted_ms: deque[int] = deque(maxlen=10_000)  # market times of new orders

    def restore(self, remembered: Recovered) -> list[Order]:
        """Go on from the journal's orders. Returns those whose fate is now unknown."""
        # a cancel that was asked for may never have left: it is asked for again where it still matters
        orders = [msgspec.structs.replace(order, cancel_requested=False) for order in remembered.orders]
        return list(self.tracker.restore(orders, remembered.fill_ids))


class PositionsState(Part):
    """By symbol: the plan of what is held, the entry or exit under way, and what is wrong with its stop."""

    __slots__ = ("exits", "plans", "stop_troubles", "tickets", "unplanned")

    def __init__(self, undo: Undo) -> None:
        super().__init__(undo)
        self.plans: dict[str, PositionPlan] = {}
        self.tickets: dict[str, EntryTicket] = {}
        self.exits: dict[str, PendingExit] = {}
        self.stop_troubles: dict[str, StopTrouble] = {}  # until a stop rests again
        self.unplanned: set[str] = set()  # symbols whose position was found without a plan, until it has one

    @property
    def hedge(self) -> str:
        """The symbol whose position hedges the others, held or under way; empty where there is none."""
        for plan in self.plans.values():
            if plan.strategy_id == HEDGE:
                return plan.symbol
        for ticket in self.tickets.values():
            if ticket.strategy_id == HEDGE:
                return ticket.symbol
        return ""


class GuardState(Part):
    """The breakers, and the worth of the account that they judge."""

    __slots__ = ("breakers", "breakers_kept", "equity_recorded_ms", "measured", "worth")

    def __init__(self, undo: Undo) -> None:
        super().__init__(undo)
        self.breakers = BreakerState()
        self.breakers_kept = BreakerState()  # as the journal has it
        self.worth: Worth | None = None
        self.equity_recorded_ms = 0
        self.measured = Ticked()  # what only the shell can measure, as of the last tick

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


class HedgeState(Part):
    """What the hedge is judged by. Whether there is one say the plan and the ticket of its symbol."""

    __slots__ = ("beta", "missing", "seen_entries", "seen_fills")

    def __init__(self, undo: Undo) -> None:
        super().__init__(undo)
        self.beta: float | None = None  # of the portfolio without the hedge; None: not known
        self.missing: Reason | None = None  # why there is none, though there should be
        self.seen_fills = -1  # how many fills there were when it was last judged
        self.seen_entries: frozenset[str] = frozenset()  # symbols with an entry under way then


class ModelState(Part):
    """The model in use, and the health of the model that health names (which may not be in use any more)."""

    __slots__ = ("came", "health", "in_use")

    def __init__(self, undo: Undo) -> None:
        super().__init__(undo)
        self.in_use: ModelInfo | None = None
        self.health: ModelHealth | None = None
        self.came: ModelCame | None = None  # of the newest model, also before it is heard of again after a restart


class StandingState(Part):
    """How symbols and strategies stand, beside the market."""

    __slots__ = ("overrides", "trades", "verdicts")

    def __init__(self, undo: Undo) -> None:
        super().__init__(undo)
        self.overrides: dict[str, Override] = {}  # by symbol, where a person has said something
        self.verdicts: dict[str, StrategyVerdict] = {}  # by strategy, of those without a model
        self.trades: deque[ClosedTrade] = deque(maxlen=REMEMBERED_TRADES)  # oldest first


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
        self.is_stopping = False
        self.undo = Undo()
        self.markets = {
            symbol: Market(instrument, settings.risk.correlation_candles + 1, self.undo)
            for symbol, instrument in instruments.items()
        }
        self.correlations = Correlations()
        self.account = AccountState(self.undo)
        self.orders = OrdersState(self.undo)
        self.positions = PositionsState(self.undo)
        self.guard = GuardState(self.undo)
        self.hedge = HedgeState(self.undo)
        self.model = ModelState(self.undo)
        self.standing = StandingState(self.undo)
        self.costs: dict[AlgorithmName, CostTally] = UndoDict({}, self.undo)
        self.counters = UndoDict({"decisions": 0, "entries": 0, "orders": 0, "fills": 0, "refused": 0}, self.undo)
        self.counters |= {"unusable": 0, "failed": 0}  # events refused at the edge; events whose handler raised
        self.refusals: dict[tuple[str, str], int] = {}  # (kind, symbol) of an event -> the day it was last told
        self.spared = Spared()
        self.failures: dict[str, int] = {}  # what was told of a failure -> how often it came since a person resumed

    def restore(self, remembered: Recovered) -> list[Order]:
        """Go on from what the journal remembers. Returns the orders whose fate is now unknown."""
        for (kind, key), blob in remembered.state.items():
            self._restore(key, decoded(kind, key, blob))
        for symbol, decided_ms in remembered.decided_ms.items():
            if symbol in self.markets:
                self.markets[symbol].decided_ms = decided_ms
        self.guard.worth = worth_of(remembered.equity)
        self.standing.trades = deque(reversed(remembered.trades), maxlen=REMEMBERED_TRADES)
        self.account.restore(remembered, {symbol: market.instrument for symbol, market in self.markets.items()})
        return self.orders.restore(remembered)

    def _restore(self, key: str, value: object) -> None:
        match value:
            case PositionPlan():
                self.positions.plans[key] = value
            case EntryTicket():
                self.positions.tickets[key] = value
            case PendingExit():
                self.positions.exits[key] = value
            case RegimeKept(regime=regime):
                if key in self.markets:
                    self.markets[key].regime = regime
            case BreakerState():
                self.guard.breakers = self.guard.breakers_kept = value
            case OpenedKept(opened_ms=opened_ms):
                self.account.is_opened, self.account.opened_ms = True, opened_ms
            case CostTally():
                self.costs[AlgorithmName(key)] = value
            case ModelCame():
                self.model.came = value
            case ModelHealth():
                self.model.health = value
            case StrategyVerdict():
                self.standing.verdicts[key] = value
            case Override():
                self.standing.overrides[key] = value
            case DustKept(amounts=amounts):
                self.account.dust_kept = dict(amounts)
            case _ if isinstance(value, AlgorithmState):
                self.orders.algorithms[key] = value

    def prices(self) -> dict[str, float]:
        """Mid price of every symbol that has one."""
        found = {}
        for symbol, market in self.markets.items():
            book = market.book  # as `market.mid`, without asking twice: this is the most frequent question there is
            if book is not None:
                found[symbol] = book.mid
            elif market.candle is not None:
                found[symbol] = market.candle.close
        return found
