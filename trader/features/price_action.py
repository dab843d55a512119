"""Price action: pivots, swings and gaps."""

from trader.features.columns import Family
from trader.features.compiled import Record, kernel

FLOOR = "floor traders' pivots"

COLUMNS = Family("price action")
COLUMNS.model_input("higher_highs", "how many of the last 5 highs exceed the high before", 6, "count", 0, 5)
COLUMNS.model_input("lower_lows", "how many of the last 5 lows are below the low before", 6, "count", 0, 5)
COLUMNS.published("pivot", "(high + low + close) / 3 of the newest candle", 1, source=FLOOR)
COLUMNS.published("resistance_1", "2 * pivot - low", 1, source=FLOOR)
COLUMNS.published("support_1", "2 * pivot - high", 1, source=FLOOR)
COLUMNS.published("resistance_2", "pivot + (high - low)", 1, source=FLOOR)
COLUMNS.published("support_2", "pivot - (high - low)", 1, source=FLOOR)
COLUMNS.model_input("dist_to_resistance", "(resistance_1 - close) / close", 1)
COLUMNS.model_input("dist_to_support", "(close - support_1) / close", 1)


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
    high = history.high[end - 1]
    low = history.low[end - 1]
    close = history.close[end - 1]
    pivot = history.typical[end - 1]
    row.pivot = pivot
    row.resistance_1 = 2.0 * pivot - low
    row.support_1 = 2.0 * pivot - high
    row.resistance_2 = pivot + (high - low)
    row.support_2 = pivot - (high - low)
    row.dist_to_resistance = (row.resistance_1 - close) / close
    row.dist_to_support = (close - row.support_1) / close
