"""What the daemon tells about itself. `None` and empty mean "not known", as when only the ledger is asked."""

import msgspec

from trader.runtime.outlets import OutletStatus


class SymbolStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol's market."""

    symbol: str
    stream: str = ""  # live, stale or gap
    last_price: float | None = None  # quote
    regime: str = ""
    candle_close_ms: int | None = None  # end of the newest candle
    reason: str = ""  # why the stream is not live
    strategy: str = ""
    override: str = ""  # what a person has said of it
    locks: tuple[str, ...] = ()  # why it is left alone for a while


class PositionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """An open position with its protection. Quantities and prices are exact decimals as text."""

    symbol: str
    side: str  # long or short
    quantity: str  # base, > 0
    entry_price: str
    opened_ms: int
    realised_quote: str = "0"
    fees_quote: str = "0"
    last_price: float | None = None
    value_quote: float | None = None
    unrealised_quote: float | None = None
    stop_price: str | None = None  # of the order that rests on the exchange
    take_profit: float | None = None
    stage: str = ""  # initial, partial, trailing; hedge; adopted where the plan came after the position


class DustStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What exits left of a currency: too little to be sold, sold with the next position in it."""

    currency: str
    quantity: str  # base, exact decimal
    value_quote: float | None = None


class AlgorithmStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A parent order under way."""

    parent_id: str
    symbol: str
    side: str
    algorithm: str  # market, limit or twap
    purpose: str
    quantity: str
    filled: str
    progress: str = ""  # "slice 3 of 10"
    started_ms: int = 0
    ends_ms: int | None = None


class ModelStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The model in use, how it does, and what follows it."""

    model_id: str
    verdict: str  # trade or observe
    reasons: tuple[str, ...] = ()
    trained_ms: int | None = None  # market time up to which it has learned
    health: str = "none"  # none, shrink or observe
    health_reasons: tuple[str, ...] = ()
    watched_share: float = 0.0  # of the stretch that drift is judged by
    drifted_share: float = 0.0  # of features beyond their usual range
    outcomes: int = 0  # forecasts that have come to their end
    calibration_gap: float = 0.0  # mean of won - said
    challenger: str = ""
    challenger_note: str = ""  # how its trial stands
    training: str = ""  # what a background training said last
    next_training_ms: int | None = None  # market time


class StrategyStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy without a model, and what its record says of it."""

    strategy_id: str
    verdict: str  # trade or observe
    reasons: tuple[str, ...] = ()  # what is missing
    trades: int = 0  # on record
    net_bps: float = 0.0  # mean of a trade after costs
    days_to_decision: float | None = None


class MoneyStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Marked to market, quote currency."""

    equity: float
    cash: float
    exposure: float  # entries under way included
    at_risk: float | None = None  # lost from now on if every stop is hit; None where that is not known
    peak: float
    day_start: float
    currency: str = ""

    @property
    def day_change_frac(self) -> float:
        """Change since the day began, UTC."""
        return self.equity / self.day_start - 1 if self.day_start else 0.0

    @property
    def drawdown_frac(self) -> float:
        """How far below its peak the account is, >= 0."""
        return 1 - self.equity / self.peak if self.peak else 0.0


class HedgeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How much the portfolio moves with the leader, and what is held against that."""

    beta: float | None = None  # of the portfolio without the hedge; None: not known yet
    symbol: str = ""  # of the hedge, held or under way; empty: there is none
    value_quote: float = 0.0  # of it, below 0 short
    missing: str = ""  # why there is none though there should be, or never can be


class RecorderStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The recording of market inputs, since this process started."""

    is_recording: bool
    recorded: int = 0  # handed over, dropped ones too
    dropped: int = 0  # never handed over: the recording process was slow or gone
    lost: int = 0  # not stored, dropped ones included
    restarts: int = 0
    disk_bytes: int = 0  # all recordings of this account
    trouble: str = ""


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """Since this process started."""

    events: int = 0
    decisions: int = 0
    orders: int = 0
    fills: int = 0
    errors: int = 0
    unusable: int = 0  # events refused since they cannot be true
    failed: int = 0  # events whose handling raised and was undone


class StatusSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything `trader status` shows. Built by the app; read from the ledger (with less in it) by `Reports`."""

    running: bool
    mode: str
    exchange: str
    trading_state: str  # active, reducing or halted
    trading_reasons: tuple[str, ...] = ()
    phase: str = ""  # starting, reconciling, trading, stopping
    pid: int | None = None
    version: str = ""
    timeframe: str = ""
    started_ms: int | None = None  # machine time
    market_ms: int | None = None  # market time now
    speed: float = 1.0
    model: ModelStatus | None = None
    strategies: tuple[StrategyStatus, ...] = ()  # those without a model
    money: MoneyStatus | None = None
    hedge: HedgeStatus | None = None
    symbols: tuple[SymbolStatus, ...] = ()
    positions: tuple[PositionStatus, ...] = ()
    dust: tuple[DustStatus, ...] = ()
    open_orders: int = 0
    algorithms: tuple[AlgorithmStatus, ...] = ()
    counters: Counters = Counters()
    recorder: RecorderStatus | None = None  # None: switched off
    outlets: tuple[OutletStatus, ...] = ()  # who hears of turns, and what they missed
    last_reconciled_ms: int | None = None  # market time
    note: str = ""  # anything a person should know first
