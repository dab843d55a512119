"""The shape of the newest candle and of the pair it forms with the one before."""

from trader.features.columns import Family
from trader.features.compiled import Record, kernel
from trader.features.windows import ratio

NISON = "Nison, Japanese Candlestick Charting Techniques (1991)"

COLUMNS = Family("candlesticks", NISON)
COLUMNS.model_input("is_doji", "1 if |close - open| <= 0.1 * (high - low)", 1, "0 or 1", 0, 1)
COLUMNS.model_input(
    "is_hammer", "1 if lower shadow >= 2 * body, upper shadow <= body / 2 and body > 0", 1, "0 or 1", 0, 1
)
COLUMNS.model_input(
    "bullish_engulfing",
    "1 if a falling candle is followed by a rising one whose body covers its body",
    2,
    "0 or 1",
    0,
    1,
)
COLUMNS.model_input(
    "bearish_engulfing",
    "1 if a rising candle is followed by a falling one whose body covers its body",
    2,
    "0 or 1",
    0,
    1,
)
COLUMNS.model_input(
    "is_shooting_star", "1 if upper shadow >= 2 * body, lower shadow <= body / 2 and body > 0", 1, "0 or 1", 0, 1
)
COLUMNS.model_input("is_inside", "1 if high <= previous high and low >= previous low", 2, "0 or 1", 0, 1)
COLUMNS.model_input("is_outside", "1 if high > previous high and low < previous low", 2, "0 or 1", 0, 1)
COLUMNS.model_input("body", "(close - open) / (high - low); 0 if flat", 1, "share", -1, 1)
COLUMNS.model_input("body_atr", "(close - open) / atr_14; 0 if flat", 15, "ATRs", -14, 14)
COLUMNS.model_input("upper_shadow", "(high - max(open, close)) / (high - low); 0 if flat", 1, "share", 0, 1)
COLUMNS.model_input("close_location", "((close - low) - (high - close)) / (high - low); 0 if flat", 1, "share", -1, 1)
COLUMNS.model_input("streak", "closes in a row above (+) or below (-) the one before, at most 20", 21, "count", -20, 20)


@kernel
def write(history: Record, atr: float, row: Record) -> None:
    """Write the family's columns for the newest candle; `atr` = atr_14 in quote."""
    now = history.end - 1
    open_ = history.open[now]
    high = history.high[now]
    low = history.low[now]
    close = history.close[now]
    reach = high - low
    body = abs(close - open_)
    upper = high - max(open_, close)
    lower = min(open_, close) - low
    row.is_doji = 1.0 if body <= 0.1 * reach else 0.0
    row.is_hammer = 1.0 if body > 0.0 and lower >= 2.0 * body and upper <= 0.5 * body else 0.0
    row.is_shooting_star = 1.0 if body > 0.0 and upper >= 2.0 * body and lower <= 0.5 * body else 0.0
    row.body = ratio(close - open_, reach, 0.0)
    row.body_atr = ratio(close - open_, atr, 0.0)
    row.upper_shadow = ratio(upper, reach, 0.0)
    row.close_location = ratio((close - low) - (high - close), reach, 0.0)
    _write_pairs(history, row)
    row.streak = _streak(history)


@kernel
def _write_pairs(history: Record, row: Record) -> None:
    now = history.end - 1
    open_ = history.open[now]
    close = history.close[now]
    first_open = history.open[now - 1]
    first_close = history.close[now - 1]
    covers = min(open_, close) <= min(first_open, first_close) and max(open_, close) >= max(first_open, first_close)
    is_larger = covers and abs(close - open_) > abs(first_close - first_open)
    row.bullish_engulfing = 1.0 if first_close < first_open and close > open_ and is_larger else 0.0
    row.bearish_engulfing = 1.0 if first_close > first_open and close < open_ and is_larger else 0.0
    higher = history.high[now] > history.high[now - 1]
    lower = history.low[now] < history.low[now - 1]
    row.is_inside = 1.0 if not higher and not lower else 0.0
    row.is_outside = 1.0 if higher and lower else 0.0


@kernel
def _streak(history: Record) -> int:
    now = history.end - 1
    rising = history.close[now] > history.close[now - 1]
    falling = history.close[now] < history.close[now - 1]
    if not rising and not falling:
        return 0
    length = 1
    while length < 20:
        change = history.close[now - length] - history.close[now - length - 1]
        if (rising and change <= 0.0) or (falling and change >= 0.0):
            break
        length += 1
    return length if rising else -length
