"""Every knob with its unit, range and default. `config.yaml` shows the same in the same order."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from trader.config.exchange import ExchangeSettings
from trader.config.section import Fraction, Positive, Section
from trader.domain.errors import Misconfigured
from trader.domain.market import timeframe_ms
from trader.domain.signals import Regime


class SandboxSettings(Section):
    """The bundled exchange that `exchange.id: sandbox` starts. See `trader sandbox --help`."""

    seed: Annotated[int, Field(ge=0)] = 7
    """Same seed, same market."""
    speed: Annotated[float, Field(ge=1, le=600)] = 60.0
    """Market seconds per real second."""
    edge: Annotated[float, Field(ge=0, le=5)] = 1.0
    """Strength of the generated market's predictable component; 0 = none. Real markets are near 0."""
    replay: Path | None = None
    """A folder of recorded candles, order books or days of the recorder to replay instead of the generated market."""
    recording: str = ""
    """Which of several recorded order books or days; empty: the newest one that holds all symbols."""
    history: Path | None = None
    """A folder of candles of the time before a recorded order book."""
    quote_balance: Positive = 10_000.0
    """Opening balance of the sandbox account, quote currency."""
    idle_exit_s: Annotated[float, Field(ge=5)] = 300.0
    """The sandbox process ends after this long without a client, real seconds."""


class PaperSettings(Section):
    quote_balance: Positive = 10_000.0
    """Opening balance of the paper account, quote currency. Counts at the first start only."""
    latency_s: Annotated[float, Field(ge=0, le=5)] = 0.05
    """How long an order takes to reach the simulated exchange, real seconds."""


class MarketSettings(Section):
    timeframe: str = "1m"
    """Candle length that is traded."""
    higher_timeframes: tuple[str, ...] = ("15m", "1h")
    """Longer candles whose features are added; resampled from closed candles only."""
    history_candles: Annotated[int, Field(ge=300, le=20_000)] = 2_500
    """Candles per symbol loaded at start to warm the features up."""
    book_depth: Annotated[int, Field(ge=5, le=100)] = 20
    """Book levels per side that decisions use."""
    candle_silence_s: Positive = 90.0
    """Longest silence of trades and candles beyond the candle's own length, market seconds."""
    book_silence_s: Positive = 10.0
    """Longest silence of a book before it counts as stale, real seconds."""
    late_candle_s: Annotated[float, Field(ge=0, le=60)] = 1.5
    """How long forecasts of a close wait for candles of other symbols that their features need, real seconds (at
    most half a candle); later, what is missing is masked."""
    close_grace_s: Annotated[float, Field(ge=0.2, le=60)] = 2.0
    """How long after its end a candle without successor is asked for over REST, real seconds."""

    @model_validator(mode="after")
    def _timeframes(self) -> "MarketSettings":
        try:
            base = timeframe_ms(self.timeframe)
            for higher in self.higher_timeframes:
                if timeframe_ms(higher) <= base or timeframe_ms(higher) % base:
                    raise ValueError(f"higher timeframe {higher!r} is not a multiple of timeframe {self.timeframe!r}")
        except Misconfigured as error:
            raise ValueError(str(error)) from error
        return self


class ModelSettings(Section):
    profile: Literal["quick", "fast", "exact"] = "quick"
    """How much training: `quick` (seconds, demos), `fast` (minutes, retraining), `exact` (the full parameters)."""
    horizon_candles: Annotated[int, Field(ge=1, le=500)] = 16
    """How far ahead the label looks, candles."""
    training_candles: Annotated[int, Field(ge=1_000, le=500_000)] = 4_000
    """Candles per symbol a training uses."""
    gate: Literal["enforce", "warn"] = "warn"
    """`enforce`: a model trades only with evidence that it earns after costs. `warn` only in paper or with a
    loopback endpoint."""
    feature_groups: tuple[Literal["leader", "funding", "books", "peers"], ...] = ("leader", "funding", "peers")
    """What a model sees beyond a symbol's own candles: the first symbol (`leader`), its rank among all (`peers`),
    the perpetual's `funding`, recorded `books`. What the market does not have is left out (one symbol has no
    leader, two have no ranks, spot has no funding)."""
    random_state: int = 42
    """Seed of every learner."""
    retrain_hours: Annotated[float, Field(ge=0, le=87_600)] = 24.0
    """A new model is trained in the background when the newest one has not seen this long, market hours; 0 = never."""
    retrain_on_drift: bool = True
    """Also train when the market has moved away from what the model was trained on."""
    retrain_gap_hours: Annotated[float, Field(ge=0, le=87_600)] = 6.0
    """Shortest time between trainings for drift, market hours."""
    retrain_memory_mb: Annotated[int, Field(ge=512, le=1_048_576)] = 4_096
    """Most memory a background training may use, MB."""
    shadow_forecasts: Annotated[int, Field(ge=1, le=1_000_000)] = 300
    """Forecasts a new model makes beside the old one before it may replace it."""
    shadow_blocks: Annotated[int, Field(ge=1, le=10_000)] = 10
    """Independent stretches of time (days, or four horizons) these must be spread over."""
    shadow_hours: Annotated[float, Field(gt=0, le=87_600)] = 720.0
    """A new model that has not proven itself by then is dismissed, market hours."""
    drift_shrink_share: Fraction = 0.2
    """Share of features beyond their usual range from which new positions have half size."""
    drift_retrain_share: Fraction = 0.3
    """Share of features beyond their usual range from which a new model is trained."""
    drift_shrink_t: Annotated[float, Field(ge=-100, le=0)] = -2.0
    """t of wins minus promised wins at which new positions have half size."""
    drift_observe_t: Annotated[float, Field(ge=-100, le=0)] = -3.0
    """t of wins minus promised wins at which the model before comes back, or nothing new is opened."""
    keep_models: Annotated[int, Field(ge=2, le=10_000)] = 20
    """Newest models whose files are kept; champions that can come back and the challenger always are."""


class RegimeRule(Section):
    bias: Literal["long", "short", "mean_reversion", "neutral", "breakout"]
    """Which side the regime prefers."""
    size_multiplier: Annotated[float, Field(ge=0, le=3)]
    """Scales the position size."""
    take_profit_frac: Annotated[float, Field(gt=0, lt=1)]
    """Take profit distance / entry price."""
    stop_loss_frac: Annotated[float, Field(gt=0, lt=1)]
    """Smallest initial stop distance / entry price."""


def _default_rules() -> dict[Regime, RegimeRule]:
    rows: dict[Regime, tuple[str, float, float, float]] = {
        Regime.BULL_TREND: ("long", 1.2, 0.03, 0.01),
        Regime.BEAR_TREND: ("short", 0.8, 0.02, 0.015),
        Regime.RANGE_BOUND: ("mean_reversion", 1.0, 0.015, 0.01),
        Regime.HIGH_VOLATILITY: ("neutral", 0.5, 0.04, 0.02),
        Regime.LOW_VOLATILITY: ("breakout", 1.0, 0.025, 0.008),
    }
    return {
        regime: RegimeRule.model_validate(
            {"bias": bias, "size_multiplier": size, "take_profit_frac": profit, "stop_loss_frac": stop}
        )
        for regime, (bias, size, profit, stop) in rows.items()
    }


class StrategySettings(Section):
    adx_trend: Annotated[float, Field(ge=0, le=100)] = 25.0
    """ADX above which there is a trend."""
    trend_band_frac: Fraction = 0.02
    """Distance of price from its 50-candle mean that makes a trend bull or bear."""
    high_volatility: Positive = 0.6
    """Annualised volatility above which the regime is HIGH_VOLATILITY."""
    low_volatility: Positive = 0.2
    """Annualised volatility below which the regime is LOW_VOLATILITY."""
    hysteresis_frac: Fraction = 0.1
    """A regime is left only when its threshold is missed by this share, so that it does not flicker."""
    minimum_edge_bps: Annotated[float, Field(ge=0, le=1_000)] = 20.0
    """A trade needs at least this calibrated edge, and at least its round-trip cost."""
    require_confirmation: bool = True
    """A signal also needs its regime's confirmations (MA crossover, RSI, Bollinger, squeeze, volume)."""
    rsi_low: Annotated[float, Field(ge=0, le=100)] = 40.0
    """RSI below which a dip is confirmed."""
    rsi_high: Annotated[float, Field(ge=0, le=100)] = 60.0
    """RSI above which a peak is confirmed."""
    bollinger_extreme: Annotated[float, Field(ge=0, le=0.5)] = 0.2
    """Distance from a Bollinger band, as a share of the bands' width, that counts as extreme."""
    volume_spike: Positive = 1.5
    """Volume / its 20-candle mean that confirms a breakout."""
    regimes: dict[Regime, RegimeRule] = Field(default_factory=_default_rules)
    """Per regime: bias, size multiplier, take profit, stop loss."""

    @model_validator(mode="after")
    def _all_regimes(self) -> "StrategySettings":
        missing = [regime.value for regime in Regime if regime not in self.regimes]
        if missing:
            raise ValueError(f"regimes lacks {', '.join(missing)}")
        if self.low_volatility >= self.high_volatility:
            raise ValueError("low_volatility must be below high_volatility")
        return self


class SizingSettings(Section):
    kelly_fraction: Fraction = 0.5
    """Share of the full Kelly bet."""
    floor_frac: Fraction = 0.01
    """Smallest bet with a positive edge, share of equity at risk."""
    cap_frac: Fraction = 0.10
    """Largest bet, share of equity at risk."""
    probability_shrink: Fraction = 0.25
    """How far the win probability is pulled to the out-of-fold base rate; 1 = all the way."""
    position_notional_cap_frac: Annotated[float, Field(gt=0, le=5)] = 0.25
    """Largest position value / equity."""
    portfolio_risk_frac: Fraction = 0.20
    """Hard cap on the sum of equity at risk over all positions."""
    exposure_limit_frac: Annotated[float, Field(gt=0, le=5)] = 0.9
    """Total position value / equity at which new sizes are halved and no more is opened."""
    max_positions: Annotated[int, Field(ge=1, le=500)] = 8
    """Most positions at once."""


class ExecutionSettings(Section):
    market_below_frac: Fraction = 0.001
    """Impact below which the order goes to market."""
    twap_above_frac: Fraction = 0.005
    """Impact above which the order is split over time."""
    urgency: Literal["low", "medium", "high"] = "medium"
    """low halves, high doubles both thresholds."""
    algorithm: Literal["auto", "market", "limit", "twap"] = "auto"
    """`auto` chooses by impact; anything else always does the same (for trying things out)."""
    limit_offset_frac: Fraction = 0.0005
    """A limit order starts this far on the passive side of the opposite touch, and never crosses."""
    limit_reprice_s: Positive = 30.0
    """How long a limit order rests before it moves towards the near touch, market seconds."""
    limit_timeout_s: Positive = 180.0
    """How long a limit order may take altogether, market seconds."""
    twap_slices: Annotated[int, Field(ge=2, le=100)] = 10
    """Slices of a TWAP."""
    twap_duration_s: Annotated[float, Field(ge=10, le=86_400)] = 300.0
    """Length of a TWAP, market seconds."""
    protected_market_frac: Fraction = 0.003
    """How far through the touch a protected market order (IOC limit) may fill."""


class RiskSettings(Section):
    stop_atr: Positive = 2.0
    """Initial stop distance in ATRs (the largest of this, the regime's stop and `stop_sigma` counts)."""
    stop_sigma: Positive = 3.0
    """Initial stop distance in standard deviations of the horizon's move."""
    partial_at_r: Positive = 2.0
    """Profit in R at which half is closed once and the stop moves to break-even."""
    partial_frac: Fraction = 0.5
    """Share closed then."""
    trail_at_r: Positive = 3.0
    """Profit in R from which the stop trails the best price."""
    trail_frac: Fraction = 0.015
    """Trailing distance / best price."""
    take_profit_at_r: Positive = 2.0
    """Take profit is at least this many R (or the regime's target if that is further)."""
    losing_time_exit_h: Positive = 24.0
    """A losing position is closed after this long, market hours."""
    correlation_limit: Fraction = 0.7
    """Symbols correlated above this count as one."""
    correlated_exposure_frac: Fraction = 0.5
    """Most equity in one correlated group."""
    correlation_candles: Annotated[int, Field(ge=30, le=5_000)] = 240
    """Window of the rolling correlation, candles."""
    price_band_frac: Fraction = 0.05
    """An order priced further from the market is refused."""
    max_order_notional_frac: Annotated[float, Field(gt=0, le=5)] = 0.5
    """An order above this share of equity is refused."""
    max_orders_per_minute: Annotated[int, Field(ge=1, le=10_000)] = 120
    """New orders per real minute, protective stops not counted; more entries are refused, exits never."""
    daily_loss_frac: Fraction = 0.05
    """Loss since 00:00 UTC on marked equity: REDUCING; twice this: HALTED."""
    drawdown_frac: Fraction = 0.15
    """Loss from the peak of equity: HALTED."""
    consecutive_losses: Annotated[int, Field(ge=1, le=1_000)] = 8
    """Losing trades in a row: REDUCING."""
    max_clock_offset_ms: Positive = 1_000.0
    """Clock difference to the exchange, real milliseconds: REDUCING."""
    max_errors_per_minute: Annotated[int, Field(ge=1, le=10_000)] = 30
    """Failed requests per real minute: REDUCING."""
    startup_policy: Literal["adopt", "halt", "flatten"] = "adopt"
    """What to do with positions found at start that the ledger does not explain."""


class RecorderSettings(Section):
    """What the market told the daemon, kept in Parquet by day and symbol. See docs/operations.md, Recordings."""

    enabled: bool = True
    """Record candles, books, trades and the engine's other numbered market inputs, in a child process."""
    books: bool = True
    """Order books too: most of the volume. Without them a day cannot be replayed."""
    trades: bool = True
    """Public trades too, where the feed has them."""
    retention_days: Annotated[int, Field(ge=1, le=3_650)] = 14
    """Days that are kept, market time; the oldest go first."""
    max_disk_gb: Annotated[float, Field(ge=0.01, le=100_000)] = 10.0
    """Most disk that recordings take, GB (10^9 bytes); the oldest go first."""
    keep_free_gb: Annotated[float, Field(ge=0, le=10_000)] = 1.0
    """Recording pauses while less than this is free, GB: the ledger needs the disk more."""


class StorageSettings(Section):
    state_dir: Path = Path("var")
    """Where the ledger, models, candles, kernels and sockets live (created 0700)."""


class LogSettings(Section):
    format: Literal["auto", "json", "console"] = "auto"
    """`auto`: console on a terminal, JSON otherwise."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe line that is written."""
    file: Path | None = None
    """Also write JSON lines here (rotated at 20 MB, 5 kept)."""


class Settings(Section):
    """The whole configuration."""

    mode: Literal["paper", "live"] = "paper"
    """`paper`: orders are simulated here against the real feed. `live`: orders go to the exchange."""
    exchange: ExchangeSettings = ExchangeSettings()
    sandbox: SandboxSettings = SandboxSettings()
    paper: PaperSettings = PaperSettings()
    market: MarketSettings = MarketSettings()
    model: ModelSettings = ModelSettings()
    strategy: StrategySettings = StrategySettings()
    sizing: SizingSettings = SizingSettings()
    execution: ExecutionSettings = ExecutionSettings()
    risk: RiskSettings = RiskSettings()
    recorder: RecorderSettings = RecorderSettings()
    storage: StorageSettings = StorageSettings()
    log: LogSettings = LogSettings()

    @property
    def account_dir(self) -> Path:
        """Where this account's ledger and sockets live; another mode or exchange is another account."""
        return self.storage.state_dir / f"{self.mode}-{self.exchange.id}-{self.exchange.market}"

    @property
    def is_loopback(self) -> bool:
        """Whether orders can only ever reach a simulator on this machine."""
        return self.exchange.id == "sandbox" or self.exchange.endpoint is not None

    @model_validator(mode="after")
    def _real_money_needs_the_gate(self) -> "Settings":
        if self.mode == "live" and not self.is_loopback and self.model.gate == "warn":
            raise ValueError("model.gate: warn is allowed only in paper or with a loopback endpoint; set enforce")
        return self
