"""What taking a quantity out of a book costs against its best price."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trader.domain.market import Book
from trader.domain.orders import Side

Levels = Sequence[Sequence[float]] | NDArray[np.float64]  # (price, quantity), best first; (n_levels, 2)

SHOWN_LEVELS = 20  # the depth that exchanges stream; an order that needs more is too large for any algorithm

# Quantities of levels add up with binary rounding; a rest smaller than this share of the whole is none.
_ROUNDING = 1e-12


def estimate_impact(levels: Levels, quantity: float) -> float:
    """|average fill - best| / best for taking `quantity` (base, >= 0) from `levels`, as a fraction >= 0.

    `levels` are (price, quantity) best first, of either side. `inf` if they hold less than `quantity`.
    Raises ValueError for a quantity that is negative or not a number.
    """
    if quantity == 0:
        return 0.0
    average, filled = walk(levels, quantity)
    if filled < quantity:
        return math.inf
    best = float(levels[0][0])
    return abs(average - best) / best


def walk(levels: Levels, quantity: float) -> tuple[float, float]:
    """(average price, filled quantity) of taking up to `quantity` from `levels`; (nan, 0.0) when nothing fills.

    A filled quantity equal to `quantity` means that the book holds it all; of an infinite one it is all they hold.
    """
    if not quantity >= 0:
        raise ValueError(f"quantity {quantity} must be 0 or more")
    if not len(levels) or quantity == 0:
        return math.nan, 0.0
    best = float(levels[0][0])
    if not (best > 0 and math.isfinite(best)):
        raise ValueError(f"best price {best} must be above 0")
    remaining, filled, extra = float(quantity), 0.0, 0.0  # `extra`: quote paid beyond the best price
    for price, held in levels:
        taken = min(remaining, max(0.0, float(held)))
        extra += taken * (float(price) - best)
        remaining -= taken
        filled += taken
        if remaining <= _ROUNDING * quantity < math.inf:
            return best + extra / quantity, float(quantity)
    return (best + extra / filled, filled) if filled > 0 else (math.nan, 0.0)


def opposite(book: Book, side: Side) -> Levels:
    """What an order of `side` would take from `book`."""
    levels = book.asks if side is Side.BUY else book.bids
    return levels[:SHOWN_LEVELS]


def held_quantity(levels: Levels) -> float:
    """All that `levels` hold, base."""
    return float(sum(max(0.0, float(held)) for _, held in levels))
