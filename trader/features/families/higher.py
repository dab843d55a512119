"""Higher timeframes, resampled from closed candles only.

A higher candle exists from the close of its last base candle on; one whose beginning was not seen is dropped. The
model inputs look at a fixed number of closed higher candles, so they are exact after `CLOSED_NEEDED` of them and
need no long warm-up; `rsi_*` and `ma_*` are the classic forms, published.
"""

import numpy as np

from trader.features.columns import Family
from trader.features.compiled import Record, kernel
from trader.features.families.momentum import WILDER, strength
from trader.features.windows import Series, highest, lowest, mean, ratio, smooth

CLOSED_NEEDED = 22
"""Closed higher candles after which every model input of this family is exact."""

_RING = 32
"""Closed higher candles that are remembered, more than any window is long: four timeframes take little memory."""

_SHORT = (np.float64, (2 * _RING,))

COLUMNS = Family("higher timeframe")
COLUMNS.published("rsi", "Wilder RSI(14) of the closed higher candles, from the start", 15, "0..100", 0, 100, WILDER)
COLUMNS.published("ma", "mean close of the last 20 closed higher candles", 20)
COLUMNS.model_input(
    "rsi_simple",
    "100 * gains / (gains + losses), plain sums over 14 changes; 50 if flat",
    15,
    "0..100",
    0,
    100,
    "Cutler's RSI",
)
COLUMNS.model_input("ma_dist", "close / ma - 1", 20)
COLUMNS.model_input("return_1", "ln(close / close of the higher candle before the last closed one)", 2, "log return")
COLUMNS.model_input(
    "return_5", "ln(close / close of the fifth higher candle before the last closed one)", 6, "log return"
)
COLUMNS.model_input("range_position", "(close - low) / (high - low) over 14 closed higher candles; 0.5 if flat", 14)
COLUMNS.model_input("atr_frac", "mean true range of the last 14 closed higher candles / close", 15, low=0)

HIGHER = np.dtype(
    [
        ("period_ms", np.int64),  # set by the driver
        ("closed", np.int64),  # higher candles closed
        ("end", np.int64),  # where the newest window of the series below ends
        ("is_whole", np.bool_),  # the higher candle being built was seen from its beginning
        ("open_high", np.float64),  # of the higher candle being built
        ("open_low", np.float64),
        ("gain", np.float64),  # Wilder means over 14 changes
        ("loss", np.float64),
        ("close", *_SHORT),
        ("high", *_SHORT),
        ("low", *_SHORT),
        ("true_range", *_SHORT),
    ]
)


@kernel
def advance(state: Record, open_ms: int, base_ms: int, high: float, low: float, close: float) -> None:
    """One base candle further; closes the higher candle when this was its last one."""
    bucket = open_ms // state.period_ms
    if (open_ms - base_ms) // state.period_ms != bucket:
        state.is_whole = True
        state.open_high = high
        state.open_low = low
    else:
        state.open_high = max(state.open_high, high)
        state.open_low = min(state.open_low, low)
    if (open_ms + base_ms) // state.period_ms != bucket and state.is_whole:
        _close(state, close)


@kernel
def write(state: Record, close: float, row: Record) -> None:
    """Write one timeframe's columns at a base close; NaN until enough higher candles have closed."""
    end = state.end
    if state.closed < CLOSED_NEEDED:
        row.rsi = row.ma = row.rsi_simple = row.ma_dist = np.nan
        row.return_1 = row.return_5 = row.range_position = row.atr_frac = np.nan
        return
    row.rsi = strength(state.gain, state.loss)
    row.ma = mean(state.close, end, 20)
    row.rsi_simple = _simple_rsi(state, end)
    row.ma_dist = close / row.ma - 1.0
    row.return_1 = np.log(close / state.close[end - 2])
    row.return_5 = np.log(close / state.close[end - 6])
    bottom = lowest(state.low, end, 14)
    row.range_position = ratio(close - bottom, highest(state.high, end, 14) - bottom, 0.5)
    row.atr_frac = mean(state.true_range, end, 14) / close


@kernel
def _close(state: Record, close: float) -> None:
    previous = close
    if state.closed > 0:
        previous = state.close[state.end - 1]
    end = state.closed % _RING + _RING + 1
    state.end = end
    state.closed += 1
    _put(state.close, end, close)
    _put(state.high, end, state.open_high)
    _put(state.low, end, state.open_low)
    _put(state.true_range, end, max(state.open_high, previous) - min(state.open_low, previous))
    change = close - previous
    changes = state.closed - 1
    if changes > 0:  # plain mean of the first 14 changes, then Wilder's
        weight = 1.0 / min(changes, 14)
        state.gain = smooth(state.gain, max(change, 0.0), weight, changes == 1)
        state.loss = smooth(state.loss, max(-change, 0.0), weight, changes == 1)


@kernel
def _put(series: Series, end: int, value: float) -> None:
    """Append `value` to a ring whose window then ends at `end`."""
    series[end - 1] = value
    series[end - 1 - _RING] = value


@kernel
def _simple_rsi(state: Record, end: int) -> float:
    gain = 0.0
    loss = 0.0
    for i in range(end - 14, end):
        change = state.close[i] - state.close[i - 1]
        gain += max(change, 0.0)
        loss += max(-change, 0.0)
    return strength(gain, loss)
