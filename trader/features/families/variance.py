"""Estimators of the variance of returns, annualised for a market that never closes (365 days).

`vol_blend` is what stops are measured by. With n candles a period and a = 2 / (n + 1), the volatility of the period is

    sqrt(sum of (1 - a)^i r[i]^2 / sum of (1 - a)^i),  i = 0 for the newest candle .. BLEND_KEPT - 1

and the blend is DAY_SHARE of a day's plus the rest of a month's. A period longer than BLEND_KEPT candles is cut there,
so that the value is there from the warm-up on and does not depend on where a series began.
"""

from math import log, pi, sqrt

import numpy as np

from trader.domain.units import DAY_MS
from trader.features.columns import Family
from trader.features.compiled import Record, kernel
from trader.features.windows import SERIES, Series, deviation, mean, put, ratio, smooth, squares

ANNUAL = "annual fraction"

BLEND_KEPT = 2_000
"""Candles that `vol_blend` looks at: as many as the warm-up has."""
DAY_SHARE = 0.7
"""Of the day in the blend; the month has the rest."""
LEAST_SPAN = 20
"""Candles of a period at least: what a candle of 4h or a day leaves of a day says nothing."""

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
COLUMNS.published(
    "vol_blend",
    f"{DAY_SHARE} * day + {1 - DAY_SHARE:.1f} * month, each sqrt of the exponential mean of squared log returns with "
    f"the span of 1 or 30 days (at least {LEAST_SPAN} candles), cut at {BLEND_KEPT:,} candles, annualised",
    BLEND_KEPT,
    ANNUAL,
    0,
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
        ("day_keep", np.float64),  # 1 - a of a day; set by the driver, as is the month's
        ("month_keep", np.float64),
        ("day", np.float64),  # weighted sum of squared log returns
        ("month", np.float64),
        ("squared", np.float64, (BLEND_KEPT,)),  # a ring of what is in the sums
        ("parkinson", *SERIES),  # what each candle adds to an estimator
        ("garman_klass", *SERIES),
        ("rogers_satchell", *SERIES),
    ]
)


def keep_share(base_ms: int, days: int) -> float:
    """1 - a: what a squared return's weight keeps with each candle of `base_ms`, for a period of `days`."""
    return 1.0 - 2.0 / (max(LEAST_SPAN, days * DAY_MS // base_ms) + 1.0)


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
    _advance_blend(state, history.count, moved * moved)
    reach = log(high / low)
    body = log(close / open_)
    put(state.parkinson, end, reach * reach)
    put(state.garman_klass, end, max(0.0, 0.5 * reach * reach - (2.0 * log(2.0) - 1.0) * body * body))
    upper = log(high / close) * log(high / open_)
    put(state.rogers_satchell, end, upper + log(low / close) * log(low / open_))


@kernel
def _advance_blend(state: Record, count: int, squared: float) -> None:
    """Take in the newest squared return and let go of the one that is too old."""
    slot = (count - 1) % BLEND_KEPT
    gone = state.squared[slot]
    state.squared[slot] = squared
    state.day = max(0.0, state.day * state.day_keep + squared - gone * state.day_keep**BLEND_KEPT)
    state.month = max(0.0, state.month * state.month_keep + squared - gone * state.month_keep**BLEND_KEPT)


@kernel
def _mean_of(weighted: float, keep: float) -> float:
    """A sum of squares with weights keep^i over the sum of the weights."""
    return weighted * (1.0 - keep) / (1.0 - keep**BLEND_KEPT)


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
    day = sqrt(_mean_of(state.day, state.day_keep))
    month = sqrt(_mean_of(state.month, state.month_keep))
    row.vol_blend = annual * (DAY_SHARE * day + (1.0 - DAY_SHARE) * month)
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
