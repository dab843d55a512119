"""Mark price, index price and funding rate of one perpetual at one time."""

from decimal import Decimal
from typing import Protocol

import msgspec
import numpy as np

from trader.sandbox.market.premium import Premium
from trader.simulation.derivatives.funding import next_funding_ms

_DIGITS = 8


class MarkPrice(msgspec.Struct, frozen=True):
    """Prices in quote. `rate` is what the next settlement would be if its interval ended now."""

    mark: float
    index: float
    rate: Decimal
    next_funding_ms: int


class Pricing(Protocol):
    """Where mark prices and funding rates come from."""

    def mark_and_index(self, last_price: float, now_ms: int) -> tuple[float, float]:
        """(mark price, index price)."""

    def rate(self, due_ms: int) -> Decimal:
        """The funding rate settled at `due_ms`."""

    def running_rate(self, now_ms: int) -> Decimal:
        """The rate the next settlement would have if the interval ended now."""


class PremiumPricing:
    """The index is what the last price is at a premium to."""

    def __init__(self, premium: Premium) -> None:
        self._premium = premium
        self.rate = premium.rate
        self.running_rate = premium.running_rate

    def mark_and_index(self, last_price: float, now_ms: int) -> tuple[float, float]:
        moment = np.array([now_ms], dtype=np.int64)
        index = last_price / (1.0 + float(self._premium.at(moment)[0]))
        return round(index * (1.0 + float(self._premium.smooth(moment)[0])), _DIGITS), round(index, _DIGITS)


def mark_price(last_price: float, pricing: Pricing, now_ms: int) -> MarkPrice:
    mark, index = pricing.mark_and_index(last_price, now_ms)
    return MarkPrice(mark, index, pricing.running_rate(now_ms), next_funding_ms(now_ms))
