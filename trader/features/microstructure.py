"""Traces of market microstructure in candles."""

from math import copysign

from trader.features.columns import Family
from trader.features.compiled import Record, kernel
from trader.features.windows import mean, ratio

COLUMNS = Family("microstructure")
COLUMNS.model_input("spread_proxy", "(high - low) / close", 1, low=0)
COLUMNS.model_input(
    "price_impact",
    "|log return| / (volume / its mean over 20); 0 without volume",
    21,
    "log return",
    0,
    source="Amihud (2002)",
)
COLUMNS.model_input("tick_direction", "sign of the change of close", 2, "-1, 0 or 1", -1, 1)
COLUMNS.model_input(
    "tick_persistence", "share of the last 10 changes of close with the sign of the one before", 12, "share", 0, 1
)


@kernel
def write(history: Record, row: Record) -> None:
    """Write the family's columns for the newest candle."""
    end = history.end
    row.spread_proxy = (history.high[end - 1] - history.low[end - 1]) / history.close[end - 1]
    relative = ratio(history.volume[end - 1], mean(history.volume, end, 20), 0.0)
    row.price_impact = ratio(abs(history.log_return[end - 1]), relative, 0.0)
    row.tick_direction = _direction(history.close[end - 1] - history.close[end - 2])
    same = 0
    for i in range(end - 10, end):
        if _direction(history.close[i] - history.close[i - 1]) == _direction(
            history.close[i - 1] - history.close[i - 2]
        ):
            same += 1
    row.tick_persistence = same / 10.0


@kernel
def _direction(change: float) -> float:
    return 0.0 if change == 0.0 else copysign(1.0, change)
