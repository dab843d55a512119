"""Funding of perpetuals: every eight hours longs pay shorts the rate, or the other way round where it is negative."""

from decimal import Decimal

from trader.domain.instrument import exact
from trader.domain.units import HOUR_MS

FUNDING_MS = 8 * HOUR_MS
INTEREST_FRAC = 0.0001  # per interval
RATE_CAP_FRAC = 0.02
_DAMPER_FRAC = 0.0005
_DIGITS = Decimal("0.00000001")


def next_funding_ms(now_ms: int) -> int:
    """The first settlement after `now_ms`: 00:00, 08:00 or 16:00 UTC."""
    return (now_ms // FUNDING_MS + 1) * FUNDING_MS


def funding_rate(premium_frac: float) -> Decimal:
    """The rate of an interval whose perpetual was on average `premium_frac` above its index.

    Binance: premium + clamp(interest - premium, -0.05%, 0.05%), within a cap. A small premium gives the interest.
    """
    damped = min(_DAMPER_FRAC, max(-_DAMPER_FRAC, INTEREST_FRAC - premium_frac))
    rate = min(RATE_CAP_FRAC, max(-RATE_CAP_FRAC, premium_frac + damped))
    return exact(round(rate, 8)).quantize(_DIGITS)


def payment(quantity: Decimal, mark: Decimal, rate: Decimal) -> Decimal:
    """What a position of `quantity` (signed, base) receives: a long pays a positive rate."""
    return (-quantity * mark * rate).quantize(_DIGITS)
