"""Traces of market microstructure in candles: spreads, price impact, the direction of ticks."""

from math import copysign, exp, log, sqrt

import numpy as np

from trader.features.columns import Family
from trader.features.compiled import Record, kernel
from trader.features.windows import SERIES, Series, mean, put, ratio

AMIHUD = "Amihud, Journal of Financial Markets 5 (2002)"

COLUMNS = Family("microstructure")
COLUMNS.model_input("spread_proxy", "(high - low) / close", 1, low=0)
COLUMNS.model_input(
    "corwin_schultz_20",
    "mean over 20 of the high-low spread estimate of neighbouring candles, each at least 0",
    21,
    low=0,
    high=2,
    source="Corwin and Schultz, Journal of Finance 67 (2012)",
)
COLUMNS.model_input(
    "roll_spread_30",
    "2 * sqrt(-covariance of neighbouring log returns over 30), 0 if that is positive",
    32,
    low=0,
    source="Roll, Journal of Finance 39 (1984)",
)
COLUMNS.model_input(
    "price_impact", "|log return| / (volume / its mean over 20); 0 without volume", 20, "log return", 0, source=AMIHUD
)
COLUMNS.model_input(
    "impact_slope_30",
    "least-squares slope through the origin of |log return| on volume / its mean, over 30; 0 without volume",
    31,
    "log return",
    0,
    source="Kyle, Econometrica 53 (1985)",
)
COLUMNS.model_input(
    "illiquidity_20_240",
    "sum of |log return| / sum of volume * close over 20, as a multiple of the same over 240; 1 if undefined",
    241,
    "ratio",
    0,
    source=AMIHUD,
)
COLUMNS.model_input("tick_direction", "sign of the change of close", 2, "-1, 0 or 1", -1, 1)
COLUMNS.model_input(
    "tick_persistence", "share of the last 10 changes of close with the sign of the one before", 12, "share", 0, 1
)
COLUMNS.model_input(
    "still_share_20",
    "share of the last 20 candles that closed where the one before did",
    21,
    "share",
    0,
    1,
    "Lesmond, Ogden and Trzcinka (1999)",
)

MICROSTRUCTURE = np.dtype([("spread", *SERIES)])  # Corwin and Schultz's estimate per pair of candles


@kernel
def advance(state: Record, history: Record) -> None:
    """One candle further; `history` already holds it."""
    spread = 0.0 if history.count == 1 else _high_low_spread(history, history.end - 1)
    put(state.spread, history.end, spread)


@kernel
def write(state: Record, history: Record, row: Record) -> None:
    """Write the family's columns for the newest candle."""
    end = history.end
    row.spread_proxy = (history.high[end - 1] - history.low[end - 1]) / history.close[end - 1]
    row.corwin_schultz_20 = max(0.0, mean(state.spread, end, 20))
    row.roll_spread_30 = _roll_spread(history.log_return, end, 30)
    relative = ratio(history.volume[end - 1], mean(history.volume, end, 20), 0.0)
    row.price_impact = ratio(abs(history.log_return[end - 1]), relative, 0.0)
    row.impact_slope_30 = _impact_slope(history, 30)
    row.illiquidity_20_240 = ratio(_illiquidity(history, 20), _illiquidity(history, 240), 1.0)
    _write_ticks(history.close, end, row)


@kernel
def _high_low_spread(history: Record, now: int) -> float:
    """Two candles hold the variance of two periods but the spread only once."""
    root = 3.0 - 2.0 * sqrt(2.0)
    first = log(history.high[now - 1] / history.low[now - 1])
    second = log(history.high[now] / history.low[now])
    top = max(history.high[now], history.high[now - 1])
    both = log(top / min(history.low[now], history.low[now - 1]))
    single = first * first + second * second
    alpha = (sqrt(2.0 * single) - sqrt(single)) / root - both / sqrt(root)
    return max(0.0, 2.0 * (exp(alpha) - 1.0) / (1.0 + exp(alpha)))


@kernel
def _roll_spread(series: Series, end: int, length: int) -> float:
    center = mean(series, end, length)
    center_before = mean(series, end - 1, length)
    together = 0.0
    for i in range(end - length, end):
        together += (series[i] - center) * (series[i - 1] - center_before)
    return 2.0 * sqrt(max(0.0, -together / (length - 1)))


@kernel
def _impact_slope(history: Record, length: int) -> float:
    end = history.end
    typical = mean(history.volume, end, length)
    together = 0.0
    squared = 0.0
    for i in range(end - length, end):
        together += abs(history.log_return[i]) * history.volume[i]
        squared += history.volume[i] * history.volume[i]
    return ratio(together * typical, squared, 0.0)


@kernel
def _illiquidity(history: Record, length: int) -> float:
    end = history.end
    moved = 0.0
    traded = 0.0
    for i in range(end - length, end):
        moved += abs(history.log_return[i])
        traded += history.volume[i] * history.close[i]
    return ratio(moved, traded, 0.0)


@kernel
def _direction(change: float) -> float:
    return 0.0 if change == 0.0 else copysign(1.0, change)


@kernel
def _write_ticks(series: Series, end: int, row: Record) -> None:
    row.tick_direction = _direction(series[end - 1] - series[end - 2])
    same = 0
    for i in range(end - 10, end):
        if _direction(series[i] - series[i - 1]) == _direction(series[i - 1] - series[i - 2]):
            same += 1
    row.tick_persistence = same / 10.0
    still = 0
    for i in range(end - 20, end):
        if series[i] == series[i - 1]:
            still += 1
    row.still_share_20 = still / 20.0
