"""The live driver: one candle in, one row out, with a state that can be saved."""

from typing import Any

import msgspec
import numpy as np

from trader.features.catalogue import COLUMNS, catalogue, check_higher, feature_set_hash, warm_up
from trader.features.step import FINE, REFUSALS, STATE, as_rows, new_state, run

FloatArray = np.ndarray[Any, np.dtype[np.float64]]


class Snapshot(msgspec.Struct, frozen=True):
    """The saved state of a stream; fits only the definitions and timeframes it was made with."""

    feature_set_hash: str
    timeframe: str
    higher_timeframes: tuple[str, str]
    state: bytes


class FeatureStream:
    """Features of one symbol, candle by candle.

    `columns` names what a row holds, in order. Not for use by two threads at once.
    """

    def __init__(
        self, timeframe: str, groups: tuple[str, ...] = (), *, higher_timeframes: tuple[str, ...] | None = None
    ) -> None:
        if groups:
            raise ValueError(f"groups {', '.join(groups)}: not known; allowed: none")
        self.timeframe = timeframe
        self.higher_timeframes = check_higher(timeframe, higher_timeframes)
        self.columns = tuple(feature.name for feature in catalogue(self.higher_timeframes))
        self.warm_up = warm_up(timeframe, self.higher_timeframes)
        self._state = new_state(timeframe, self.higher_timeframes)
        self._open_ms = np.empty(1, np.int64)
        self._candle = np.empty((1, 5))
        self._matrix = np.empty((1, len(COLUMNS)))
        self._rows = as_rows(self._matrix)

    @property
    def candles_seen(self) -> int:
        """Candles taken, filled gaps included."""
        return int(self._state["history"]["count"][0])

    @property
    def last_open_ms(self) -> int | None:
        """Open time of the newest candle, or None before the first."""
        return int(self._state["history"]["open_ms"][0]) if self.candles_seen else None

    def update(
        self, open_time: int, open: float, high: float, low: float, close: float, volume: float
    ) -> FloatArray | None:
        """Take one closed candle; `open_time` in ms UTC, volume in base.

        Returns the row (len(columns),), or None in warm-up. Missing candles in between are taken as flat ones
        without volume. Raises ValueError for a candle that cannot be, and then remembers nothing of it.
        """
        self._open_ms[0] = open_time
        self._candle[0] = (open, high, low, close, volume)
        _, reason = run(self._state, self._open_ms, self._candle, self._rows)
        if reason != FINE:
            raise ValueError(f"candle {open_time} ({open}, {high}, {low}, {close}, {volume}) {REFUSALS[reason]}")
        return self._matrix[0].copy() if self.candles_seen > self.warm_up else None

    def snapshot(self) -> bytes:
        """Everything needed to go on after a restart."""
        return msgspec.msgpack.encode(
            Snapshot(
                feature_set_hash(self.higher_timeframes), self.timeframe, self.higher_timeframes, self._state.tobytes()
            )
        )

    def restore(self, snapshot: bytes) -> None:
        """Go on from `snapshot`; raises ValueError if it was made with other definitions or timeframes."""
        try:
            saved = msgspec.msgpack.decode(snapshot, type=Snapshot)
        except msgspec.DecodeError as error:
            raise ValueError(f"not a feature snapshot: {error}") from error
        own = (feature_set_hash(self.higher_timeframes), self.timeframe, self.higher_timeframes, STATE.itemsize)
        given = (saved.feature_set_hash, saved.timeframe, saved.higher_timeframes, len(saved.state))
        if given != own:
            raise ValueError(f"snapshot of {given} does not fit this stream of {own}")
        self._state = np.frombuffer(saved.state, STATE).copy()
