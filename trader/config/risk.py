"""The block `risk`: stops, exits, correlation, breakers, start-up."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from trader.config.section import Fraction, Positive, Section


class StartupPolicy(StrEnum):
    """What happens to a position nobody has a plan for."""

    ADOPT = "adopt"  # it is guarded from now on, and left as its strategy leaves positions
    HALT = "halt"  # its stop rests, and nothing is opened until a person resumes
    FLATTEN = "flatten"  # it is closed at the market


class AtTarget(StrEnum):
    """What happens to the remainder of a position at its target."""

    TRAIL = "trail"  # the stop follows the best price
    CLOSE = "close"  # it is closed


class TakeProfit(StrEnum):
    """How the partial exit and a target that closes are sold."""

    MARKET = "market"
    LIMIT = "limit"  # offered at the touch first, where exits only reduce (perpetuals)


class RiskSettings(Section):
    stop_atr: Positive = 2.0
    """Initial stop distance in ATRs (the largest of this, the regime's stop and `stop_sigma` counts)."""
    stop_sigma: Positive = 3.0
    """Initial stop distance in standard deviations of the horizon's move, by the volatility of a day and a month
    (0.7 and 0.3, `vol_blend` in docs/features.md)."""
    widest_stop_frac: Annotated[float, Field(gt=0, lt=1)] = 0.25
    """A stop further from the price guards nothing: an entry that would need one is not made."""
    stop_move_frac: Annotated[float, Field(gt=0, le=0.05)] = 0.0005
    """A resting stop is moved only this far or further, share of its price; the daemon watches the exact one."""
    liquidation_loss_frac: Annotated[float, Field(gt=0, le=1)] = 0.8
    """An isolated position must meet its stop before it has lost this share of its own margin; in cross margin the
    account must, with every stop hit, still have the rest of the margin of all."""
    partial_at_r: Positive = 2.0
    """Profit in R at which half is closed once and the stop moves to break-even. R is the larger of `stop_atr` ATRs and
    the regime's stop at the entry, whatever the stop is."""
    partial_frac: Fraction = 0.5
    """Share closed then."""
    target_at_r: Positive = 3.0
    """The target is at least this many R (or the regime's target if that is further)."""
    at_target: AtTarget = AtTarget.TRAIL
    """What remains at the target: `trail` it, or `close` it."""
    take_profit: TakeProfit = TakeProfit.MARKET
    """How the partial exit and a target that closes are sold: at the `market`, or as a `limit` that rests at the touch
    for `execution.limit_timeout_s` and then takes the market. On spot, where the stop holds the coins, always at the
    market."""
    trail_frac: Fraction = 0.015
    """Trailing distance / best price."""
    horizon_wait_candles: Annotated[float, Field(ge=0, le=1)] = 0.5
    """How long a position whose horizon ends with a candle waits for the forecast of that close, which ends or extends
    it; without one it is closed then."""
    funding_exit_bps: Annotated[float, Field(ge=0, le=1_000)] | None = 3.0
    """A perpetual that pays more funding than this before the next close, and more than the edge left, is closed before
    that; basis points, null: never."""
    losing_time_exit_h: Positive = 24.0
    """A losing position is closed after this long, market hours."""
    correlation_limit: Fraction = 0.7
    """Symbols correlated above this count as one."""
    correlated_exposure_frac: Fraction = 0.5
    """Most equity in one correlated group."""
    correlation_candles: Annotated[int, Field(ge=30, le=5_000)] = 240
    """Window of the rolling correlation, candles."""
    hedge: bool = True
    """Whether a portfolio that moves more than the leader is hedged, by a short of the leader's perpetual. On spot only
    if `hedge_symbol` is an inverse one."""
    hedge_beta_above: Annotated[float, Field(gt=0, le=10)] = 1.2
    """The hedge is opened when the portfolio's beta to the leader, without the hedge, is above this."""
    hedge_beta_below: Annotated[float, Field(ge=0, le=10)] = 1.0
    """It is closed when that beta falls below this; at most `hedge_beta_above`."""
    hedge_frac: Annotated[float, Field(gt=0, le=0.5)] = 0.2
    """Value of the hedge when it is opened / equity."""
    hedge_symbol: str | None = None
    """One of `exchange.symbols`, then the hedge's alone: no strategy opens anything in it. Sold short, or bought if it
    moves against the leader. null: the leader's perpetual while no strategy holds it."""
    portfolio_vol_target: Annotated[float, Field(gt=0, le=10)] = 0.3
    """Annualised volatility of equity above which a new position shrinks, by target / volatility with it; 0.3: a day of
    three standard deviations costs 4.7 %, less than `daily_loss_frac`."""
    portfolio_vol_shocked: Annotated[float, Field(ge=1, le=100)] = 2.6
    """With every volatility at its 99 % quantile it may be this times the target (Carver's overlay has 3.6 / 1.4)."""
    portfolio_vol_stacked: Annotated[float, Field(ge=1, le=100)] = 2.4
    """If all that is held moved as one it may be this times the target (Carver's overlay has 3.4 / 1.4)."""
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
    startup_policy: StartupPolicy = StartupPolicy.ADOPT
    """A position without a plan, at start or later: adopt it with a stop, halt with a stop, or flatten it."""

    @model_validator(mode="after")
    def _hedge_has_hysteresis(self) -> "RiskSettings":
        if self.hedge_beta_below > self.hedge_beta_above:
            above, below = self.hedge_beta_above, self.hedge_beta_below
            raise ValueError(f"hedge_beta_below {below:g} is above hedge_beta_above {above:g}: it would open and close")
        return self

    @property
    def closes_at_target(self) -> bool:
        """Whether nothing remains of a position at its target."""
        return self.at_target is AtTarget.CLOSE
