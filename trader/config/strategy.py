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
    assumed_funding_frac: Annotated[float, Field(ge=0, le=0.01)] = 0.0001
    """Funding that holding a perpetual is assumed to cost every eight hours, share of its value."""
    max_forecast_age_candles: Positive = 1.0
    """Nothing is opened on a forecast older than this many of its candles."""
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
