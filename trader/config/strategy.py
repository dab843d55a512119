"""The block `strategy`: who proposes trades; the ensemble's regimes, confirmations and edge."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from trader.config.section import Fraction, Positive, Section
from trader.domain.signals import Regime


class StrategyName(StrEnum):
    """The strategies that are built in. `trader.strategy.registry` holds their classes."""

    ENSEMBLE = "ensemble"
    EMA_CROSS = "ema-cross"


class Confirmation(StrEnum):
    """What a signal may be confirmed by. `trader.strategy.confirmations` says what each looks at."""

    MA_CROSSOVER = "ma_crossover"
    RSI_DIP = "rsi_dip"
    RSI_PEAK = "rsi_peak"
    RSI_EXTREME = "rsi_extreme"
    BOLLINGER_EXTREME = "bollinger_extreme"
    BREAKOUT = "breakout"
    SQUEEZE = "squeeze"
    VOLUME = "volume"
    VOLUME_SPIKE = "volume_spike"
    ATR_EXPANSION = "atr_expansion"


Bias = Literal["long", "short", "mean_reversion", "neutral", "breakout"]


class RegimeRule(Section):
    bias: Bias
    """Which side the regime prefers."""
    size_multiplier: Annotated[float, Field(ge=0, le=3)]
    """Scales the position size."""
    take_profit_frac: Annotated[float, Field(gt=0, lt=1)]
    """Take profit distance / entry price."""
    stop_loss_frac: Annotated[float, Field(gt=0, lt=1)]
    """Smallest initial stop distance / entry price."""
    confirmations_needed: Literal["any", "all"]
    """Whether one of `confirmations` is enough for a signal."""
    confirmations: tuple[Confirmation, ...]
    """What can confirm a signal here (docs/strategies.md says what each looks at); an empty list: nothing has to."""


def _default_rules() -> dict[Regime, RegimeRule]:
    rows: dict[Regime, tuple[Bias, float, float, float, Literal["any", "all"], tuple[Confirmation, ...]]] = {
        Regime.BULL_TREND: ("long", 1.2, 0.03, 0.01, "any", (Confirmation.MA_CROSSOVER, Confirmation.RSI_DIP)),
        Regime.BEAR_TREND: ("short", 0.8, 0.02, 0.015, "any", (Confirmation.MA_CROSSOVER, Confirmation.RSI_PEAK)),
        Regime.RANGE_BOUND: (
            "mean_reversion", 1.0, 0.015, 0.01, "any", (Confirmation.BOLLINGER_EXTREME, Confirmation.RSI_EXTREME)
        ),
        Regime.HIGH_VOLATILITY: (
            "neutral", 0.5, 0.04, 0.02, "all", (Confirmation.ATR_EXPANSION, Confirmation.VOLUME)
        ),
        Regime.LOW_VOLATILITY: (
            "breakout", 1.0, 0.025, 0.008, "all",
            (Confirmation.SQUEEZE, Confirmation.BREAKOUT, Confirmation.VOLUME_SPIKE),
        ),
    }  # fmt: skip
    return {regime: RegimeRule(**dict(zip(RegimeRule.model_fields, row, strict=True))) for regime, row in rows.items()}


class StrategySettings(Section):
    name: StrategyName = StrategyName.ENSEMBLE
    """Who proposes trades. `ensemble`: the model, by the rest of this block. `ema-cross`: a rule without a model."""
    own_class: Annotated[str, Field(min_length=1)] | None = Field(default=None, alias="class")
    """A strategy of your own in place of `name`: `file.py:Class`, or the name of an entry point in the group
    `trader.strategies` (docs/strategies.md)."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """What that strategy or rule lets you set; the ensemble has the keys below."""
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
    hold_edge_bps: Annotated[float, Field(ge=0, le=1_000)] = 0.0
    """A position is held, and extended at its horizon, while its calibrated edge is above this: by default its sign."""
    cost_budget_frac: Annotated[float, Field(gt=0, le=1)] = 1 / 3
    """Share of gross profit (before costs) that costs may take; above it the bar of an entry is multiplied by what they
    take / this, until they do not."""
    cost_budget_days: Annotated[int, Field(ge=1, le=3_650)] = 90
    """Days back whose closed trades are looked at."""
    cost_budget_trades: Annotated[int, Field(ge=1, le=5_000)] = 30
    """Fewer trades than this say nothing of costs."""
    cost_budget_most: Annotated[float, Field(ge=1, le=100)] = 3.0
    """The bar is multiplied by this at most (also where nothing was earned before costs)."""
    least_day_volume_quote: Annotated[float, Field(ge=0)] = 500_000.0
    """A symbol that trades less a day, quote currency, is only observed; judged from a quarter of a day on."""
    widest_spread_bps: Positive = 30.0
    """A symbol whose spread is wider now is only observed."""
    coarsest_tick_atr: Positive = 0.25
    """A symbol whose price tick is more of its ATR is only observed."""
    assumed_funding_frac: Annotated[float, Field(ge=0, le=0.01)] = 0.0001
    """Funding that a perpetual is assumed to cost every eight hours where no settled rate is known, share of its
    value."""
    max_forecast_age_candles: Positive = 1.0
    """Nothing is opened on a forecast older than this many of its candles."""
    require_confirmation: bool = True
    """A signal also needs the confirmations of its regime."""
    crossover_candles: Annotated[int, Field(ge=1, le=500)] = 8
    """`ma_crossover`: EMA 9 crossed EMA 21 to the signal's side within this many candles, this one counted."""
    rsi_low: Annotated[float, Field(ge=0, le=100)] = 40.0
    """`rsi_dip`: a long at an RSI below this."""
    rsi_high: Annotated[float, Field(ge=0, le=100)] = 60.0
    """`rsi_peak`: a short at an RSI above this."""
    rsi_oversold: Annotated[float, Field(ge=0, le=100)] = 30.0
    """`rsi_extreme`: a long at an RSI below this, ..."""
    rsi_overbought: Annotated[float, Field(ge=0, le=100)] = 70.0
    """... a short at one above this."""
    bollinger_extreme: Annotated[float, Field(ge=0, le=0.5)] = 0.2
    """`bollinger_extreme`: distance from a Bollinger band, as a share of the bands' width, that counts as extreme."""
    squeeze_candles: Annotated[int, Field(ge=1, le=500)] = 5
    """`squeeze`: the Bollinger bands lay inside 1.5 ATRs within this many candles, this one counted."""
    atr_expansion: Positive = 1.0
    """`atr_expansion`: ATR / its 50-candle mean above this."""
    volume_above: Positive = 1.0
    """`volume`: volume / its 20-candle mean above this."""
    volume_spike: Positive = 1.5
    """`volume_spike`: volume / its 20-candle mean at least this."""
    regimes: dict[Regime, RegimeRule] = Field(default_factory=_default_rules)
    """Per regime: bias, size multiplier, take profit, stop loss, confirmations."""

    @model_validator(mode="after")
    def _one_strategy(self) -> "StrategySettings":
        if self.own_class is not None and self.name is not StrategyName.ENSEMBLE:
            raise ValueError(f"class {self.own_class} and name {self.name.value} exclude one another; set one of them")
        return self

    @model_validator(mode="after")
    def _all_regimes(self) -> "StrategySettings":
        missing = [regime.value for regime in Regime if regime not in self.regimes]
        if missing:
            raise ValueError(f"regimes lacks {', '.join(missing)}")
        if self.low_volatility >= self.high_volatility:
            raise ValueError("low_volatility must be below high_volatility")
        return self
