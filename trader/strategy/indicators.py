"""Indicators over the window of a view, for strategies that need them at other lengths than `trader features` has.

Each is a function of the values given, so its start counts: a window of ten lengths leaves less than 1e-4 of it.
"""

from collections.abc import Sequence
from itertools import pairwise


def sma(values: Sequence[float], length: int) -> float:
    """Mean of the newest `length` values; of all of them while there are fewer."""
    newest = values[-length:]
    return sum(newest) / len(newest)


def ema(values: Sequence[float], length: int) -> tuple[float, ...]:
    """Exponential mean at every value, weight 2 / (length + 1), begun with the first value."""
    weight, means = 2 / (length + 1), [values[0]]
    for value in values[1:]:
        means.append(means[-1] + weight * (value - means[-1]))
    return tuple(means)


def rsi(closes: Sequence[float], length: int = 14) -> float:
    """Relative strength index at the newest close, 0..100, Wilder's smoothing begun with the mean of the first
    `length` changes; 50 for a flat market. Needs more than `length` closes.
    """
    changes = [after - before for before, after in pairwise(closes)]
    up = sum(max(0.0, change) for change in changes[:length]) / length
    down = sum(max(0.0, -change) for change in changes[:length]) / length
    for change in changes[length:]:
        up += (max(0.0, change) - up) / length
        down += (max(0.0, -change) - down) / length
    return 100 * up / (up + down) if up + down > 0 else 50.0


def crossed_above(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether `one` came from at or below `other` to above it with the newest value."""
    return one[-2] <= other[-2] and one[-1] > other[-1]
