"""The block `execution`: which algorithm an order takes, and how it works."""

from typing import Annotated, Literal

from pydantic import Field

from trader.config.section import Fraction, Positive, Section
from trader.domain.orders import AlgorithmName, Urgency


class ExecutionSettings(Section):
    market_below_frac: Fraction = 0.001
    """Impact below which the order goes to market."""
    twap_above_frac: Fraction = 0.005
    """Impact above which the order is split over time."""
    urgency: Urgency = Urgency.MEDIUM
    """low halves, high doubles both thresholds. A strategy may say another one for an entry."""
    algorithm: Literal["auto"] | AlgorithmName = "auto"
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
    twap_jitter_frac: Annotated[float, Field(ge=0, le=0.35)] = 0.25
    """How far a slice of a TWAP is shifted at most, so that it is not foreseen, share of the time between two."""
    participation_frac: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Most of what the other side of the book shows (20 levels) that one slice of a TWAP takes. So a TWAP carries at
    most `twap_slices` times that; an order that is larger is made smaller."""
    protected_market_frac: Fraction = 0.003
    """How far through the touch a protected market order (IOC limit) may fill."""
    mark_s: Positive = 30.0
    """How long after an order has ended the market is looked at to tell what its fills were worth, market seconds."""
    measured_prior_orders: Annotated[float, Field(ge=0, le=1e6)] = 20.0
    """After so many entries of its kind, what they cost beyond the model is believed by half; after ten times as many
    by ten elevenths."""
    market_tries: Annotated[int, Field(ge=1, le=50)] = 5
    """How often a market order is sent again for what is left of it."""
    market_wait_s: Positive = 60.0
    """How long a market order waits for a book that can be trusted, market seconds."""
