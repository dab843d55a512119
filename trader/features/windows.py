"""Sums over finite windows, computed anew from the window each time.

Running sums would be cheaper but remember the rounding of every candle they ever saw, so that a value would depend
on where the series started. A recomputed window depends on its own candles only, bit for bit. Spreads are taken
around the newest element, so that a flat window gives exactly zero, and scaling by a power of two changes no bit.

A window is `(series, end, length)`: the elements `series[end - length : end]`, oldest first.
"""

from math import sqrt

import numpy as np

from trader.features.compiled import kernel

LENGTH = 256
"""Candles every series remembers; the longest possible window."""

SERIES = (np.float64, (2 * LENGTH,))
"""A ring written twice, LENGTH apart, so that every window is one contiguous piece."""

Series = np.ndarray[tuple[int], np.dtype[np.float64]]


@kernel
def put(series: Series, end: int, value: float) -> None:
    """Append `value` to a ring whose window then ends at `end`."""
    series[end - 1] = value
    series[end - 1 - LENGTH] = value


@kernel
def ratio(numerator: float, denominator: float, otherwise: float) -> float:
    """numerator / denominator, or `otherwise` where the denominator is zero."""
    if denominator == 0.0:
        return otherwise
    return numerator / denominator


@kernel
def total(series: Series, end: int, length: int) -> float:
    result = 0.0
    for i in range(end - length, end):
        result += series[i]
    return result


@kernel
def mean(series: Series, end: int, length: int) -> float:
    """Mean around the newest element: exact for a flat window."""
    origin: float = series[end - 1]
    result = 0.0
    for i in range(end - length, end):
        result += series[i] - origin
    return origin + result / length


@kernel
def squares(series: Series, end: int, length: int) -> tuple[float, float]:
    """(mean, sum of squared deviations from it)."""
    center = mean(series, end, length)
    result = 0.0
    for i in range(end - length, end):
        deviation = series[i] - center
        result += deviation * deviation
    return center, result


@kernel
def deviation(series: Series, end: int, length: int) -> float:
    """Sample standard deviation (n - 1)."""
    return sqrt(squares(series, end, length)[1] / (length - 1))


@kernel
def highest(series: Series, end: int, length: int) -> float:
    result: float = series[end - length]
    for i in range(end - length + 1, end):
        result = max(result, series[i])
    return result


@kernel
def lowest(series: Series, end: int, length: int) -> float:
    result: float = series[end - length]
    for i in range(end - length + 1, end):
        result = min(result, series[i])
    return result


@kernel
def since_highest(series: Series, end: int, length: int) -> int:
    """Elements after the highest one; of equals the newest counts."""
    best = end - length
    for i in range(end - length + 1, end):
        if series[i] >= series[best]:
            best = i
    return end - 1 - best


@kernel
def since_lowest(series: Series, end: int, length: int) -> int:
    """Elements after the lowest one; of equals the newest counts."""
    best = end - length
    for i in range(end - length + 1, end):
        if series[i] <= series[best]:
            best = i
    return end - 1 - best


@kernel
def smooth(previous: float, value: float, weight: float, is_first: bool) -> float:
    """Exponential mean: previous + weight * (value - previous), starting at the first value."""
    if is_first:
        return value
    return previous + weight * (value - previous)


@kernel
def correlation(first: Series, second: Series, end: int, length: int) -> float:
    """Pearson's correlation, 0 where either is flat."""
    center_first = mean(first, end, length)
    center_second = mean(second, end, length)
    together = 0.0
    spread_first = 0.0
    spread_second = 0.0
    for i in range(end - length, end):
        x = first[i] - center_first
        y = second[i] - center_second
        together += x * y
        spread_first += x * x
        spread_second += y * y
    return max(-1.0, min(1.0, ratio(together, sqrt(spread_first) * sqrt(spread_second), 0.0)))
