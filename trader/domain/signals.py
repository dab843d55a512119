"""What the model says and what the strategy makes of it."""

import math
from decimal import Decimal
from enum import StrEnum

import msgspec

from trader.domain.orders import AlgorithmName, Side
from trader.domain.reasons import Code, Reason
from trader.domain.workings import Gate, Workings

HEDGE = "hedge"
"""The strategy id of the hedge's ticket, plan and trade: by it a restart knows it again. No strategy has it."""


class Regime(StrEnum):
    """The state of a market by trend and volatility; `strategy.regime` tells which."""

    BULL_TREND = "bull_trend"
    BEAR_TREND = "bear_trend"
    HIGH_VOLATILITY = "high_volatility"
    LOW_VOLATILITY = "low_volatility"
    RANGE_BOUND = "range_bound"


class MarketContext(msgspec.Struct, frozen=True):
    """The published indicators the strategy reads, at the close of the forecast's candle.

    Each field is the feature column of the same name; `CONTEXT_COLUMNS` lists them in order.
    """

    close: float  # quote
    atr_14: float  # quote
    adx: float  # 0..100
    hist_vol_20: float  # annualised, fraction
    sma_50: float  # quote
    ema_9: float  # quote
    ema_21: float  # quote
    rsi_14: float  # 0..100
    bb_position: float  # 0 at the lower band, 1 at the upper
    bb_width: float  # (upper - lower) / middle
    bb_width_ratio: float  # bb_width / its 50-candle mean
    atr_ratio: float  # atr_14 / its 50-candle mean
    volume_ratio: float  # volume / its 20-candle mean
    vol_blend: float = 0.0  # annualised, of a day and a month; 0 in what versions before have kept
    ema_cross_age: float = math.inf  # candles since ema_9 crossed ema_21; infinite where it was not told yet
    squeeze_age: float = math.inf  # candles since the last squeeze, 0 in one

    @property
    def annual_vol(self) -> float:
        """The annualised volatility that stops are measured by."""
        return self.vol_blend or self.hist_vol_20


CONTEXT_COLUMNS: tuple[str, ...] = MarketContext.__struct_fields__


class Forecast(msgspec.Struct, frozen=True):
    """The ensemble's view of one symbol at one candle close."""

    symbol: str
    candle_open_ms: int
    candle_close_ms: int
    prediction: float  # expected log return over the model's horizon, as a fraction
    win_probability: float  # calibrated probability of the barrier outcome, 0..1
    confidence: float  # 1 / (1 + std of members); reported, never used for size
    model_id: str
    feature_hash: str  # of the row the model saw
    context: MarketContext
    missing: tuple[str, ...] = ()  # inputs that were not there: the model says nothing, its numbers here mean nothing
    features: dict[str, float] = {}  # the columns that the symbol's strategy asks for
    features_before: dict[str, float] = {}  # the same at the close before; empty if that is not known
    members: dict[str, float] = {}  # what each member of the ensemble says by itself, as `prediction`


class ModelVerdict(StrEnum):
    """Whether a model may trade real money."""

    TRADE = "trade"
    OBSERVE = "observe"


class Outcomes(msgspec.Struct, frozen=True):
    """How the barrier outcomes of a model went out of fold, after costs. Wins and losses are shares of the price."""

    count: float  # how many independent ones they are worth: labels that overlap share what they say
    win_share: float  # 0..1
    win_frac: float  # mean, > 0
    loss_frac: float  # mean, > 0
    win_sd: float = 0.0  # standard deviation of a win
    loss_sd: float = 0.0


class ModelInfo(msgspec.Struct, frozen=True):
    """What the live process must know of the model it trades with; measured out of fold at training."""

    model_id: str
    timeframe: str
    horizon_candles: int
    slope: float  # of realised on predicted return, already shrunk by max(0, 1 - 1/t^2)
    slope_t: float
    base_rate: float  # out-of-fold share of barrier wins
    average_win_frac: float  # mean net win of the barrier outcomes, > 0
    average_loss_frac: float  # mean net loss, > 0
    no_edge: bool  # the calibrator has no skill over the base rate
    verdict: ModelVerdict
    reasons: tuple[Reason, ...] = ()  # why it observes
    pooled: Outcomes | None = None  # of all regimes; None: written before it was told
    by_regime: dict[Regime, Outcomes] = {}  # of those that occurred
    shocked_vol: dict[str, float] = {}  # by symbol: the 99 % quantile of its annualised volatility in training


class StrategyVerdict(msgspec.Struct, frozen=True):
    """Whether a strategy that goes by no model may trade real money, by the record of its closed trades."""

    strategy_id: str
    verdict: ModelVerdict = ModelVerdict.OBSERVE
    reasons: tuple[Reason, ...] = ()  # what is missing
    trades: int = 0  # on record
    net_bps: float = 0.0  # mean of a trade after costs
    days_to_decision: float | None = None  # until the evidence is enough, if it stays as it is; None: cannot be said
    judged_ms: int = 0


class HealthAction(StrEnum):
    """What watching a model leads to, mildest first."""

    NONE = "none"
    SHRINK = "shrink"  # half size
    OBSERVE = "observe"  # opens nothing


class ModelHealth(msgspec.Struct, frozen=True):
    """What watching the model in use has shown, with the reasons."""

    model_id: str
    action: HealthAction = HealthAction.NONE
    reasons: tuple[Reason, ...] = ()


class Signal(msgspec.Struct, frozen=True):
    """A wish to hold a position, with the evidence for it."""

    symbol: str
    side: Side
    regime: Regime
    edge_frac: float  # calibrated expected return of the trade before costs
    cost_frac: float  # round trip: fees, spread, funding
    stop_frac: float  # initial stop distance / price
    take_profit_frac: float
    size_multiplier: float
    confirmations: tuple[Code, ...]
    gates: tuple[Gate, ...] = ()  # what was asked for it


class Verdict(StrEnum):
    """What came of one forecast."""

    ENTER = "enter"
    HOLD = "hold"
    EXIT = "exit"
    SKIP = "skip"  # no trade, for the reasons given


class DecisionRecord(msgspec.Struct, frozen=True):
    """One row per symbol per candle, trade or not."""

    decision_id: str
    ts_ms: int
    symbol: str
    candle_open_ms: int
    verdict: Verdict
    reasons: tuple[Reason, ...]
    regime: Regime
    prediction: float
    win_probability: float
    edge_bps: float
    cost_bps: float
    model_id: str
    side: Side | None = None  # of the order; for a position that is kept, of the position
    quantity: Decimal | None = None  # base
    algorithm: AlgorithmName | None = None
    parent_id: str = ""
    feature_hash: str = ""
    strategy_id: str = "ensemble"
    workings: Workings | None = None  # how it came about; None in rows of versions before
