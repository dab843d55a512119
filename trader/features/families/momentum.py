"""Momentum: returns over several horizons and oscillators."""

from math import sqrt

import numpy as np

from trader.features.columns import Family
from trader.features.compiled import Record, kernel
from trader.features.windows import SERIES, deviation, highest, lowest, mean, put, ratio, smooth, total

WILDER = "Wilder, New Concepts in Technical Trading Systems (1978)"
LANE = "Lane, Lane's stochastics (1984)"
CHANDE = "Chande and Kroll, The New Technical Trader (1994)"

COLUMNS = Family("momentum")
COLUMNS.published("close", "the candle's close", 1, low=0)
for _n in (1, 3, 5, 10, 15, 30, 60, 120, 240):
    COLUMNS.model_input(f"return_{_n}", f"ln(close / close {_n} candles ago)", _n + 1, "log return")
for _n in (5, 10):
    COLUMNS.published(f"roc_{_n}", f"100 * (close / close {_n} candles ago - 1)", _n + 1, "percent", -100)
COLUMNS.model_input("roc_20", "100 * (close / close 20 candles ago - 1)", 21, "percent", -100)
for _n in (10, 20):
    COLUMNS.published(f"momentum_{_n}", f"close - close {_n} candles ago", _n + 1)
COLUMNS.model_input("momentum_10_atr", "momentum_10 / atr_14; 0 if flat", 11, "ATRs")
for _n in (20, 60):
    COLUMNS.model_input(
        f"trend_ratio_{_n}",
        f"mean / standard deviation of {_n} log returns * sqrt({_n}); 0 if flat",
        _n + 1,
        "t value",
        source="Sharpe (1966)",
    )
_RSI = "100 * gains / (gains + losses), Wilder means over {} changes of close; 50 without any change"
COLUMNS.model_input("rsi_7", _RSI.format(7), 8, "0..100", 0, 100, WILDER)
COLUMNS.model_input("rsi_14", _RSI.format(14), 15, "0..100", 0, 100, WILDER)
COLUMNS.published("rsi_21", _RSI.format(21), 22, "0..100", 0, 100, WILDER)
COLUMNS.model_input("rsi_change_5", "rsi_14 - rsi_14 of 5 candles ago", 20, "points", -100, 100, WILDER)
COLUMNS.published(
    "cmo_14", "100 * (gains - losses) / (gains + losses), Wilder means over 14", 15, "-100..100", -100, 100, CHANDE
)
COLUMNS.model_input(
    "stochastic_k", "100 * (close - low_14) / (high_14 - low_14); 50 if flat", 14, "0..100", 0, 100, LANE
)
COLUMNS.model_input("stochastic_d", "mean of stochastic_k over 3 candles", 16, "0..100", 0, 100, LANE)
COLUMNS.published(
    "williams_r",
    "-100 * (high_14 - close) / (high_14 - low_14); -50 if flat",
    14,
    "-100..0",
    -100,
    0,
    "Williams (1973)",
)
COLUMNS.model_input(
    "cci_20",
    "(typical - mean of 20) / (0.015 * mean absolute deviation of 20); 0 if flat",
    20,
    "index",
    -667,
    667,
    "Lambert (1980)",
)
COLUMNS.model_input(
    "ultimate_oscillator",
    "100 * (4 * b7 + 2 * b14 + b28) / 7, b = sum of (close - min(low, previous close)) / sum of true range; 50 if flat",
    29,
    "0..100",
    0,
    100,
    "Williams (1985)",
)

MOMENTUM = np.dtype(
    [
        ("gain_7", np.float64),  # Wilder mean of upward changes
        ("gain_14", np.float64),
        ("gain_21", np.float64),
        ("loss_7", np.float64),
        ("loss_14", np.float64),
        ("loss_21", np.float64),
        ("rsi", *SERIES),  # rsi_14
        ("stochastic", *SERIES),
    ]
)


@kernel
def advance(state: Record, history: Record) -> None:
    """One candle further; `history` already holds it."""
    end = history.end
    is_first = history.count == 1
    change = 0.0 if is_first else history.close[end - 1] - history.close[end - 2]
    gain = max(change, 0.0)
    loss = max(-change, 0.0)
    state.gain_7 = smooth(state.gain_7, gain, 1.0 / 7.0, is_first)
    state.loss_7 = smooth(state.loss_7, loss, 1.0 / 7.0, is_first)
    state.gain_14 = smooth(state.gain_14, gain, 1.0 / 14.0, is_first)
    state.loss_14 = smooth(state.loss_14, loss, 1.0 / 14.0, is_first)
    state.gain_21 = smooth(state.gain_21, gain, 1.0 / 21.0, is_first)
    state.loss_21 = smooth(state.loss_21, loss, 1.0 / 21.0, is_first)
    put(state.rsi, end, strength(state.gain_14, state.loss_14))
    put(state.stochastic, end, _stochastic(history, end))


@kernel
def write(state: Record, history: Record, atr: float, row: Record) -> None:
    """Write the family's columns for the newest candle; `atr` = atr_14 in quote."""
    _write_returns(history, row)
    _write_changes(history, atr, row)
    _write_oscillators(state, history, row)


@kernel
def strength(gain: float, loss: float) -> float:
    """Relative strength index of mean gain and mean loss."""
    return 100.0 * ratio(gain, gain + loss, 0.5)


@kernel
def _stochastic(history: Record, end: int) -> float:
    top = highest(history.high, end, 14)
    bottom = lowest(history.low, end, 14)
    return 100.0 * ratio(history.close[end - 1] - bottom, top - bottom, 0.5)


@kernel
def _write_returns(history: Record, row: Record) -> None:
    end = history.end
    series = history.log_return
    row.return_1 = series[end - 1]
    row.return_3 = total(series, end, 3)
    row.return_5 = total(series, end, 5)
    row.return_10 = total(series, end, 10)
    row.return_15 = total(series, end, 15)
    row.return_30 = total(series, end, 30)
    row.return_60 = total(series, end, 60)
    row.return_120 = total(series, end, 120)
    row.return_240 = total(series, end, 240)
    row.trend_ratio_20 = ratio(sqrt(20.0) * mean(series, end, 20), deviation(series, end, 20), 0.0)
    row.trend_ratio_60 = ratio(sqrt(60.0) * mean(series, end, 60), deviation(series, end, 60), 0.0)


@kernel
def _write_changes(history: Record, atr: float, row: Record) -> None:
    end = history.end
    series = history.close
    close = series[end - 1]
    row.close = close
    row.roc_5 = 100.0 * (close / series[end - 6] - 1.0)
    row.roc_10 = 100.0 * (close / series[end - 11] - 1.0)
    row.roc_20 = 100.0 * (close / series[end - 21] - 1.0)
    row.momentum_10 = close - series[end - 11]
    row.momentum_20 = close - series[end - 21]
    row.momentum_10_atr = ratio(row.momentum_10, atr, 0.0)


@kernel
def _write_oscillators(state: Record, history: Record, row: Record) -> None:
    end = history.end
    row.rsi_7 = strength(state.gain_7, state.loss_7)
    row.rsi_14 = state.rsi[end - 1]
    row.rsi_21 = strength(state.gain_21, state.loss_21)
    row.rsi_change_5 = state.rsi[end - 1] - state.rsi[end - 6]
    row.cmo_14 = 100.0 * ratio(state.gain_14 - state.loss_14, state.gain_14 + state.loss_14, 0.0)
    row.stochastic_k = state.stochastic[end - 1]
    row.stochastic_d = mean(state.stochastic, end, 3)
    top = highest(history.high, end, 14)
    row.williams_r = -100.0 * ratio(top - history.close[end - 1], top - lowest(history.low, end, 14), 0.5)
    row.cci_20 = _commodity_channel(history, end)
    pressure = 4.0 * _buying_pressure(history, 7) + 2.0 * _buying_pressure(history, 14) + _buying_pressure(history, 28)
    row.ultimate_oscillator = 100.0 * pressure / 7.0


@kernel
def _commodity_channel(history: Record, end: int) -> float:
    center = mean(history.typical, end, 20)
    spread = 0.0
    for i in range(end - 20, end):
        spread += abs(history.typical[i] - center)
    return ratio(history.typical[end - 1] - center, 0.015 * spread / 20.0, 0.0)


@kernel
def _buying_pressure(history: Record, length: int) -> float:
    end = history.end
    pressure = 0.0
    for i in range(end - length, end):
        pressure += history.close[i] - min(history.low[i], history.close[i - 1])
    return ratio(pressure, total(history.true_range, end, length), 0.5)
