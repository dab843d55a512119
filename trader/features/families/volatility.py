"""Volatility in price: true ranges and the bands made from them."""

from math import sqrt

import numpy as np

from trader.features.columns import Family
from trader.features.compiled import Record, kernel
from trader.features.families.momentum import WILDER
from trader.features.windows import SERIES, mean, put, ratio, smooth, squares

BOLLINGER = "Bollinger on Bollinger Bands (2001)"
CARTER = "Carter, Mastering the Trade (2005)"
KELTNER = "Keltner (1960), with an EMA and ATR as Raschke has it"

COLUMNS = Family("volatility")
for _n in (7, 14, 21):
    COLUMNS.published(f"atr_{_n}", f"Wilder mean of the true range over {_n} candles", _n + 1, low=0, source=WILDER)
for _n in (7, 14):
    COLUMNS.model_input(f"atr_frac_{_n}", f"atr_{_n} / close", _n + 1, low=0, source=WILDER)
COLUMNS.model_input("atr_ratio", "atr_14 / its mean over 50 candles; 1 if flat", 64, "ratio", 0, 50)
COLUMNS.model_input("range_atr", "(high - low) / atr_14; 0 if flat", 15, "ATRs", 0, 14)
COLUMNS.published("bb_ma", "mean of close over 20 candles", 20, low=0, source=BOLLINGER)
COLUMNS.published("bb_std", "population standard deviation of close over 20 candles", 20, low=0, source=BOLLINGER)
COLUMNS.published("bb_upper", "bb_ma + 2 * bb_std", 20, low=0, source=BOLLINGER)
COLUMNS.published("bb_lower", "bb_ma - 2 * bb_std", 20, source=BOLLINGER)
COLUMNS.model_input("bb_width", "(bb_upper - bb_lower) / bb_ma", 20, low=0, high=17.5, source=BOLLINGER)
COLUMNS.model_input(
    "bb_position", "(close - bb_lower) / (bb_upper - bb_lower); 0.5 if flat", 20, low=-0.6, high=1.6, source=BOLLINGER
)
COLUMNS.model_input("bb_width_ratio", "bb_width / its mean over 50 candles; 1 if flat", 69, "ratio", 0, 50)
COLUMNS.published("kc_middle", "ema(20) of close", 20, low=0, source=KELTNER)
COLUMNS.published("kc_upper", "kc_middle + 2 * atr_14", 20, low=0, source=KELTNER)
COLUMNS.published("kc_lower", "kc_middle - 2 * atr_14", 20, source=KELTNER)
COLUMNS.model_input("kc_position", "(close - kc_lower) / (kc_upper - kc_lower); 0.5 if flat", 20, source=KELTNER)
COLUMNS.model_input("squeeze", "(bb_upper - bb_lower) / (kc_upper - kc_lower); 1 if flat", 20, "ratio", 0)
COLUMNS.published(
    "squeeze_age",
    "candles since squeeze was below 0.75 (Bollinger's bands inside 1.5 ATRs of kc_middle); from the start before one",
    20,
    "candles",
    low=0,
    source=CARTER,
)

SQUEEZED = 0.75  # Carter's channel is 1.5 ATRs wide, ours 2
VOLATILITY = np.dtype(
    [
        ("atr_7", np.float64),
        ("atr_14", np.float64),
        ("atr_21", np.float64),
        ("ema_20", np.float64),
        ("squeeze_age", np.float64),
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
    state.squeeze_age = 0.0 if ratio(spread, state.atr_14, 1.0) < SQUEEZED else state.squeeze_age + 1.0


@kernel
def write(state: Record, history: Record, row: Record) -> None:
    """Write the family's columns for the newest candle."""
    _write_ranges(state, history, row)
    _write_bands(state, history, row)
    _write_channel(state, history, row)


@kernel
def _bands(history: Record, end: int) -> tuple[float, float]:
    """(mean, population standard deviation) of 20 closes."""
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
    row.bb_position = ratio(close - row.bb_lower, 4.0 * spread, 0.5)
    row.bb_width_ratio = ratio(state.width_series[end - 1], mean(state.width_series, end, 50), 1.0)


@kernel
def _write_channel(state: Record, history: Record, row: Record) -> None:
    reach = 2.0 * state.atr_14
    row.kc_middle = state.ema_20
    row.kc_upper = state.ema_20 + reach
    row.kc_lower = state.ema_20 - reach
    row.kc_position = ratio(history.close[history.end - 1] - row.kc_lower, 2.0 * reach, 0.5)
    row.squeeze_age = state.squeeze_age
    row.squeeze = ratio(2.0 * row.bb_std, reach, 1.0)
