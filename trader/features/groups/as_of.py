"""Observations joined by the time they were known: what the columns of a group see of their sources at a close."""

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from math import isfinite
from operator import attrgetter
from typing import NamedTuple

import msgspec
import numpy as np

from trader.domain.candle_arrays import Floats, Times
from trader.domain.observation import Observation
from trader.features.groups.group import Event, Told

Known = Mapping[str, Sequence[Observation]]
"""Source -> what is known of it, oldest first. A source of which nothing is known, or only what is stale, is absent."""

Write = Callable[[Known, Times], Sequence[Floats | float] | None]
"""(known, close times (n,) at which exactly that is known) -> one value or (n,) values per column; None = masked."""

_known_ms = attrgetter("known_ms")


class _State(NamedTuple):
    waiting: list[Observation]  # told, by the time they are known; not known at any close so far
    known: dict[str, tuple[Observation, ...]]


class AsOf:
    """One symbol's observations. `keeps`: how many of each source are remembered; see `Told` for `stale_ms`.

    A close sees an observation if it was known by then, the closes before do not, whenever it was told. Implements
    `GroupStream`. Not for use by two threads at once.
    """

    def __init__(self, write: Write, width: int, *, keeps: int, stale_ms: int | None) -> None:
        self._write = write
        self._width = width
        self._keeps = keeps
        self._stale_ms = stale_ms
        self._state = _State([], {})
        self._told_ms: dict[str, int] = {}  # source -> when the newest one told was known

    def learn(self, event: Event) -> None:
        """Take one observation. Each source tells its own in the order they were known."""
        if not isinstance(event, Observation):
            raise ValueError(f"this group is made from observations, not from a {type(event).__name__}")
        newest_ms = self._told_ms.get(event.source, event.known_ms)
        if event.known_ms < newest_ms:
            raise ValueError(f"{event.source} known at {event.known_ms} comes after one known at {newest_ms}")
        if not isfinite(event.value):
            raise ValueError(f"{event.source} known at {event.known_ms} is not finite")
        insort(self._state.waiting, event, key=_known_ms)
        self._told_ms[event.source] = event.known_ms

    def row(self, close_ms: int) -> Floats:
        """The columns (width,) of the candle that closes then."""
        row: Floats = self.rows(np.array([close_ms]))[0]
        return row

    def rows(self, close_ms: Times) -> Floats:
        """The columns (n, width) of candles that close then, oldest first."""
        result = np.full((len(close_ms), self._width), np.nan)
        at = 0
        while at < len(close_ms):
            fresh, until_ms = self._at(int(close_ms[at]))
            end = len(close_ms) if until_ms is None else at + int(np.searchsorted(close_ms[at:], until_ms))
            written = self._write(fresh, close_ms[at:end]) if fresh else None
            for column, values in enumerate(written or ()):
                result[at:end, column] = values
            at = end
        return result

    def mark(self) -> tuple[_State, dict[str, int]]:
        """Where the stream stands."""
        return _State(list(self._state.waiting), dict(self._state.known)), dict(self._told_ms)

    def rewind(self, mark: tuple[_State, dict[str, int]]) -> None:
        """Back to where `mark` was taken."""
        state, told_ms = mark
        self._state, self._told_ms = _State(list(state.waiting), dict(state.known)), dict(told_ms)

    def saved(self) -> bytes:
        """Everything that was told and still matters."""
        return msgspec.msgpack.encode((self._state, self._told_ms))

    def restore(self, saved: bytes, /) -> None:
        """Go on from `saved`."""
        self._state, self._told_ms = msgspec.msgpack.decode(saved, type=tuple[_State, dict[str, int]])

    def _at(self, close_ms: int) -> tuple[Known, int | None]:
        """What is known and not stale at a close, and the first time at which that differs."""
        waiting, known = self._state
        passed = bisect_right(waiting, close_ms, key=_known_ms)
        for one in waiting[:passed]:
            known[one.source] = (*known.get(one.source, ()), one)[-self._keeps :]
        del waiting[:passed]
        changes = [waiting[0].known_ms] if waiting else []
        if self._stale_ms is None:
            return known, min(changes, default=None)
        ends = {source: seen[-1].known_ms + self._stale_ms for source, seen in known.items()}
        changes += [end + 1 for end in ends.values() if end >= close_ms]
        return {source: known[source] for source, end in ends.items() if end >= close_ms}, min(changes, default=None)


def as_of(
    write: Write, width: int, *, sources: tuple[str, ...], keeps: int, lookback_ms: int, stale_ms: int | None
) -> Told:
    """A group of `width` columns that `write` makes from the newest `keeps` observations of each of `sources`."""
    begin = partial(AsOf, write, width, keeps=keeps, stale_ms=stale_ms)

    def matrix(events: Iterable[Event], open_ms: Times, candle_ms: int) -> Floats:
        stream = begin()
        for event in events:
            stream.learn(event)
        return stream.rows(open_ms + candle_ms)

    return Told(
        begin=lambda _candle_ms: begin(),
        matrix=matrix,
        sources=sources,
        lookback_ms=lookback_ms,
        stale_ms=stale_ms,
    )
