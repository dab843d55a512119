"""Statistics: position and shape of the distribution of recent prices and returns."""

from math import log, sqrt

import numpy as np

from trader.features.columns import Family
from trader.features.compiled import Record, kernel
from trader.features.windows import Series, mean, ratio, squares

COLUMNS = Family("statistics")
COLUMNS.published(
    "zscore_20", "(close - mean) / sample standard deviation of close over 20; 0 if flat", 20, "z", -4.3, 4.3
)
COLUMNS.model_input(
    "zscore_50", "(close - mean) / sample standard deviation of close over 50; 0 if flat", 50, "z", -7, 7
)
for _n, _skew, _kurt in ((20, 4.5, 20), (60, 7.8, 60)):
    COLUMNS.model_input(
        f"skew_{_n}",
        f"bias-corrected skewness of {_n} log returns; 0 if flat",
        _n + 1,
        "moment",
        -_skew,
        _skew,
        "Fisher",
    )
    COLUMNS.model_input(
        f"kurt_{_n}",
        f"bias-corrected excess kurtosis of {_n} log returns; 0 if flat",
        _n + 1,
        "moment",
        -4,
        _kurt,
        "Fisher",
    )
COLUMNS.model_input("rank_60", "share of the 59 closes before that are below the close, ties half", 60, "share", 0, 1)
COLUMNS.model_input("up_share_20", "share of the last 20 candles that closed above the one before", 21, "share", 0, 1)
for _n in (10, 30, 120):
    COLUMNS.model_input(
        f"efficiency_{_n}",
        f"|close - close {_n} ago| / sum of |changes| over {_n}; 0 if flat",
        _n + 1,
        "share",
        0,
        1,
        "Kaufman, Trading Systems and Methods (1995)",
    )
COLUMNS.model_input(
    "pattern_entropy_60",
    "entropy of the 8 up-or-not patterns of 3 changes in a row, the last 60 of them, / its maximum ln 8",
    63,
    "share",
    0,
    1,
    "Shannon (1948)",
)

STATISTICS = np.dtype([("patterns", np.int64, (8,))])  # working space, means nothing between candles


@kernel
def write(state: Record, history: Record, row: Record) -> None:
    """Write the family's columns for the newest candle."""
    end = history.end
    row.zscore_20 = _zscore(history.close, end, 20)
    row.zscore_50 = _zscore(history.close, end, 50)
    row.skew_20, row.kurt_20 = _moments(history.log_return, end, 20)
    row.skew_60, row.kurt_60 = _moments(history.log_return, end, 60)
    row.rank_60 = _rank(history.close, end, 60)
    row.efficiency_10 = _efficiency(history.close, end, 10)
    row.efficiency_30 = _efficiency(history.close, end, 30)
    row.efficiency_120 = _efficiency(history.close, end, 120)
    rising = 0
    for i in range(end - 20, end):
        if history.close[i] > history.close[i - 1]:
            rising += 1
    row.up_share_20 = rising / 20.0
    row.pattern_entropy_60 = _pattern_entropy(state.patterns, history.close, end)


@kernel
def _zscore(series: Series, end: int, length: int) -> float:
    center, spread = squares(series, end, length)
    return ratio(series[end - 1] - center, sqrt(spread / (length - 1)), 0.0)


@kernel
def _moments(series: Series, end: int, length: int) -> tuple[float, float]:
    """(skewness, excess kurtosis), both corrected for bias."""
    center = mean(series, end, length)
    second = 0.0
    third = 0.0
    fourth = 0.0
    for i in range(end - length, end):
        x = series[i] - center
        second += x * x
        third += x * x * x
        fourth += x * x * x * x
    n = float(length)
    second /= n
    if second == 0.0:
        return 0.0, 0.0
    skew = third / n / (second * sqrt(second)) * sqrt(n * (n - 1.0)) / (n - 2.0)
    excess = fourth / n / (second * second) - 3.0
    return skew, (n - 1.0) / ((n - 2.0) * (n - 3.0)) * ((n + 1.0) * excess + 6.0)


@kernel
def _rank(series: Series, end: int, length: int) -> float:
    below = 0.0
    for i in range(end - length, end - 1):
        if series[i] < series[end - 1]:
            below += 1.0
        elif series[i] == series[end - 1]:
            below += 0.5
    return below / (length - 1)


@kernel
def _efficiency(series: Series, end: int, length: int) -> float:
    walked = 0.0
    for i in range(end - length, end):
        walked += abs(series[i] - series[i - 1])
    return min(1.0, ratio(abs(series[end - 1] - series[end - 1 - length]), walked, 0.0))


@kernel
def _pattern_entropy(patterns: np.ndarray, series: Series, end: int) -> float:
    for i in range(8):
        patterns[i] = 0
    pattern = 0
    for i in range(end - 62, end):
        pattern = (2 * pattern) % 8 + (1 if series[i] > series[i - 1] else 0)
        if i >= end - 60:  # from here on the pattern holds three changes
            patterns[pattern] += 1
    result = 0.0
    for i in range(8):
        if patterns[i] > 0:
            share = patterns[i] / 60.0
            result -= share * log(share)
    return max(0.0, result / log(8.0))
