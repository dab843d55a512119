"""Statistics of prices and returns over finite windows."""

from math import sqrt

from trader.features.columns import Family
from trader.features.compiled import Record, kernel
from trader.features.windows import Series, mean, ratio, squares

COLUMNS = Family("statistics")
for _n in (20, 50):
    COLUMNS.model_input(
        f"zscore_{_n}", f"(close - mean) / sample standard deviation of close over {_n}; 0 if flat", _n, "z", -8, 8
    )
COLUMNS.model_input("skew_20", "bias-corrected skewness of 20 log returns; 0 if flat", 21, "moment", -4.5, 4.5)
COLUMNS.model_input("kurt_20", "bias-corrected excess kurtosis of 20 log returns; 0 if flat", 21, "moment", -4, 20)
for _n in (10, 30):
    COLUMNS.model_input(
        f"efficiency_{_n}",
        f"|close - close {_n} ago| / sum of |changes| over {_n}; 0 if flat",
        _n + 1,
        "share",
        0,
        1,
        "Kaufman, Trading Systems and Methods (1995)",
    )


@kernel
def write(history: Record, row: Record) -> None:
    """Write the family's columns for the newest candle."""
    row.zscore_20 = _zscore(history.close, history.end, 20)
    row.zscore_50 = _zscore(history.close, history.end, 50)
    row.skew_20, row.kurt_20 = _moments(history.log_return, history.end, 20)
    row.efficiency_10 = _efficiency(history.close, history.end, 10)
    row.efficiency_30 = _efficiency(history.close, history.end, 30)


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
def _efficiency(series: Series, end: int, length: int) -> float:
    walked = 0.0
    for i in range(end - length, end):
        walked += abs(series[i] - series[i - 1])
    return ratio(abs(series[end - 1] - series[end - 1 - length]), walked, 0.0)
