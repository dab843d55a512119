"""The batch driver: whole histories at once, for training, backtest and warm-up."""

from typing import TYPE_CHECKING, Any

import numpy as np

from trader.features.catalogue import COLUMNS, check_higher, column_names
from trader.features.step import FINE, REFUSALS, as_rows, new_state, run

if TYPE_CHECKING:
    import pandas as pd

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]


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
) -> FloatArray:
    """All columns of one symbol's candles, oldest first.

    The inputs have shape (n,); the result (n, n_columns) in the order of `COLUMNS`, NaN in the rows of the warm-up.
    Missing candles are stepped through as flat ones without volume and have no row. Raises ValueError, naming row
    and reason, for candles that cannot be.
    """
    # a read-only array is another type to numba: it would compile the whole step once more
    opened = np.require(open_time_ms, np.int64, ["C", "W"])
    candles = np.column_stack((open, high, low, close, volume)).astype(np.float64, copy=False)
    if opened.shape != (len(candles),):
        raise ValueError(
            f"open_time_ms has shape {opened.shape}, the candles {candles.shape}; all must have one length"
        )
    matrix = np.full((len(candles), len(COLUMNS)), np.nan)
    taken, reason = run(new_state(timeframe, higher_timeframes), opened, candles, as_rows(matrix))
    if reason != FINE:
        raise ValueError(f"candle in row {taken} (open time {opened[taken]}, {candles[taken]}) {REFUSALS[reason]}")
    return matrix


def compute_features(
    candles: "pd.DataFrame",
    timeframe: str,
    *,
    leader: "pd.DataFrame | None" = None,
    funding: "pd.DataFrame | None" = None,
    books: "pd.DataFrame | None" = None,
    enrichment: "pd.DataFrame | None" = None,
    higher_timeframes: tuple[str, ...] | None = None,
) -> "pd.DataFrame":
    """All columns in catalogue order, on the index of `candles`.

    `candles` has the columns open, high, low, close, volume; its index, or else its column `timestamp` or
    `open_time`, is the open time (datetimes, UTC if naive, or integer ms). Rows of the warm-up are NaN.
    """
    import pandas as pd

    for name, group in (("leader", leader), ("funding", funding), ("books", books), ("enrichment", enrichment)):
        if group is not None:
            raise ValueError(f"{name} was given, but this version has no features made from it; allowed: None")
    opened = open_times_ms(candles)
    open, high, low, close, volume = (
        candles[name].to_numpy(np.float64) for name in ("open", "high", "low", "close", "volume")
    )
    matrix = compute_matrix(opened, open, high, low, close, volume, timeframe, higher_timeframes=higher_timeframes)
    names = column_names(check_higher(timeframe, higher_timeframes))
    return pd.DataFrame(matrix, index=candles.index, columns=list(names))


def open_times_ms(candles: "pd.DataFrame") -> IntArray:
    """Open times of `candles` as int64 ms UTC, from its index or its column `timestamp` or `open_time`."""
    import pandas as pd

    times: pd.Index[Any] = candles.index
    if not isinstance(times, pd.DatetimeIndex):
        named = [name for name in ("timestamp", "open_time") if name in candles.columns]
        if named:
            times = pd.Index(candles[named[0]])
    if isinstance(times, pd.DatetimeIndex):
        utc = times.tz_localize("UTC") if times.tz is None else times.tz_convert("UTC")
        return utc.as_unit("ms").asi8
    if not pd.api.types.is_integer_dtype(times.dtype):
        raise ValueError(f"candles need open times as datetimes or integer ms, in the index, not {times.dtype}")
    return times.to_numpy(np.int64)
