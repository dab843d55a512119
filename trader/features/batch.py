"""The batch driver: whole histories at once, for training, backtest and warm-up."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from trader.domain.candle_arrays import CandleArrays
from trader.domain.market import FundingRate
from trader.features.catalogue import positions
from trader.features.groups.funding import KNOWN_AFTER_MS
from trader.features.step import FINE, REFUSALS, ROW_WIDTH, as_rows, new_state, run

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]


class FundingHistory(NamedTuple):
    """Funding rates by the time they were known, oldest first; arrays of shape (n_events,)."""

    known_ms: IntArray  # UTC
    rate: FloatArray  # fraction a period

    @classmethod
    def of(cls, rates: Sequence[FundingRate]) -> "FundingHistory":
        """From settlements, oldest first."""
        return cls(
            np.array([rate.ts_ms + KNOWN_AFTER_MS for rate in rates], np.int64),
            np.array([rate.rate for rate in rates], np.float64),
        )


def compute_matrix(
    open_time_ms: IntArray,
    open: FloatArray,
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    volume: FloatArray,
    timeframe: str,
    *,
    higher_timeframes: tuple[str, ...] | None = None,
    leader: CandleArrays | None = None,
    funding: FundingHistory | None = None,
) -> FloatArray:
    """All columns of one symbol's candles, oldest first.

    The inputs have shape (n,); the result (n, n_columns) in the order of `COLUMNS` (then those of the groups that
    were given), NaN in the rows of the warm-up. Missing candles are stepped through as flat ones without volume and
    have no row. Raises ValueError, naming row and reason, for candles that cannot be.
    """
    # a read-only array is another type to numba: it would compile the whole step once more
    opened = np.require(open_time_ms, np.int64, ["C", "W"])
    candles = np.column_stack((open, high, low, close, volume)).astype(np.float64, copy=False)
    if opened.shape != (len(candles),):
        raise ValueError(
            f"open_time_ms has shape {opened.shape}, the candles {candles.shape}; all must have one length"
        )
    leading = np.empty((0, 2)) if leader is None else _aligned(leader, opened)
    fundings = np.empty((0, 2)) if funding is None else _checked(funding)
    matrix = np.full((len(candles), ROW_WIDTH), np.nan)
    state = new_state(timeframe, higher_timeframes)
    taken, reason, _ = run(state, opened, candles, leading, fundings, as_rows(matrix))
    if reason != FINE:
        raise ValueError(f"candle in row {taken} (open time {opened[taken]}, {candles[taken]}) {REFUSALS[reason]}")
    given = (("leader", leader), ("funding", funding))
    return matrix[:, positions(tuple(name for name, group in given if group is not None))]


def _aligned(leader: CandleArrays, opened: IntArray) -> FloatArray:
    """(n, 2): close and volume of the leader's candle with the same open time, NaN where it has none."""
    result = np.full((len(opened), 2), np.nan)
    if np.any(np.diff(leader.open_ms) <= 0):
        row = int(np.argmax(np.diff(leader.open_ms) <= 0)) + 1
        raise ValueError(f"the leader's candle in row {row} opens no later than the one before")
    if len(leader.open_ms) == 0:
        return result
    at = np.minimum(np.searchsorted(leader.open_ms, opened), len(leader.open_ms) - 1)
    has = leader.open_ms[at] == opened
    result[has, 0] = leader.close[at[has]]
    result[has, 1] = leader.volume[at[has]]
    return result


def _checked(funding: FundingHistory) -> FloatArray:
    if np.any(np.diff(funding.known_ms) < 0):
        row = int(np.argmax(np.diff(funding.known_ms) < 0)) + 1
        raise ValueError(f"funding in row {row} was known before the one in row {row - 1}; sort it by time")
    if not np.isfinite(funding.rate).all():
        row = int(np.argmin(np.isfinite(funding.rate)))
        raise ValueError(f"funding in row {row} is not finite")
    return np.column_stack((funding.known_ms, funding.rate)).astype(np.float64, copy=False)
