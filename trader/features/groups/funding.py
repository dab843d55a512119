"""Funding of the perpetual: what was known at the candle's close."""

from collections.abc import Sequence

import numpy as np

from trader.domain.candle_arrays import Floats, Times
from trader.domain.units import HOUR_MS
from trader.features.columns import Family
from trader.features.groups.as_of import Known

SOURCE = "funding"

REMEMBERED = 9
"""Settlements the columns look at: three days at the usual eight hours."""


KNOWN_AFTER_MS = 300_000
"""A settlement counts as known this long after it: then the exchange's history has it, live as well as recorded."""

LOOKBACK_MS = 6 * 24 * HOUR_MS
"""How long before the first candle funding is asked for, so that `REMEMBERED` settlements are known there."""

COLUMNS = Family("funding", "the exchange's funding history, joined by the time it was known", group="funding")
COLUMNS.model_input("funding_rate", "the newest funding rate known at the close", 1, "fraction a period")
COLUMNS.model_input("funding_change", "funding_rate - the one before", 1, "fraction a period")
COLUMNS.model_input("funding_mean_9", "mean of the newest 9 funding rates", 1, "fraction a period")
COLUMNS.model_input("funding_age_h", "hours from when it was known to the close, at most 48", 1, "hours", 0, 48)


def write(known: Known, close_ms: Times) -> Sequence[Floats | float] | None:
    """The columns at closes that know the same settlements; None until enough are known."""
    settled = known.get(SOURCE, ())
    if len(settled) < REMEMBERED:
        return None
    newest = settled[-1]
    summed = 0.0
    for one in settled:  # in this order, to the last bit
        summed += one.value
    age_h = np.minimum(48.0, (close_ms - newest.known_ms) / HOUR_MS)
    return newest.value, newest.value - settled[-2].value, summed / REMEMBERED, age_h
