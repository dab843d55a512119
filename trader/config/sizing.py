"""The block `sizing`: the rule that sizes a position, and its caps."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from trader.config.section import Fraction, Positive, Section


class SizingRule(StrEnum):
    """What decides how much of equity a position risks. `sizing.rules` holds what each does."""

    KELLY = "kelly"
    FIXED = "fixed"


class SizingSettings(Section):
    rule: SizingRule = SizingRule.KELLY
    """`kelly`: by the win probability and its record. `fixed`: always `fixed_frac` (what Kelly is measured against)."""
    fixed_frac: Fraction = 0.02
    """Share of equity at risk with the rule `fixed`."""
    kelly_fraction: Fraction = 0.5
    """Share of the full Kelly bet."""
    kelly_fraction_new: Fraction = 0.25
    """Share of the full Kelly bet, on the lower bound of its edge, that a new model with real money begins with; it
    grows to `kelly_fraction` on the edge itself with `evidence_trades` closed trades that earned."""
    evidence_trades: Annotated[int, Field(ge=1, le=10_000)] = 60
    """Own closed trades that are evidence enough, as many as the gate asks active days; also how many wins and losses
    the whole record of a model counts for where those of a regime, and own trades, are blended with it."""
    expected_positions: Annotated[int, Field(ge=1, le=500)] | None = None
    """Positions expected at once, which share the bet by 1 / (1 + (this - 1) x correlation); null: `max_positions`, or
    as many as there are symbols."""
    unknown_correlation: Fraction = 0.8
    """Correlation of what is not held yet, or has too few returns in common."""
    floor_frac: Fraction = 0.01
    """Smallest bet with a positive edge, share of equity at risk."""
    cap_frac: Fraction = 0.10
    """Largest bet, share of equity at risk."""
    kelly_volatility: Annotated[float, Field(ge=0, le=1_000)] = 10.0
    """The bet is divided by 1 + this x ATR / price: the more a symbol moves, the less is bet."""
    kelly_exposure_floor: Fraction = 0.5
    """The bet shrinks as exposure comes near `exposure_limit_frac`, down to this share of it."""
    probability_shrink: Fraction = 0.25
    """How far the win probability is pulled to the out-of-fold base rate; 1 = all the way."""
    position_notional_cap_frac: Annotated[float, Field(gt=0, le=5)] = 0.25
    """Largest position value / equity, of a symbol that moves no more than `reference_vol`."""
    reference_vol: Positive = 0.75
    """Annualised volatility above which that cap shrinks, by this / the symbol's; 0.75: the median of 311,232 closes of
    12 spot pairs, January to October 2025."""
    portfolio_risk_frac: Fraction = 0.20
    """Hard cap on the sum of equity at risk over all positions."""
    exposure_limit_frac: Annotated[float, Field(gt=0, le=5)] = 0.9
    """Total position value / equity at which new sizes are halved and no more is opened."""
    tranches: Annotated[int, Field(ge=1, le=100)] = 4
    """Parts that a position of the ensemble is built in, one a close while the entry's bar holds. 1: all at once."""
    max_positions: Annotated[int, Field(ge=1, le=500)] = 8
    """Most positions at once."""
