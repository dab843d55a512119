"""The live driver: one candle in, one row out, with a state that can be saved."""

from typing import Any, NamedTuple

import msgspec
import numpy as np

from trader.domain.candle_arrays import Floats
from trader.domain.market import timeframe_ms
from trader.domain.observation import Observation
from trader.features.catalogue import check_groups, check_higher, column_names, feature_set_hash, warm_up
from trader.features.groups.group import Beside, Event, GroupStream, Told
from trader.features.groups.registry import made
from trader.features.step import FINE, REFUSALS, ROW_WIDTH, STATE, as_rows, new_state, places, run


class Snapshot(msgspec.Struct, frozen=True):
    """The saved state of a stream; fits only the definitions and timeframes it was made with."""

    feature_set_hash: str
    timeframe: str
    higher_timeframes: tuple[str, ...]
    state: bytes
    told: dict[str, bytes]  # group -> what its stream goes on from


class _Mark(NamedTuple):
    state: np.ndarray[Any, Any]
    told: list[Any]


class FeatureStream:
    """Features of one symbol, candle by candle.

    `columns` names what a row holds, in order. With a group made beside the leader, candles come with the leader's;
    what the other groups are made from is told by `learn`. Not for use by two threads at once.
    """

    def __init__(
        self, timeframe: str, groups: tuple[str, ...] = (), *, higher_timeframes: tuple[str, ...] | None = None
    ) -> None:
        self.timeframe = timeframe
        self.groups = check_groups(groups)
        self.higher_timeframes = check_higher(timeframe, higher_timeframes)
        self.columns = column_names(self.higher_timeframes, self.groups)
        self.warm_up = warm_up(timeframe, self.higher_timeframes)
        self._hash = feature_set_hash(self.higher_timeframes, self.groups)
        self._state = new_state(timeframe, self.higher_timeframes)
        self._candle_ms = timeframe_ms(timeframe)
        self._told: dict[str, GroupStream] = {}
        self._listening: dict[
            str | type[object], list[GroupStream]
        ] = {}  # by kind of market event, or name of the source
        for group, how in made(Told, self.groups):
            self._told[group.name] = how.begin(self._candle_ms)
            for heard in (*how.hears, *how.sources):
                self._listening.setdefault(heard, []).append(self._told[group.name])
        self._open_ms = np.empty(1, np.int64)
        self._candle = np.empty((1, 5))
        self._leading = np.empty((1 if made(Beside, self.groups) else 0, 2))
        self._matrix = np.empty((1, ROW_WIDTH))
        self._rows = as_rows(self._matrix)
        self._place = places(len(self.higher_timeframes), has_leader=bool(made(Beside, self.groups)))

    @property
    def candles_seen(self) -> int:
        """Candles taken, filled gaps included."""
        return int(self._state["history"]["count"][0])

    @property
    def last_open_ms(self) -> int | None:
        """Open time of the newest candle, or None before the first."""
        return int(self._state["history"]["open_ms"][0]) if self.candles_seen else None

    def learn(self, event: Event) -> None:
        """Take a book, a trade or an observation; a close that comes before it was known does not see it.

        Raises ValueError for one that cannot be, or that no group of this stream is made from.
        """
        heard: str | type[object] = event.source if isinstance(event, Observation) else type(event)
        listening = self._listening.get(heard)
        if listening is None:
            what = heard if isinstance(heard, str) else heard.__name__
            raise ValueError(f"this stream has no group that is made from {what}")
        for stream in listening:
            stream.learn(event)

    def update(
        self,
        open_time: int,
        open: float,
        high: float,
        low: float,
        close: float,
        volume: float,
        *,
        leader: tuple[float, float] | None = None,
    ) -> Floats | None:
        """Take one closed candle; `open_time` in ms UTC, volume in base.

        `leader`: (close, volume) of the leader's candle with the same open time, None if there is none. Returns the
        row (len(columns),), or None in warm-up. Missing candles in between are taken as flat ones without volume.
        Raises ValueError for a candle that cannot be, and then remembers nothing of it.
        """
        self._open_ms[0] = open_time
        self._candle[0] = (open, high, low, close, volume)
        if len(self._leading):
            self._leading[0] = (np.nan, np.nan) if leader is None else leader
        elif leader is not None:
            raise ValueError("this stream has no group leader")
        _, reason = run(self._state, self._open_ms, self._candle, self._leading, self._rows)
        if reason != FINE:
            raise ValueError(f"candle {open_time} ({open}, {high}, {low}, {close}, {volume}) {REFUSALS[reason]}")
        own = self._matrix[0, self._place]
        if not self._told:
            return own.copy() if self.candles_seen > self.warm_up else None
        told = [stream.row(open_time + self._candle_ms) for stream in self._told.values()]
        return np.concatenate((own, *told)) if self.candles_seen > self.warm_up else None

    def mark(self) -> "_Mark":
        """Where the stream stands, for `rewind`; cheaper than a snapshot, and good in this process only."""
        return _Mark(self._state.view(np.uint8).copy(), [stream.mark() for stream in self._told.values()])

    def rewind(self, mark: "_Mark") -> None:
        """Back to where `mark` was taken: what came since is forgotten."""
        self._state.view(np.uint8)[:] = mark.state
        for stream, told in zip(self._told.values(), mark.told, strict=True):
            stream.rewind(told)

    def snapshot(self) -> bytes:
        """Everything needed to go on after a restart; books begin anew, with a candle whose columns are NaN."""
        state = self._state.tobytes()
        told = {name: stream.saved() for name, stream in self._told.items()}
        return msgspec.msgpack.encode(Snapshot(self._hash, self.timeframe, self.higher_timeframes, state, told))

    def restore(self, snapshot: bytes) -> None:
        """Go on from `snapshot`; raises ValueError if it was made with other definitions or timeframes."""
        try:
            saved = msgspec.msgpack.decode(snapshot, type=Snapshot)
        except msgspec.DecodeError as error:
            raise ValueError(f"not a feature snapshot: {error}") from error
        own = (self._hash, self.timeframe, self.higher_timeframes, STATE.itemsize)
        given = (saved.feature_set_hash, saved.timeframe, saved.higher_timeframes, len(saved.state))
        if given != own:
            raise ValueError(f"snapshot of {given} does not fit this stream of {own}")
        self._state = np.frombuffer(saved.state, STATE).copy()
        for name, stream in self._told.items():
            stream.restore(saved.told[name])
