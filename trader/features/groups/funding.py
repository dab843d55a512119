"""Funding of the perpetual: what was known at the candle's close."""

import numpy as np

from trader.features.columns import Family
from trader.features.compiled import Record, kernel

REMEMBERED = 9
"""Funding events the columns look at: three days at the usual eight hours."""

HOUR_MS = 3_600_000

KNOWN_AFTER_MS = 300_000
"""A settlement counts as known this long after it: then the exchange's history has it, live as well as recorded."""

LEARNED_FROM_MS = 6 * 24 * HOUR_MS
"""How long before the first candle funding is asked for, so that `REMEMBERED` settlements are known there."""

COLUMNS = Family("funding", "the exchange's funding history, joined by the time it was known", group="funding")
COLUMNS.model_input("funding_rate", "the newest funding rate known at the close", 1, "fraction a period")
COLUMNS.model_input("funding_change", "funding_rate - the one before", 1, "fraction a period")
COLUMNS.model_input("funding_mean_9", "mean of the newest 9 funding rates", 1, "fraction a period")
COLUMNS.model_input("funding_age_h", "hours from when it was known to the close, at most 48", 1, "hours", 0, 48)

FUNDING = np.dtype(
    [
        ("known", np.int64),  # funding events seen
        ("known_ms", np.int64),  # when the newest one was known
        ("rates", np.float64, (REMEMBERED,)),  # oldest first
    ]
)


@kernel
def learn(state: Record, known_ms: int, rate: float) -> None:
    """A funding rate became known."""
    for i in range(REMEMBERED - 1):
        state.rates[i] = state.rates[i + 1]
    state.rates[REMEMBERED - 1] = rate
    state.known += 1
    state.known_ms = known_ms


@kernel
def write(state: Record, close_ms: int, row: Record) -> None:
    """Write the family's columns at a close; NaN until enough events are known."""
    if state.known < REMEMBERED:
        row.funding_rate = row.funding_change = row.funding_mean_9 = row.funding_age_h = np.nan
        return
    newest = state.rates[REMEMBERED - 1]
    row.funding_rate = newest
    row.funding_change = newest - state.rates[REMEMBERED - 2]
    summed = 0.0
    for i in range(REMEMBERED):
        summed += state.rates[i]
    row.funding_mean_9 = summed / REMEMBERED
    row.funding_age_h = min(48.0, (close_ms - state.known_ms) / HOUR_MS)
