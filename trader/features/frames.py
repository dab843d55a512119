"""The batch driver for pandas frames. pandas is imported inside the functions: the live process never loads it."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from trader.domain.candle_arrays import CandleArrays, Floats, Times
from trader.domain.market import Book, Trade
from trader.domain.observation import WHOLE_MARKET, Observation, in_order
from trader.features.batch import compute_matrix
from trader.features.catalogue import check_higher, column_names
from trader.features.groups.among import Comparison
from trader.features.groups.funding import SOURCE
from trader.features.groups.group import Among, Beside, Event, Told
from trader.features.groups.registry import made, names

if TYPE_CHECKING:
    import pandas as pd

_TIME_COLUMNS = ("timestamp", "open_time")


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
    symbol's recorded books and trades in the order they arrived. `enrichment` has a column per source, at the times its
    values were known, NaN where it says nothing. Rows of the warm-up are NaN. Raises ValueError, naming row and reason,
    for candles that cannot be.
    """
    import pandas as pd

    own = candle_arrays(candles)
    told = _told(funding, books, enrichment)
    matrix = compute_matrix(
        *own,
        timeframe,
        higher_timeframes=higher_timeframes,
        leader=None if leader is None else candle_arrays(leader),
        told=told,
    )
    groups = [*told, *(group.name for group, _ in made(Beside, names()) if leader is not None)]
    if peers is not None:
        groups += [group.name for group, _ in made(Among, names())]
        matrix = np.hstack((matrix, _among(own, matrix, peers, timeframe, higher_timeframes)))
    columns = column_names(check_higher(timeframe, higher_timeframes), tuple(groups))
    return pd.DataFrame(matrix, index=candles.index, columns=list(columns))


def _told(
    funding: "pd.DataFrame | None", books: Iterable[Book | Trade] | None, enrichment: "pd.DataFrame | None"
) -> dict[str, Iterable[Event]]:
    """Group -> its events, for the groups that are made from anything that was given."""
    observed = {} if enrichment is None else _enrichment(enrichment)
    if funding is not None:
        observed[SOURCE] = _observations(SOURCE, funding, "funding_rate")
    told: dict[str, Iterable[Event]] = {}
    for group, how in made(Told, names()):
        if books is not None and how.hears:
            told[group.name] = books
        elif any(source in observed for source in how.sources):
            told[group.name] = in_order(one for source in how.sources for one in observed.get(source, ()))
    return told


def _enrichment(frame: "pd.DataFrame") -> dict[str, list[Observation]]:
    """Source -> what it says."""
    allowed = [source for _, how in made(Told, names()) for source in how.sources if source != SOURCE]
    unknown = [str(name) for name in frame.columns if name not in (*allowed, *_TIME_COLUMNS)]
    found = {name: _observations(name, frame[frame[name].notna()], name) for name in allowed if name in frame.columns}
    if unknown or not found:
        what = f"has the columns {', '.join(unknown)}" if unknown else "has no columns"
        raise ValueError(
            f"enrichment was given, but {what}; features are made from the sources {', '.join(allowed) or 'None'}"
        )
    return found


def _among(
    own: CandleArrays,
    matrix: Floats,
    peers: "Mapping[str, pd.DataFrame]",
    timeframe: str,
    higher_timeframes: tuple[str, ...] | None,
) -> Floats:
    """The columns made among the symbol and `peers`, on its own rows."""
    comparison = Comparison(names())
    columns = column_names(check_higher(timeframe, higher_timeframes))
    at = [columns.index(name) for name in comparison.looked_at]
    every = [(own.open_ms, matrix[:, at])]
    for symbol, frame in peers.items():
        try:
            arrays = candle_arrays(frame)
            rows = compute_matrix(*arrays, timeframe, higher_timeframes=higher_timeframes)
        except ValueError as error:
            raise ValueError(f"peer {symbol}: {error}") from None
        every.append((arrays.open_ms, rows[:, at]))
    return comparison.over(every)[0]


def candle_arrays(candles: "pd.DataFrame") -> CandleArrays:
    """The columns of `candles` as arrays of shape (n,)."""
    return CandleArrays(
        times_ms(candles), *(_numbers(candles, name) for name in ("open", "high", "low", "close", "volume"))
    )


def _observations(source: str, frame: "pd.DataFrame", column: str) -> list[Observation]:
    """Every value of `column`, known at the times of the frame."""
    said = zip(times_ms(frame).tolist(), _numbers(frame, column).tolist(), strict=True)
    return [Observation(source, WHOLE_MARKET, known_ms, known_ms, value) for known_ms, value in said]


def _numbers(frame: "pd.DataFrame", name: str) -> Floats:
    """One column; what is no number becomes NaN, which is refused with its row later."""
    import pandas as pd

    if name not in frame.columns:
        raise ValueError(f"column {name!r} is missing; there are {', '.join(map(str, frame.columns)) or 'none'}")
    return pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64)


def times_ms(frame: "pd.DataFrame") -> Times:
    """Times of `frame` as int64 ms UTC, from its index or its column `timestamp` or `open_time`."""
    import pandas as pd

    times: pd.Index[Any] = frame.index
    if not isinstance(times, pd.DatetimeIndex):
        named = [name for name in _TIME_COLUMNS if name in frame.columns]
        if named:
            times = pd.Index(frame[named[0]])
    if isinstance(times, pd.DatetimeIndex):
        utc = times.tz_localize("UTC") if times.tz is None else times.tz_convert("UTC")
        return utc.as_unit("ms").asi8
    if not pd.api.types.is_integer_dtype(times.dtype):
        raise ValueError(f"times must be datetimes or integer ms, in the index, not {times.dtype}")
    return times.to_numpy(np.int64)
