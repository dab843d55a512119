"""The book around a trade price: a pure function of price, time and volatility, so it needs no state.

Past the best level, quantities rest on a grid of prices; each grid level keeps its quantity until it is renewed
(at a moment of its own), so a diff between two books is short, as on a real exchange. The best level changes
with every book. Volatile markets have a wider spread and thinner levels.
"""

import math

import msgspec
import numpy as np

from trader.sandbox.market.listing import Listing
from trader.sandbox.market.noise import mixed, salt_of, shares, stepped
from trader.sandbox.market.source import Ints

LEVELS = 40  # per side; 20 are what decisions use
_RENEWAL_MS = 40_000  # market milliseconds a grid level keeps its quantity
_BEST_MS = 50  # the best level's quantity changes as often
_GRID_RATIO = math.log(2.0) / 4  # the grid's spacing follows the price in steps of 2^(1/4)


class DepthSide(msgspec.Struct, frozen=True):
    """One side, best first: prices in ticks and quantities in steps, (LEVELS,) each, or fewer near price zero."""

    ticks: Ints
    steps: Ints


class DepthBook(msgspec.Struct, frozen=True):
    bids: DepthSide
    asks: DepthSide


class DepthModel:
    """Books of one symbol."""

    def __init__(self, listing: Listing, seed: int) -> None:
        self._tick = float(listing.instrument.price_tick)
        self._step = float(listing.instrument.quantity_step)
        self._gap = listing.level_gap_frac
        self._spread = listing.spread_frac
        self._level_quote = listing.level_quote
        self._salt = salt_of(f"{seed} {listing.instrument.symbol}")

    def book(self, price_ticks: int, buyer_is_taker: bool, volatility: float, now_ms: int) -> DepthBook:
        """The book right after a trade at `price_ticks`: the trade's side of the spread is at its price."""
        spread = max(1, round(self._spread * math.sqrt(volatility) * price_ticks))
        ask = price_ticks if buyer_is_taker else price_ticks + spread
        bid = max(1, ask - spread)
        ask = max(ask, bid + 1)
        usual = self._level_quote / (price_ticks * self._tick) / self._step / math.sqrt(max(volatility, 0.25))
        gap = self._grid_gap(price_ticks)
        above = (ask // gap + 1 + np.arange(LEVELS - 1, dtype=np.int64)) * gap
        below = ((bid - 1) // gap - np.arange(LEVELS - 1, dtype=np.int64)) * gap
        below = below[below > 0]
        return DepthBook(
            bids=self._side(bid, below, usual, now_ms, np.uint64(1)),
            asks=self._side(ask, above, usual, now_ms, np.uint64(2)),
        )

    def _grid_gap(self, price_ticks: int) -> int:
        rounded = math.exp(round(math.log(price_ticks) / _GRID_RATIO) * _GRID_RATIO)
        return max(1, round(self._gap * rounded))

    def _side(self, best: int, grid: Ints, usual: float, now_ms: int, side: np.uint64) -> DepthSide:
        keys = (grid.astype(np.uint64) << np.uint64(2) | side) ^ (self._salt << np.uint64(32))
        phase = mixed(keys) % np.uint64(_RENEWAL_MS)
        age = (np.uint64(now_ms) + phase) // np.uint64(_RENEWAL_MS)
        words = mixed(stepped(keys, age))
        moment = np.array([now_ms // _BEST_MS], dtype=np.uint64) * self._salt
        first = mixed(np.array([best << 2 | int(side)], dtype=np.uint64) + moment)
        drawn = shares(np.concatenate((first, words)))
        steps = np.maximum(1.0, np.rint(usual * (0.4 + 1.2 * drawn))).astype(np.int64)
        return DepthSide(np.concatenate((np.array([best], dtype=np.int64), grid)), steps)
