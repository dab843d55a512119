"""Where in the day and week the candle opens, UTC."""

from math import cos, pi, sin

from trader.domain.units import DAY_MS, HOUR_MS, MINUTE_MS
from trader.features.columns import Family
from trader.features.compiled import Record, kernel

COLUMNS = Family("time")
COLUMNS.model_input("hour", "hour of the candle's open, UTC", 1, "hour", 0, 23)
COLUMNS.published("day_of_week", "weekday of the candle's open, Monday = 0, UTC", 1, "day", 0, 6)
COLUMNS.model_input(
    "is_market_open_hours",
    "1 if New York's exchanges trade: Monday to Friday, 9:30 to 16:00 there (summer time counted, holidays not)",
    1,
    "0 or 1",
    0,
    1,
)
COLUMNS.model_input("hour_sin", "sin(2 pi * hour / 24)", 1, "-1..1", -1, 1)
COLUMNS.model_input("hour_cos", "cos(2 pi * hour / 24)", 1, "-1..1", -1, 1)
COLUMNS.model_input("day_sin", "sin(2 pi * day_of_week / 7)", 1, "-1..1", -1, 1)
COLUMNS.model_input("day_cos", "cos(2 pi * day_of_week / 7)", 1, "-1..1", -1, 1)

COLUMNS.model_input("is_weekend", "1 on Saturday and Sunday, UTC", 1, "0 or 1", 0, 1)
COLUMNS.model_input("hour_of_week", "24 * day_of_week + hour", 1, "hour", 0, 167)
COLUMNS.model_input("hours_to_funding", "hours until the next 00:00, 08:00 or 16:00 UTC", 1, "hours", 0, 8)


@kernel
def write(open_ms: int, row: Record) -> None:
    """Write the family's columns for the candle that opened at `open_ms`."""
    hour = (open_ms % DAY_MS) // HOUR_MS
    weekday = _weekday(open_ms // DAY_MS)
    row.hour = hour
    row.day_of_week = weekday
    row.is_market_open_hours = 1.0 if _is_new_york_open(open_ms) else 0.0
    row.hour_sin = sin(2.0 * pi * hour / 24.0)
    row.hour_cos = cos(2.0 * pi * hour / 24.0)
    row.day_sin = sin(2.0 * pi * weekday / 7.0)
    row.day_cos = cos(2.0 * pi * weekday / 7.0)
    row.is_weekend = 1.0 if weekday >= 5 else 0.0
    row.hour_of_week = 24 * weekday + hour
    row.hours_to_funding = (8 * HOUR_MS - open_ms % (8 * HOUR_MS)) / HOUR_MS


@kernel
def _weekday(day: int) -> int:
    """0 = Monday; day 0 of the epoch was a Thursday."""
    return (day + 3) % 7


@kernel
def _is_new_york_open(open_ms: int) -> bool:
    offset = -4 if _is_summer_time(open_ms) else -5
    local = open_ms + offset * HOUR_MS
    minute = (local % DAY_MS) // MINUTE_MS
    return _weekday(local // DAY_MS) < 5 and 9 * 60 + 30 <= minute < 16 * 60


@kernel
def _is_summer_time(open_ms: int) -> bool:
    """United States since 2007: second Sunday of March to first Sunday of November, 2:00 local time."""
    march = _first_of_march(open_ms // DAY_MS)
    november = march + 245  # March to October are 245 days
    start = (march + 6 - _weekday(march) + 7) * DAY_MS + 7 * HOUR_MS
    end = (november + 6 - _weekday(november)) * DAY_MS + 6 * HOUR_MS
    return start <= open_ms < end


@kernel
def _first_of_march(day: int) -> int:
    """Day number of March 1 of the calendar year that holds `day`.

    Gregorian years counted from March are 365 days plus a leap day every 4, not 100, but 400 years.
    """
    shifted = day + 719_468  # days since 0000-03-01
    year = (10_000 * shifted + 14_780) // 3_652_425
    first = _march(year)
    if first > shifted:
        year -= 1
        first = _march(year)
    if shifted - first >= 306:  # January and February belong to the next calendar year
        first = _march(year + 1)
    return first - 719_468


@kernel
def _march(year: int) -> int:
    return 365 * year + year // 4 - year // 100 + year // 400
