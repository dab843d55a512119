"""Momentum: returns, oscillators, moving averages and how far price is from them."""

from math import sqrt

import numpy as np

from trader.features.columns import Family
from trader.features.compiled import Record, kernel
from trader.features.windows import (
    SERIES,
    deviation,
    highest,
    lowest,
    mean,
    put,
    ratio,
    smooth,
    total,
)

WILDER = "Wilder, New Concepts in Technical Trading Systems (1978)"
LANE = "Lane, Lane's stochastics (1984)"
APPEL = "Appel, Technical Analysis: Power Tools (2005)"
CHANDE = "Chande and Kroll, The New Technical Trader (1994)"

RETURN_HORIZONS = (1, 2, 3, 5, 10, 15, 30, 60, 120, 240)
SMA_LENGTHS = (5, 10, 20, 50, 100, 200)
EMA_LENGTHS = (9, 12, 21, 26, 50, 100, 200)
RSI_LENGTHS = (7, 14, 21)

COLUMNS = Family("momentum")
COLUMNS.published("close", "the candle's close", 1)
for _n in RETURN_HORIZONS:
    COLUMNS.model_input(f"return_{_n}", f"ln(close / close {_n} candles ago)", _n + 1, "log return")
for _n in (5, 10, 20):
    COLUMNS.model_input(f"roc_{_n}", f"100 * (close / close {_n} candles ago - 1)", _n + 1, "percent", -100.0)
for _n in (10, 20):
    COLUMNS.published(f"momentum_{_n}", f"close - close {_n} candles ago", _n + 1)
for _n in (10, 20):
    COLUMNS.model_input(f"momentum_{_n}_atr", f"momentum_{_n} / atr_14", _n + 1, "ATRs")
for _n in RSI_LENGTHS:
    COLUMNS.model_input(
        f"rsi_{_n}",
        f"100 * gains / (gains + losses), Wilder means over {_n} changes of close; 50 without any change",
        _n + 1,
        "0..100",
        0.0,
        100.0,
        WILDER,
    )
COLUMNS.model_input(
    "stochastic_k", "100 * (close - low_14) / (high_14 - low_14); 50 if flat", 14, "0..100", 0, 100, LANE
)
COLUMNS.model_input("stochastic_d", "mean of stochastic_k over 3 candles", 16, "0..100", 0, 100, LANE)
COLUMNS.model_input(
    "williams_r",
    "-100 * (high_14 - close) / (high_14 - low_14); -50 if flat",
    14,
    "-100..0",
    -100,
    0,
    "Williams (1973)",
)
COLUMNS.published("macd", "ema(12) - ema(26) of close", 26, source=APPEL)
COLUMNS.published("macd_signal", "ema(9) of macd", 34, source=APPEL)
COLUMNS.published("macd_hist", "macd - macd_signal", 34, source=APPEL)
COLUMNS.model_input("macd_atr", "macd / atr_14", 26, "ATRs", source=APPEL)
COLUMNS.model_input("macd_signal_atr", "macd_signal / atr_14", 34, "ATRs", source=APPEL)
COLUMNS.model_input("macd_hist_atr", "macd_hist / atr_14", 34, "ATRs", source=APPEL)
for _n in SMA_LENGTHS:
    COLUMNS.published(f"sma_{_n}", f"mean of close over {_n} candles", _n)
for _n in EMA_LENGTHS:
    COLUMNS.published(f"ema_{_n}", f"exponential mean of close, weight 2 / ({_n} + 1)", _n)
for _n in SMA_LENGTHS:
    COLUMNS.model_input(f"sma_dist_{_n}", f"close / sma_{_n} - 1", _n)
for _n in (9, 21, 50, 200):
    COLUMNS.model_input(f"ema_dist_{_n}", f"close / ema_{_n} - 1", _n)
COLUMNS.model_input("ema_cross", "(ema_9 - ema_21) / atr_14", 21, "ATRs")
COLUMNS.model_input(
    "cci_20",
    "(typical - mean of 20) / (0.015 * mean absolute deviation of 20); 0 if flat",
    20,
    "index",
    source="Lambert (1980)",
)
COLUMNS.model_input(
    "cmo_14", "100 * (gains - losses) / (gains + losses), Wilder means over 14", 15, "-100..100", -100, 100, CHANDE
)
COLUMNS.model_input(
    "trend_ratio_20", "mean / standard deviation of 20 log returns, * sqrt(20); 0 if flat", 21, "t value"
)

MOMENTUM = np.dtype(
    [
        ("gain", np.float64, (len(RSI_LENGTHS),)),  # Wilder mean of upward changes
        ("loss", np.float64, (len(RSI_LENGTHS),)),
        ("ema", np.float64, (len(EMA_LENGTHS),)),
        ("macd_signal", np.float64),
        ("stochastic", *SERIES),
    ]
)
_FAST, _SLOW = EMA_LENGTHS.index(12), EMA_LENGTHS.index(26)
_NINE, _TWENTY_ONE = EMA_LENGTHS.index(9), EMA_LENGTHS.index(21)
_FOURTEEN = RSI_LENGTHS.index(14)
_EMA_50, _EMA_100, _EMA_200 = EMA_LENGTHS.index(50), EMA_LENGTHS.index(100), EMA_LENGTHS.index(200)


@kernel
def advance(state: Record, history: Record) -> None:
    """One candle further; `history` already holds it."""
    end = history.end
    close = history.close[end - 1]
    is_first = history.count == 1
    change = 0.0 if is_first else close - history.close[end - 2]
    for i in range(len(RSI_LENGTHS)):
        weight = 1.0 / RSI_LENGTHS[i]
        state.gain[i] = smooth(state.gain[i], max(change, 0.0), weight, is_first)
        state.loss[i] = smooth(state.loss[i], max(-change, 0.0), weight, is_first)
    for i in range(len(EMA_LENGTHS)):
        state.ema[i] = smooth(state.ema[i], close, 2.0 / (EMA_LENGTHS[i] + 1.0), is_first)
    macd = state.ema[_FAST] - state.ema[_SLOW]
    state.macd_signal = smooth(state.macd_signal, macd, 0.2, is_first)
    put(state.stochastic, end, _stochastic(history, end))


@kernel
def write(state: Record, history: Record, atr: float, row: Record) -> None:
    """Write the family's columns for the newest candle; `atr` = atr_14 in quote."""
    _write_returns(history, atr, row)
    _write_oscillators(state, history, row)
    _write_macd(state, atr, row)
    _write_averages(state, history, atr, row)


@kernel
def _stochastic(history: Record, end: int) -> float:
    top = highest(history.high, end, 14)
    bottom = lowest(history.low, end, 14)
    return 100.0 * ratio(history.close[end - 1] - bottom, top - bottom, 0.5)


@kernel
def _log_return(history: Record, candles: int) -> float:
    return total(history.log_return, history.end, candles)


@kernel
def _write_returns(history: Record, atr: float, row: Record) -> None:
    end = history.end
    series = history.close
    close = series[end - 1]
    row.close = close
    row.return_1 = _log_return(history, 1)
    row.return_2 = _log_return(history, 2)
    row.return_3 = _log_return(history, 3)
    row.return_5 = _log_return(history, 5)
    row.return_10 = _log_return(history, 10)
    row.return_15 = _log_return(history, 15)
    row.return_30 = _log_return(history, 30)
    row.return_60 = _log_return(history, 60)
    row.return_120 = _log_return(history, 120)
    row.return_240 = _log_return(history, 240)
    row.roc_5 = 100.0 * (close / series[end - 6] - 1.0)
    row.roc_10 = 100.0 * (close / series[end - 11] - 1.0)
    row.roc_20 = 100.0 * (close / series[end - 21] - 1.0)
    row.momentum_10 = close - series[end - 11]
    row.momentum_20 = close - series[end - 21]
    row.momentum_10_atr = ratio(close - series[end - 11], atr, 0.0)
    row.momentum_20_atr = ratio(close - series[end - 21], atr, 0.0)
    row.trend_ratio_20 = ratio(
        sqrt(20.0) * mean(history.log_return, end, 20), deviation(history.log_return, end, 20), 0.0
    )


@kernel
def _rsi(state: Record, i: int) -> float:
    return 100.0 * ratio(state.gain[i], state.gain[i] + state.loss[i], 0.5)


@kernel
def _write_oscillators(state: Record, history: Record, row: Record) -> None:
    end = history.end
    row.rsi_7 = _rsi(state, 0)
    row.rsi_14 = _rsi(state, 1)
    row.rsi_21 = _rsi(state, 2)
    gain = state.gain[_FOURTEEN]
    loss = state.loss[_FOURTEEN]
    row.cmo_14 = 100.0 * ratio(gain - loss, gain + loss, 0.0)
    row.stochastic_k = state.stochastic[end - 1]
    row.stochastic_d = mean(state.stochastic, end, 3)
    top = highest(history.high, end, 14)
    row.williams_r = -100.0 * ratio(top - history.close[end - 1], top - lowest(history.low, end, 14), 0.5)
    row.cci_20 = _commodity_channel(history, end)


@kernel
def _commodity_channel(history: Record, end: int) -> float:
    center = mean(history.typical, end, 20)
    spread = 0.0
    for i in range(end - 20, end):
        spread += abs(history.typical[i] - center)
    return ratio(history.typical[end - 1] - center, 0.015 * spread / 20.0, 0.0)


@kernel
def _write_macd(state: Record, atr: float, row: Record) -> None:
    macd = state.ema[_FAST] - state.ema[_SLOW]
    row.macd = macd
    row.macd_signal = state.macd_signal
    row.macd_hist = macd - state.macd_signal
    row.macd_atr = ratio(macd, atr, 0.0)
    row.macd_signal_atr = ratio(state.macd_signal, atr, 0.0)
    row.macd_hist_atr = ratio(macd - state.macd_signal, atr, 0.0)


@kernel
def _write_averages(state: Record, history: Record, atr: float, row: Record) -> None:
    end = history.end
    close = history.close[end - 1]
    row.sma_5 = mean(history.close, end, 5)
    row.sma_10 = mean(history.close, end, 10)
    row.sma_20 = mean(history.close, end, 20)
    row.sma_50 = mean(history.close, end, 50)
    row.sma_100 = mean(history.close, end, 100)
    row.sma_200 = mean(history.close, end, 200)
    row.sma_dist_5 = close / row.sma_5 - 1.0
    row.sma_dist_10 = close / row.sma_10 - 1.0
    row.sma_dist_20 = close / row.sma_20 - 1.0
    row.sma_dist_50 = close / row.sma_50 - 1.0
    row.sma_dist_100 = close / row.sma_100 - 1.0
    row.sma_dist_200 = close / row.sma_200 - 1.0
    row.ema_9 = state.ema[_NINE]
    row.ema_12 = state.ema[_FAST]
    row.ema_21 = state.ema[_TWENTY_ONE]
    row.ema_26 = state.ema[_SLOW]
    row.ema_50 = state.ema[_EMA_50]
    row.ema_100 = state.ema[_EMA_100]
    row.ema_200 = state.ema[_EMA_200]
    row.ema_dist_9 = close / row.ema_9 - 1.0
    row.ema_dist_21 = close / row.ema_21 - 1.0
    row.ema_dist_50 = close / row.ema_50 - 1.0
    row.ema_dist_200 = close / row.ema_200 - 1.0
    row.ema_cross = ratio(row.ema_9 - row.ema_21, atr, 0.0)
