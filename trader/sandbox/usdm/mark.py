"""Mark price, index price and funding rate of one perpetual at one time."""

from decimal import Decimal

import msgspec
import numpy as np

from trader.sandbox.usdm.premium import Premium
from trader.simulation.funding import next_funding_ms

_DIGITS = 8


class MarkPrice(msgspec.Struct, frozen=True):
    """Prices in quote. `rate` is what the next settlement would be if its interval ended now."""

    mark: float
    index: float
    rate: Decimal
    next_funding_ms: int


def mark_and_index(last_price: float, premium: Premium, now_ms: int) -> tuple[float, float]:
    """(mark price, index price): the index is what the last price is at a premium to."""
    moment = np.array([now_ms], dtype=np.int64)
    index = last_price / (1.0 + float(premium.at(moment)[0]))
    return round(index * (1.0 + float(premium.smooth(moment)[0])), _DIGITS), round(index, _DIGITS)


def mark_price(last_price: float, premium: Premium, now_ms: int) -> MarkPrice:
    mark, index = mark_and_index(last_price, premium, now_ms)
    return MarkPrice(mark, index, premium.running_rate(now_ms), next_funding_ms(now_ms))
