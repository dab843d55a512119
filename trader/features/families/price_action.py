"""Price action: pivots, swings, gaps and the way back to extremes."""

from math import log

from trader.features.columns import Family
from trader.features.compiled import Record, kernel
from trader.features.windows import highest, lowest, since_highest, since_lowest

FLOOR = "floor traders' pivots"

COLUMNS = Family("price action")
COLUMNS.model_input("higher_highs", "how many of the last 5 highs exceed the high before", 6, "count", 0, 5)
COLUMNS.model_input("lower_lows", "how many of the last 5 lows are below the low before", 6, "count", 0, 5)
COLUMNS.published("pivot", "(high + low + close) / 3 of the newest candle", 1, low=0, source=FLOOR)
COLUMNS.published("resistance_1", "2 * pivot - low", 1, low=0, source=FLOOR)
COLUMNS.published("support_1", "2 * pivot - high", 1, source=FLOOR)
COLUMNS.published("resistance_2", "pivot + (high - low)", 1, low=0, source=FLOOR)
COLUMNS.published("support_2", "pivot - (high - low)", 1, source=FLOOR)
COLUMNS.model_input("dist_to_resistance", "(resistance_1 - close) / close", 1, low=0)
COLUMNS.model_input("dist_to_support", "(close - support_1) / close", 1, low=0)
COLUMNS.model_input("open_gap", "ln(open / previous close)", 2, "log return")
for _n in (60, 240):
    COLUMNS.model_input(f"drawdown_{_n}", f"close / highest close of {_n} - 1", _n, low=-1, high=0)
    COLUMNS.model_input(f"rebound_{_n}", f"close / lowest close of {_n} - 1", _n, low=0)
COLUMNS.model_input("since_high_60", "candles since the highest high of 60 / 59", 60, "share", 0, 1)
COLUMNS.model_input("since_low_60", "candles since the lowest low of 60 / 59", 60, "share", 0, 1)


@kernel
def write(history: Record, row: Record) -> None:
    """Write the family's columns for the newest candle."""
    end = history.end
    rising = 0
    falling = 0
    for i in range(end - 5, end):
        if history.high[i] > history.high[i - 1]:
            rising += 1
        if history.low[i] < history.low[i - 1]:
            falling += 1
    row.higher_highs = rising
    row.lower_lows = falling
    _write_pivots(history, row)
    close = history.close[end - 1]
    row.open_gap = log(history.open[end - 1] / history.close[end - 2])
    row.drawdown_60 = close / highest(history.close, end, 60) - 1.0
    row.drawdown_240 = close / highest(history.close, end, 240) - 1.0
    row.rebound_60 = close / lowest(history.close, end, 60) - 1.0
    row.rebound_240 = close / lowest(history.close, end, 240) - 1.0
    row.since_high_60 = since_highest(history.high, end, 60) / 59.0
    row.since_low_60 = since_lowest(history.low, end, 60) / 59.0


@kernel
def _write_pivots(history: Record, row: Record) -> None:
    now = history.end - 1
    high = history.high[now]
    low = history.low[now]
    close = history.close[now]
    pivot = history.typical[now]
    row.pivot = pivot
    row.resistance_1 = 2.0 * pivot - low
    row.support_1 = 2.0 * pivot - high
    row.resistance_2 = pivot + (high - low)
    row.support_2 = pivot - (high - low)
    # 2 * pivot - low - close, written so that it cannot round below 0
    row.dist_to_resistance = (2.0 * (high - close) + (close - low)) / 3.0 / close
    row.dist_to_support = (2.0 * (close - low) + (high - close)) / 3.0 / close
