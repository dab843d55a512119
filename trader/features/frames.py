"""The batch driver for pandas frames. pandas is imported inside the functions: the live process never loads it."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from trader.domain.candle_arrays import CandleArrays
from trader.domain.market import Book, Trade, timeframe_ms
from trader.features.batch import FloatArray, FundingHistory, IntArray, compute_matrix
from trader.features.catalogue import check_higher, column_names
from trader.features.groups.book_stream import book_matrix
from trader.features.groups.cross_section import LOOKED_AT, ranked

if TYPE_CHECKING:
    import pandas as pd


def compute_features(
    candles: "pd.DataFrame",
    timeframe: str,
    *,
    leader: "pd.DataFrame | None" = None,
    funding: "pd.DataFrame | None" = None,
    books: Iterable[Book | Trade] | None = None,
    enrichment: "pd.DataFrame | None" = None,
    peers: "Mapping[str, pd.DataFrame] | None" = None,
    higher_timeframes: tuple[str, ...] | None = None,
) -> "pd.DataFrame":
    """All columns in catalogue order, on the index of `candles`; those of a group only where it is given.

    Frames have their times in the index, or else in the column `timestamp` or `open_time`: datetimes (UTC if naive)
    or integer ms. `candles`, `leader` and each of `peers` (the other traded symbols) have the columns open, high,
    low, close, volume and the open time; `funding` has `funding_rate` and the time it was known. `books` are the
    symbol's recorded books and trades in the order they arrived. Rows of the warm-up are NaN. Raises ValueError,
    naming row and reason, for candles that cannot be.
    """
    import pandas as pd

    if enrichment is not None:
        raise ValueError("enrichment was given, but this version has no features made from it; allowed: None")
    own = candle_arrays(candles)
    matrix = compute_matrix(
        *own,
        timeframe,
        higher_timeframes=higher_timeframes,
        leader=None if leader is None else candle_arrays(leader),
        funding=None if funding is None else _funding(funding),
    )
    if books is not None:
        matrix = np.hstack((matrix, book_matrix(books, own.open_ms, timeframe_ms(timeframe))))
    if peers is not None:
        at = [column_names().index(name) for name in LOOKED_AT]
        every = [(own.open_ms, matrix[:, at])]
        for symbol, frame in peers.items():
            try:
                arrays = candle_arrays(frame)
                rows = compute_matrix(*arrays, timeframe, higher_timeframes=higher_timeframes)
            except ValueError as error:
                raise ValueError(f"peer {symbol}: {error}") from None
            every.append((arrays.open_ms, rows[:, at]))
        matrix = np.hstack((matrix, ranked(every)[0]))
    given = (("leader", leader), ("funding", funding), ("books", books), ("peers", peers))
    groups = tuple(name for name, group in given if group is not None)
    names = column_names(check_higher(timeframe, higher_timeframes), groups)
    return pd.DataFrame(matrix, index=candles.index, columns=list(names))


def candle_arrays(candles: "pd.DataFrame") -> CandleArrays:
    """The columns of `candles` as arrays of shape (n,)."""
    return CandleArrays(
        times_ms(candles), *(_numbers(candles, name) for name in ("open", "high", "low", "close", "volume"))
    )


def _funding(frame: "pd.DataFrame") -> FundingHistory:
    return FundingHistory(times_ms(frame), _numbers(frame, "funding_rate"))


def _numbers(frame: "pd.DataFrame", name: str) -> FloatArray:
    """One column; what is no number becomes NaN, which is refused with its row later."""
    import pandas as pd

    if name not in frame.columns:
        raise ValueError(f"column {name!r} is missing; there are {', '.join(map(str, frame.columns)) or 'none'}")
    return pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64)


def times_ms(frame: "pd.DataFrame") -> IntArray:
    """Times of `frame` as int64 ms UTC, from its index or its column `timestamp` or `open_time`."""
    import pandas as pd

    times: pd.Index[Any] = frame.index
    if not isinstance(times, pd.DatetimeIndex):
        named = [name for name in ("timestamp", "open_time") if name in frame.columns]
        if named:
            times = pd.Index(frame[named[0]])
    if isinstance(times, pd.DatetimeIndex):
        utc = times.tz_localize("UTC") if times.tz is None else times.tz_convert("UTC")
        return utc.as_unit("ms").asi8
    if not pd.api.types.is_integer_dtype(times.dtype):
        raise ValueError(f"times must be datetimes or integer ms, in the index, not {times.dtype}")
    return times.to_numpy(np.int64)
