"""Volatility: true ranges, bands, and estimators of the variance of returns."""

from math import log, sqrt

import numpy as np

from trader.features.columns import Family
from trader.features.compiled import Record, kernel
from trader.features.momentum import WILDER
from trader.features.windows import SERIES, deviation, mean, put, ratio, smooth, squares

BOLLINGER = "Bollinger on Bollinger Bands (2001)"
KELTNER = "Keltner (1960), Raschke's form with EMA and ATR"

COLUMNS = Family("volatility")
for _n in (7, 14, 21):
    COLUMNS.published(f"atr_{_n}", f"Wilder mean of the true range over {_n} candles", _n + 1, low=0, source=WILDER)
for _n in (7, 14, 21):
    COLUMNS.model_input(f"atr_frac_{_n}", f"atr_{_n} / close", _n + 1, low=0, source=WILDER)
COLUMNS.model_input("atr_ratio", "atr_14 / its mean over 50 candles; 1 if flat", 64, "ratio", 0, 50)
COLUMNS.published("bb_ma", "mean of close over 20 candles", 20, source=BOLLINGER)
COLUMNS.published("bb_std", "population standard deviation of close over 20 candles", 20, low=0, source=BOLLINGER)
COLUMNS.published("bb_upper", "bb_ma + 2 * bb_std", 20, source=BOLLINGER)
COLUMNS.published("bb_lower", "bb_ma - 2 * bb_std", 20, source=BOLLINGER)
COLUMNS.model_input("bb_width", "(bb_upper - bb_lower) / bb_ma", 20, low=0, source=BOLLINGER)
COLUMNS.model_input(
    "bb_position", "(close - bb_lower) / (bb_upper - bb_lower); 0.5 if flat", 20, low=-0.6, high=1.6, source=BOLLINGER
)
COLUMNS.model_input("bb_width_ratio", "bb_width / its mean over 50 candles; 1 if flat", 69, "ratio", 0, 50)
COLUMNS.published("kc_middle", "ema(20) of close", 20, source=KELTNER)
COLUMNS.published("kc_upper", "kc_middle + 2 * atr_14", 20, source=KELTNER)
COLUMNS.published("kc_lower", "kc_middle - 2 * atr_14", 20, source=KELTNER)
COLUMNS.model_input("kc_position", "(close - kc_lower) / (kc_upper - kc_lower); 0.5 if flat", 20, source=KELTNER)
COLUMNS.model_input("squeeze", "(bb_upper - bb_lower) / (kc_upper - kc_lower); 1 if flat", 20, "ratio", 0)
for _n in (10, 20, 60):
    COLUMNS.model_input(
        f"hist_vol_{_n}",
        f"sample standard deviation of {_n} log returns * sqrt(candles per 365 days)",
        _n + 1,
        "annual fraction",
        0,
    )
COLUMNS.model_input("vol_ratio_10_60", "hist_vol_10 / hist_vol_60; 1 if flat", 61, "ratio", 0, 8)
COLUMNS.model_input(
    "parkinson_20",
    "sqrt(mean of ln(high / low)^2 over 20 / (4 ln 2) * candles per 365 days)",
    20,
    "annual fraction",
    0,
    source="Parkinson, Journal of Business 53 (1980)",
)
COLUMNS.model_input("range_atr", "(high - low) / atr_14; 0 if flat", 15, "ATRs", 0, 14)

VOLATILITY = np.dtype(
    [
        ("candles_per_year", np.float64),  # set by the driver
        ("atr_7", np.float64),
        ("atr_14", np.float64),
        ("atr_21", np.float64),
        ("ema_20", np.float64),
        ("atr_series", *SERIES),
        ("width_series", *SERIES),
    ]
)


@kernel
def advance(state: Record, history: Record) -> None:
    """One candle further; `history` already holds it."""
    end = history.end
    is_first = history.count == 1
    true_range = history.true_range[end - 1]
    state.atr_7 = smooth(state.atr_7, true_range, 1.0 / 7.0, is_first)
    state.atr_14 = smooth(state.atr_14, true_range, 1.0 / 14.0, is_first)
    state.atr_21 = smooth(state.atr_21, true_range, 1.0 / 21.0, is_first)
    state.ema_20 = smooth(state.ema_20, history.close[end - 1], 2.0 / 21.0, is_first)
    put(state.atr_series, end, state.atr_14)
    center, spread = _bands(history, end)
    put(state.width_series, end, ratio(4.0 * spread, center, 0.0))


@kernel
def write(state: Record, history: Record, row: Record) -> None:
    """Write the family's columns for the newest candle."""
    _write_ranges(state, history, row)
    _write_bands(state, history, row)
    _write_estimators(state, history, row)


@kernel
def _bands(history: Record, end: int) -> tuple[float, float]:
    center, spread = squares(history.close, end, 20)
    return center, sqrt(spread / 20.0)


@kernel
def _write_ranges(state: Record, history: Record, row: Record) -> None:
    end = history.end
    close = history.close[end - 1]
    row.atr_7 = state.atr_7
    row.atr_14 = state.atr_14
    row.atr_21 = state.atr_21
    row.atr_frac_7 = state.atr_7 / close
    row.atr_frac_14 = state.atr_14 / close
    row.atr_frac_21 = state.atr_21 / close
    row.atr_ratio = ratio(state.atr_14, mean(state.atr_series, end, 50), 1.0)
    row.range_atr = ratio(history.high[end - 1] - history.low[end - 1], state.atr_14, 0.0)


@kernel
def _write_bands(state: Record, history: Record, row: Record) -> None:
    end = history.end
    close = history.close[end - 1]
    center, spread = _bands(history, end)
    row.bb_ma = center
    row.bb_std = spread
    row.bb_upper = center + 2.0 * spread
    row.bb_lower = center - 2.0 * spread
    row.bb_width = state.width_series[end - 1]
    row.bb_position = ratio(close - (center - 2.0 * spread), 4.0 * spread, 0.5)
    row.bb_width_ratio = ratio(state.width_series[end - 1], mean(state.width_series, end, 50), 1.0)
    reach = 2.0 * state.atr_14
    row.kc_middle = state.ema_20
    row.kc_upper = state.ema_20 + reach
    row.kc_lower = state.ema_20 - reach
    row.kc_position = ratio(close - (state.ema_20 - reach), 2.0 * reach, 0.5)
    row.squeeze = ratio(2.0 * spread, reach, 1.0)


@kernel
def _write_estimators(state: Record, history: Record, row: Record) -> None:
    end = history.end
    annual = sqrt(state.candles_per_year)
    row.hist_vol_10 = annual * deviation(history.log_return, end, 10)
    row.hist_vol_20 = annual * deviation(history.log_return, end, 20)
    row.hist_vol_60 = annual * deviation(history.log_return, end, 60)
    row.vol_ratio_10_60 = ratio(row.hist_vol_10, row.hist_vol_60, 1.0)
    squared = 0.0
    for i in range(end - 20, end):
        reach = log(history.high[i] / history.low[i])
        squared += reach * reach
    row.parkinson_20 = annual * sqrt(squared / 20.0 / (4.0 * log(2.0)))
