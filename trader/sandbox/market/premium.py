"""How far a perpetual trades above its index, and the funding that follows from it."""

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Protocol

import numpy as np

from trader.domain.units import HOUR_MS, MINUTE_MS
from trader.sandbox.market.noise import mixed, salt_of, shares, stepped
from trader.sandbox.market.source import Floats, Ints
from trader.simulation.derivatives.funding import FUNDING_MS, INTEREST_FRAC, funding_rate

_MEAN = 0.0001  # usual premium, as a fraction
# three scales of it: how long a value lasts, and how large it may be. The mark price smooths the last one away
_PERIODS_MS = np.array([[36 * HOUR_MS], [2 * HOUR_MS], [3 * MINUTE_MS]], dtype=np.int64)
_SIZES = np.array([[0.0009], [0.0003], [0.0001]])
_SAMPLE_MS = MINUTE_MS


class Premium(Protocol):
    """The difference between a perpetual and its index over time, as fractions of the index. Times are ms UTC."""

    def at(self, ts_ms: Ints) -> Floats:
        """Traded price / index - 1, (n,)."""

    def smooth(self, ts_ms: Ints) -> Floats:
        """Mark price / index - 1, (n,): the same without its quick moves."""

    def rate(self, due_ms: int) -> Decimal:
        """The funding rate settled at `due_ms`."""

    def running_rate(self, now_ms: int) -> Decimal:
        """The rate the next settlement would have if the interval ended now."""


class GeneratedPremium:
    """Mean-reverting noise on three time scales: a pure function of seed, symbol and time, within 0.15%."""

    def __init__(self, seed: int, symbol: str) -> None:
        self._bases = salt_of(f"{seed} premium {symbol}") * _PERIODS_MS.astype(np.uint64)
        self.rate = lru_cache(maxsize=4_096)(self._rate)

    def at(self, ts_ms: Ints) -> Floats:
        return np.asarray(_MEAN + self._noise(ts_ms).sum(axis=0), dtype=np.float64)

    def smooth(self, ts_ms: Ints) -> Floats:
        return np.asarray(_MEAN + self._noise(ts_ms)[:-1].sum(axis=0), dtype=np.float64)

    def running_rate(self, now_ms: int) -> Decimal:
        return self._rate_between((now_ms - 1) // FUNDING_MS * FUNDING_MS, now_ms)

    def _rate(self, due_ms: int) -> Decimal:
        return self._rate_between(due_ms - FUNDING_MS, due_ms)

    def _rate_between(self, start_ms: int, end_ms: int) -> Decimal:
        sampled = np.arange(start_ms, max(end_ms, start_ms + 1), _SAMPLE_MS, dtype=np.int64)
        return funding_rate(float(self.at(sampled).mean()))

    def _noise(self, ts_ms: Ints) -> Floats:
        """(scales, n): each within its size; random values one period apart, joined smoothly."""
        number, inside = np.divmod(ts_ms, _PERIODS_MS)
        counts = np.concatenate((number, number + 1), axis=1).astype(np.uint64)
        before, after = np.split(2.0 * shares(mixed(stepped(self._bases, counts))) - 1.0, 2, axis=1)
        share = inside / _PERIODS_MS
        return _SIZES * (before + (after - before) * share * share * (3.0 - 2.0 * share))


class RecordedPremium:
    """Of recorded candles nothing but the price is known: no premium, and the funding that was recorded, if any."""

    def __init__(self, rates: Mapping[int, Decimal]) -> None:
        self._rates = rates

    def at(self, ts_ms: Ints) -> Floats:
        return np.zeros(len(ts_ms))

    def smooth(self, ts_ms: Ints) -> Floats:
        return np.zeros(len(ts_ms))

    def rate(self, due_ms: int) -> Decimal:
        """The recorded one, or the interest rate where none was recorded."""
        return self._rates.get(due_ms, funding_rate(INTEREST_FRAC))

    def running_rate(self, now_ms: int) -> Decimal:
        return self.rate(-(-now_ms // FUNDING_MS) * FUNDING_MS)
