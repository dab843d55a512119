"""The shape of the newest candle and of the pair it forms with the one before."""

from trader.features.columns import Family
from trader.features.compiled import Record, kernel
from trader.features.windows import ratio

NISON = "Nison, Japanese Candlestick Charting Techniques (1991)"

COLUMNS = Family("candlesticks", NISON)
COLUMNS.model_input("is_doji", "1 if |close - open| <= 0.1 * (high - low)", 1, "0 or 1", 0, 1)
COLUMNS.model_input(
    "is_hammer", "1 if lower shadow >= 2 * body, upper shadow <= body / 2 and range > 0, body > 0", 1, "0 or 1", 0, 1
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
COLUMNS.model_input("body", "(close - open) / (high - low); 0 if flat", 1, "share", -1, 1)
COLUMNS.model_input("upper_shadow", "(high - max(open, close)) / (high - low); 0 if flat", 1, "share", 0, 1)
COLUMNS.model_input("lower_shadow", "(min(open, close) - low) / (high - low); 0 if flat", 1, "share", 0, 1)


@kernel
def write(history: Record, row: Record) -> None:
    """Write the family's columns for the newest candle."""
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
    row.body = ratio(close - open_, reach, 0.0)
    row.upper_shadow = ratio(upper, reach, 0.0)
    row.lower_shadow = ratio(lower, reach, 0.0)
    _write_engulfing(history, row)


@kernel
def _write_engulfing(history: Record, row: Record) -> None:
    now = history.end - 1
    open_ = history.open[now]
    close = history.close[now]
    first_open = history.open[now - 1]
    first_close = history.close[now - 1]
    covers = min(open_, close) <= min(first_open, first_close) and max(open_, close) >= max(first_open, first_close)
    is_larger = abs(close - open_) > abs(first_close - first_open)
    row.bullish_engulfing = 1.0 if first_close < first_open and close > open_ and covers and is_larger else 0.0
    row.bearish_engulfing = 1.0 if first_close > first_open and close < open_ and covers and is_larger else 0.0
