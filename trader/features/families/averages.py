"""Moving averages of the close, and where price stands against them."""

import numpy as np

from trader.features.columns import Family
from trader.features.compiled import Record, kernel
from trader.features.windows import mean, ratio, smooth

APPEL = "Appel, Technical Analysis: Power Tools (2005)"

COLUMNS = Family("momentum")
for _n in (5, 10, 20, 50, 100, 200):
    COLUMNS.published(f"sma_{_n}", f"mean of close over {_n} candles", _n, low=0)
for _n in (9, 12, 21, 26, 50, 200):
    COLUMNS.published(f"ema_{_n}", f"exponential mean of close, weight 2 / ({_n} + 1)", _n, low=0)
for _n in (5, 10, 20, 50, 100, 200):
    COLUMNS.model_input(f"sma_dist_{_n}", f"close / sma_{_n} - 1", _n, low=-1)
COLUMNS.model_input("ema_dist_21", "close / ema_21 - 1", 21, low=-1)
COLUMNS.model_input("ema_cross", "(ema_9 - ema_21) / atr_14; 0 if flat", 21, "ATRs")
COLUMNS.published(
    "ema_cross_age", "candles since ema_9 crossed ema_21, 0 at the close that crossed; from the start before one", 21,
    "candles", low=0,
)  # fmt: skip
COLUMNS.model_input(
    "ma_alignment", "sum over neighbours of sma 5, 10, 20, 50, 100, 200 of sign(shorter - longer)", 200, "count", -5, 5
)
COLUMNS.published("macd", "ema(12) - ema(26) of close", 26, source=APPEL)
COLUMNS.published("macd_signal", "ema(9) of macd", 34, source=APPEL)
COLUMNS.published("macd_hist", "macd - macd_signal", 34, source=APPEL)
COLUMNS.model_input("macd_atr", "macd / atr_14; 0 if flat", 26, "ATRs", source=APPEL)
COLUMNS.model_input("macd_hist_atr", "macd_hist / atr_14; 0 if flat", 34, "ATRs", source=APPEL)
COLUMNS.model_input(
    "trix_15",
    "100 * (e / previous e - 1), e = ema(15) of ema(15) of ema(15) of close",
    45,
    "percent",
    source="Hutson (1983)",
)

AVERAGES = np.dtype(
    [
        ("ema_9", np.float64),
        ("ema_12", np.float64),
        ("ema_21", np.float64),
        ("ema_26", np.float64),
        ("ema_50", np.float64),
        ("ema_200", np.float64),
        ("macd_signal", np.float64),
        ("cross_side", np.float64),  # of ema_9 from ema_21, where they were equal the one before
        ("cross_age", np.float64),
        ("once", np.float64),  # ema(15) of close, then of itself
        ("twice", np.float64),
        ("thrice", np.float64),
        ("previous_thrice", np.float64),
    ]
)


@kernel
def advance(state: Record, history: Record) -> None:
    """One candle further; `history` already holds it."""
    end = history.end
    close = history.close[end - 1]
    is_first = history.count == 1
    state.ema_9 = smooth(state.ema_9, close, 2.0 / 10.0, is_first)
    state.ema_12 = smooth(state.ema_12, close, 2.0 / 13.0, is_first)
    state.ema_26 = smooth(state.ema_26, close, 2.0 / 27.0, is_first)
    state.ema_50 = smooth(state.ema_50, close, 2.0 / 51.0, is_first)
    state.ema_200 = smooth(state.ema_200, close, 2.0 / 201.0, is_first)
    state.ema_21 = smooth(state.ema_21, close, 2.0 / 22.0, is_first)
    _note_cross(state)
    state.macd_signal = smooth(state.macd_signal, state.ema_12 - state.ema_26, 2.0 / 10.0, is_first)
    state.once = smooth(state.once, close, 2.0 / 16.0, is_first)
    state.twice = smooth(state.twice, state.once, 2.0 / 16.0, is_first)
    state.previous_thrice = state.thrice
    state.thrice = smooth(state.thrice, state.twice, 2.0 / 16.0, is_first)


@kernel
def _note_cross(state: Record) -> None:
    side = np.sign(state.ema_9 - state.ema_21)
    state.cross_age += 1.0
    if side != 0.0:
        if side == -state.cross_side:
            state.cross_age = 0.0
        state.cross_side = side


@kernel
def write(state: Record, history: Record, atr: float, row: Record) -> None:
    """Write the family's columns for the newest candle; `atr` = atr_14 in quote."""
    _write_simple(history, row)
    _write_exponential(state, history, atr, row)
    macd = state.ema_12 - state.ema_26
    row.macd = macd
    row.macd_signal = state.macd_signal
    row.macd_hist = macd - state.macd_signal
    row.macd_atr = ratio(macd, atr, 0.0)
    row.macd_hist_atr = ratio(macd - state.macd_signal, atr, 0.0)
    row.trix_15 = 100.0 * (state.thrice / state.previous_thrice - 1.0)


@kernel
def _write_simple(history: Record, row: Record) -> None:
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
    row.ma_alignment = (
        np.sign(row.sma_5 - row.sma_10)
        + np.sign(row.sma_10 - row.sma_20)
        + np.sign(row.sma_20 - row.sma_50)
        + np.sign(row.sma_50 - row.sma_100)
        + np.sign(row.sma_100 - row.sma_200)
    )


@kernel
def _write_exponential(state: Record, history: Record, atr: float, row: Record) -> None:
    end = history.end
    close = history.close[end - 1]
    row.ema_9 = state.ema_9
    row.ema_12 = state.ema_12
    row.ema_21 = state.ema_21
    row.ema_26 = state.ema_26
    row.ema_50 = state.ema_50
    row.ema_200 = state.ema_200
    row.ema_dist_21 = close / state.ema_21 - 1.0
    row.ema_cross_age = state.cross_age
    row.ema_cross = ratio(state.ema_9 - state.ema_21, atr, 0.0)
