"""Where in the day and week the candle opens, UTC."""

from math import cos, pi, sin

from trader.features.columns import Family
from trader.features.compiled import Record, kernel

HOUR_MS = 3_600_000
DAY_MS = 86_400_000

COLUMNS = Family("time")
COLUMNS.model_input("hour", "hour of the candle's open, UTC", 1, "hour", 0, 23)
COLUMNS.model_input("day_of_week", "weekday of the candle's open, Monday = 0, UTC", 1, "day", 0, 6)
COLUMNS.model_input("is_market_open_hours", "1 from Monday to Friday, 14:00 to 20:59 UTC (New York)", 1, "0 or 1", 0, 1)
COLUMNS.model_input("hour_sin", "sin(2 pi * hour / 24)", 1, "-1..1", -1, 1)
COLUMNS.model_input("hour_cos", "cos(2 pi * hour / 24)", 1, "-1..1", -1, 1)
COLUMNS.model_input("day_sin", "sin(2 pi * day_of_week / 7)", 1, "-1..1", -1, 1)
COLUMNS.model_input("day_cos", "cos(2 pi * day_of_week / 7)", 1, "-1..1", -1, 1)


@kernel
def write(open_ms: int, row: Record) -> None:
    """Write the family's columns for the candle that opened at `open_ms`."""
    hour = (open_ms % DAY_MS) // HOUR_MS
    weekday = (open_ms // DAY_MS + 3) % 7  # day 0 of the epoch was a Thursday
    row.hour = hour
    row.day_of_week = weekday
    row.is_market_open_hours = 1.0 if weekday < 5 and 14 <= hour <= 20 else 0.0
    row.hour_sin = sin(2.0 * pi * hour / 24.0)
    row.hour_cos = cos(2.0 * pi * hour / 24.0)
    row.day_sin = sin(2.0 * pi * weekday / 7.0)
    row.day_cos = cos(2.0 * pi * weekday / 7.0)
