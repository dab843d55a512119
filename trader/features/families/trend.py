"""Trend: directional movement, aroon, the parabolic stop, vortex, regression lines, position in the recent range."""

from math import log

import numpy as np

from trader.features.columns import Family
from trader.features.compiled import Record, kernel
from trader.features.families.momentum import WILDER
from trader.features.windows import Series, highest, lowest, mean, ratio, since_highest, since_lowest, smooth, total

AROON = "Chande (1995)"

COLUMNS = Family("trend")
COLUMNS.model_input("adx", "Wilder mean over 14 of 100 * |+DI - -DI| / (+DI + -DI)", 28, "0..100", 0, 100, WILDER)
COLUMNS.model_input("plus_di", "100 * Wilder mean of +DM / Wilder mean of true range, 14", 15, "0..100", 0, 100, WILDER)
COLUMNS.model_input(
    "minus_di", "100 * Wilder mean of -DM / Wilder mean of true range, 14", 15, "0..100", 0, 100, WILDER
)
COLUMNS.model_input("aroon_up", "100 * (25 - candles since the highest high of 26) / 25", 26, "0..100", 0, 100, AROON)
COLUMNS.model_input("aroon_down", "100 * (25 - candles since the lowest low of 26) / 25", 26, "0..100", 0, 100, AROON)
COLUMNS.published("aroon_oscillator", "aroon_up - aroon_down", 26, "-100..100", -100, 100, AROON)
COLUMNS.published("sar", "parabolic stop and reverse, step 0.02, at most 0.2", 2, low=0, source=WILDER)
COLUMNS.model_input("sar_dist", "close / sar - 1", 2, low=-1, source=WILDER)
COLUMNS.model_input(
    "vortex_14",
    "(up - down) / (up + down), sums over 14 of |high - previous low| and |low - previous high|; 0 if flat",
    15,
    "ratio",
    -1,
    1,
    "Botes and Siepman (2010)",
)
COLUMNS.model_input(
    "choppiness_14",
    "100 * ln(sum of true range / range of the whole stretch) / ln(14), over 14; 100 if flat",
    15,
    "0..100",
    0,
    100,
    "Dreiss",
)
for _n in (20, 60):
    COLUMNS.model_input(f"slope_{_n}", f"rise of the least-squares line through {_n} closes / close", _n)
    COLUMNS.model_input(
        f"line_fit_{_n}", f"R2 of the least-squares line through {_n} closes; 0 if flat", _n, "share", 0, 1
    )
COLUMNS.model_input(
    "midpoint_cross", "((high_9 + low_9) - (high_26 + low_26)) / 2 / close", 26, source="Hosoda, Ichimoku (1968)"
)
for _n in (20, 60, 240):
    COLUMNS.model_input(
        f"range_position_{_n}", f"(close - low_{_n}) / (high_{_n} - low_{_n}); 0.5 if flat", _n, "share", 0, 1
    )

TREND = np.dtype(
    [
        ("range", np.float64),  # Wilder mean of the true range
        ("plus", np.float64),  # Wilder mean of upward directional movement
        ("minus", np.float64),
        ("adx", np.float64),
        ("is_long", np.bool_),  # the parabolic stop is below price
        ("sar", np.float64),  # that held for the newest candle
        ("next_sar", np.float64),
        ("extreme", np.float64),  # best price of the present direction
        ("step", np.float64),  # acceleration
    ]
)
SAR_STEP = 0.02
SAR_MOST = 0.2


@kernel
def advance(state: Record, history: Record) -> None:
    """One candle further; `history` already holds it."""
    _advance_directional(state, history)
    if history.count == 2:
        _start_sar(state, history)
    if history.count > 1:
        _advance_sar(state, history)


@kernel
def write(state: Record, history: Record, row: Record) -> None:
    """Write the family's columns for the newest candle."""
    end = history.end
    close = history.close[end - 1]
    row.adx = state.adx
    row.plus_di = 100.0 * ratio(state.plus, state.range, 0.0)
    row.minus_di = 100.0 * ratio(state.minus, state.range, 0.0)
    row.aroon_up = 100.0 * (25 - since_highest(history.high, end, 26)) / 25.0
    row.aroon_down = 100.0 * (25 - since_lowest(history.low, end, 26)) / 25.0
    row.aroon_oscillator = row.aroon_up - row.aroon_down
    row.sar = state.sar
    row.sar_dist = close / state.sar - 1.0
    row.vortex_14 = _vortex(history)
    row.choppiness_14 = _choppiness(history)
    row.slope_20, row.line_fit_20 = _line(history.close, end, 20)
    row.slope_60, row.line_fit_60 = _line(history.close, end, 60)
    row.midpoint_cross = (_double_midpoint(history, 9) - _double_midpoint(history, 26)) / 2.0 / close
    row.range_position_20 = _range_position(history, 20)
    row.range_position_60 = _range_position(history, 60)
    row.range_position_240 = _range_position(history, 240)


@kernel
def _range_position(history: Record, length: int) -> float:
    top = highest(history.high, history.end, length)
    bottom = lowest(history.low, history.end, length)
    return ratio(history.close[history.end - 1] - bottom, top - bottom, 0.5)


@kernel
def _double_midpoint(history: Record, length: int) -> float:
    return highest(history.high, history.end, length) + lowest(history.low, history.end, length)


@kernel
def _vortex(history: Record) -> float:
    end = history.end
    up = 0.0
    down = 0.0
    for i in range(end - 14, end):
        up += abs(history.high[i] - history.low[i - 1])
        down += abs(history.low[i] - history.high[i - 1])
    return ratio(up - down, up + down, 0.0)


@kernel
def _choppiness(history: Record) -> float:
    """The stretch starts at the close before it, so that no true range is longer than the stretch."""
    end = history.end
    start = history.close[end - 15]
    reach = max(highest(history.high, end, 14), start) - min(lowest(history.low, end, 14), start)
    walked = ratio(total(history.true_range, end, 14), reach, 14.0)
    return 100.0 * min(1.0, max(0.0, log(walked) / log(14.0)))


@kernel
def _line(series: Series, end: int, length: int) -> tuple[float, float]:
    """(rise of the least-squares line from the first to the last candle / last value, its R2)."""
    middle = (length - 1) / 2.0
    center = mean(series, end, length)
    together = 0.0
    spread = 0.0
    for i in range(length):
        y = series[end - length + i] - center
        together += (i - middle) * y
        spread += y * y
    times = length * (length * length - 1.0) / 12.0
    rise = together / times * (length - 1.0)
    return rise / series[end - 1], min(1.0, ratio(together * together, times * spread, 0.0))


@kernel
def _advance_directional(state: Record, history: Record) -> None:
    end = history.end
    is_first = history.count == 1
    up = 0.0 if is_first else history.high[end - 1] - history.high[end - 2]
    down = 0.0 if is_first else history.low[end - 2] - history.low[end - 1]
    plus = up if up > down and up > 0.0 else 0.0
    minus = down if down > up and down > 0.0 else 0.0
    weight = 1.0 / 14.0
    state.range = smooth(state.range, history.true_range[end - 1], weight, is_first)
    state.plus = smooth(state.plus, plus, weight, is_first)
    state.minus = smooth(state.minus, minus, weight, is_first)
    spread = 100.0 * ratio(abs(state.plus - state.minus), state.plus + state.minus, 0.0)
    state.adx = smooth(state.adx, spread, weight, is_first)


@kernel
def _start_sar(state: Record, history: Record) -> None:
    """Direction of the first move; the stop starts at the first candle's other side."""
    now = history.end - 1
    fell = history.low[now - 1] - history.low[now]
    rose = history.high[now] - history.high[now - 1]
    state.is_long = not (fell > 0.0 and fell > rose)
    state.next_sar = history.low[now - 1] if state.is_long else history.high[now - 1]
    state.extreme = history.high[now] if state.is_long else history.low[now]
    state.step = SAR_STEP


@kernel
def _advance_sar(state: Record, history: Record) -> None:
    """Reverse if price touched the stop, then move the stop; it never enters the last two candles."""
    now = history.end - 1
    high = history.high[now]
    low = history.low[now]
    top = max(high, history.high[now - 1])
    bottom = min(low, history.low[now - 1])
    state.sar = state.next_sar
    if state.is_long and low <= state.sar:
        state.is_long = False
        state.sar = max(state.extreme, top)
        state.extreme = low
        state.step = SAR_STEP
    elif not state.is_long and high >= state.sar:
        state.is_long = True
        state.sar = min(state.extreme, bottom)
        state.extreme = high
        state.step = SAR_STEP
    elif state.is_long and high > state.extreme:
        state.extreme = high
        state.step = min(state.step + SAR_STEP, SAR_MOST)
    elif not state.is_long and low < state.extreme:
        state.extreme = low
        state.step = min(state.step + SAR_STEP, SAR_MOST)
    moved = state.sar + state.step * (state.extreme - state.sar)
    state.next_sar = min(moved, bottom) if state.is_long else max(moved, top)
