"""Estimators of the variance of returns, annualised for a market that never closes (365 days)."""

from math import log, pi, sqrt

import numpy as np

from trader.features.columns import Family
from trader.features.compiled import Record, kernel
from trader.features.windows import SERIES, Series, deviation, mean, put, ratio, smooth, squares

ANNUAL = "annual fraction"

COLUMNS = Family("volatility")
for _n in (10, 20, 60, 240):
    COLUMNS.model_input(
        f"hist_vol_{_n}",
        f"sample standard deviation of {_n} log returns * sqrt(candles per 365 days)",
        _n + 1,
        ANNUAL,
        0,
    )
COLUMNS.model_input("vol_ratio_10_60", "hist_vol_10 / hist_vol_60; 1 if flat", 61, "ratio", 0, 2.6)
COLUMNS.model_input("vol_ratio_60_240", "hist_vol_60 / hist_vol_240; 1 if flat", 241, "ratio", 0, 2.1)
COLUMNS.model_input(
    "ewma_vol",
    "sqrt of the mean of squared log returns, decay 0.94, annualised",
    2,
    ANNUAL,
    0,
    source="RiskMetrics (1996)",
)
COLUMNS.model_input(
    "parkinson_20",
    "sqrt(mean of ln(high / low)^2 over 20 / (4 ln 2)), annualised",
    20,
    ANNUAL,
    0,
    source="Parkinson, Journal of Business 53 (1980)",
)
COLUMNS.model_input(
    "garman_klass_20",
    "sqrt(mean over 20 of ln(high / low)^2 / 2 - (2 ln 2 - 1) ln(close / open)^2), annualised",
    20,
    ANNUAL,
    0,
    source="Garman and Klass, Journal of Business 53 (1980)",
)
COLUMNS.model_input(
    "rogers_satchell_20",
    "sqrt(mean over 20 of ln(high / close) ln(high / open) + ln(low / close) ln(low / open)), annualised",
    20,
    ANNUAL,
    0,
    source="Rogers and Satchell, Annals of Applied Probability 1 (1991)",
)
COLUMNS.model_input(
    "vol_of_vol_50", "sample standard deviation / mean of the true range over 50; 0 if flat", 51, "ratio", 0, 7.1
)
COLUMNS.model_input(
    "downside_share_50",
    "sum of squared falling / sum of all squared log returns over 50; 0.5 if flat",
    51,
    "share",
    0,
    1,
)
COLUMNS.model_input(
    "jump_share_50",
    "max(0, 1 - bipower / realised variance) of 50 log returns; 0 if flat",
    52,
    "share",
    0,
    1,
    "Barndorff-Nielsen and Shephard (2004)",
)
COLUMNS.model_input("largest_move_50", "max |log return| / sqrt(sum of squares) of 50; 0 if flat", 51, "share", 0, 1)

VARIANCE = np.dtype(
    [
        ("candles_per_year", np.float64),  # set by the driver
        ("ewma", np.float64),  # mean squared log return
        ("parkinson", *SERIES),  # what each candle adds to an estimator
        ("garman_klass", *SERIES),
        ("rogers_satchell", *SERIES),
    ]
)


@kernel
def advance(state: Record, history: Record) -> None:
    """One candle further; `history` already holds it."""
    end = history.end
    open_ = history.open[end - 1]
    high = history.high[end - 1]
    low = history.low[end - 1]
    close = history.close[end - 1]
    moved = history.log_return[end - 1]
    state.ewma = smooth(state.ewma, moved * moved, 0.06, history.count == 1)
    reach = log(high / low)
    body = log(close / open_)
    put(state.parkinson, end, reach * reach)
    put(state.garman_klass, end, max(0.0, 0.5 * reach * reach - (2.0 * log(2.0) - 1.0) * body * body))
    upper = log(high / close) * log(high / open_)
    put(state.rogers_satchell, end, upper + log(low / close) * log(low / open_))


@kernel
def write(state: Record, history: Record, row: Record) -> None:
    """Write the family's columns for the newest candle."""
    end = history.end
    annual = sqrt(state.candles_per_year)
    row.hist_vol_10 = annual * deviation(history.log_return, end, 10)
    row.hist_vol_20 = annual * deviation(history.log_return, end, 20)
    row.hist_vol_60 = annual * deviation(history.log_return, end, 60)
    row.hist_vol_240 = annual * deviation(history.log_return, end, 240)
    row.vol_ratio_10_60 = ratio(row.hist_vol_10, row.hist_vol_60, 1.0)
    row.vol_ratio_60_240 = ratio(row.hist_vol_60, row.hist_vol_240, 1.0)
    row.ewma_vol = annual * sqrt(state.ewma)
    row.parkinson_20 = annual * sqrt(mean(state.parkinson, end, 20) / (4.0 * log(2.0)))
    row.garman_klass_20 = annual * sqrt(max(0.0, mean(state.garman_klass, end, 20)))
    row.rogers_satchell_20 = annual * sqrt(max(0.0, mean(state.rogers_satchell, end, 20)))
    center, spread = squares(history.true_range, end, 50)
    row.vol_of_vol_50 = ratio(sqrt(spread / 49.0), center, 0.0)
    _write_parts(history.log_return, end, row)


@kernel
def _write_parts(series: Series, end: int, row: Record) -> None:
    """How the realised variance of 50 returns is made up."""
    realised = 0.0
    falling = 0.0
    bipower = 0.0
    largest = 0.0
    for i in range(end - 50, end):
        moved = series[i]
        realised += moved * moved
        if moved < 0.0:
            falling += moved * moved
        bipower += abs(moved) * abs(series[i - 1])
        largest = max(largest, abs(moved))
    row.downside_share_50 = ratio(falling, realised, 0.5)
    row.jump_share_50 = max(0.0, 1.0 - ratio(0.5 * pi * bipower, realised, 1.0))
    row.largest_move_50 = ratio(largest, sqrt(realised), 0.0)
