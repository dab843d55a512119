"""The live driver: one candle in, one row out, with a state that can be saved."""

from math import isfinite
from typing import Any, NamedTuple

import msgspec
import numpy as np

from trader.domain.market import Book, Trade, timeframe_ms
from trader.features.catalogue import check_groups, check_higher, column_names, feature_set_hash, positions, warm_up
from trader.features.groups.book_stream import BookStream
from trader.features.step import FINE, REFUSALS, ROW_WIDTH, STATE, as_rows, new_state, run

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
NO_FUNDING = np.empty((0, 2))


class Snapshot(msgspec.Struct, frozen=True):
    """The saved state of a stream; fits only the definitions and timeframes it was made with."""

    feature_set_hash: str
    timeframe: str
    higher_timeframes: tuple[str, str]
    state: bytes
    fundings: list[tuple[float, float]]  # told but not yet known at a close


class _Mark(NamedTuple):
    state: np.ndarray[Any, Any]
    fundings: list[tuple[float, float]]
    books: Any


class FeatureStream:
    """Features of one symbol, candle by candle.

    `columns` names what a row holds, in order. With the group `leader`, candles come with the leader's; with
    `funding`, rates are told by `learn_funding`; with `books`, books and trades by `on_book` and `on_trade`.
    Not for use by two threads at once.
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
        self._positions = positions(self.groups)
        self._state = new_state(timeframe, self.higher_timeframes)
        self._fundings: list[tuple[float, float]] = []
        self._books = BookStream(timeframe_ms(timeframe)) if "books" in self.groups else None
        self._open_ms = np.empty(1, np.int64)
        self._candle = np.empty((1, 5))
        self._leading = np.empty((1 if "leader" in self.groups else 0, 2))
        self._matrix = np.empty((1, ROW_WIDTH))
        self._rows = as_rows(self._matrix)

    @property
    def candles_seen(self) -> int:
        """Candles taken, filled gaps included."""
        return int(self._state["history"]["count"][0])

    @property
    def last_open_ms(self) -> int | None:
        """Open time of the newest candle, or None before the first."""
        return int(self._state["history"]["open_ms"][0]) if self.candles_seen else None

    @property
    def funding_known_ms(self) -> int:
        """When the newest funding rate that was told was known; 0 before the first."""
        return int(self._fundings[-1][0]) if self._fundings else int(self._state["funding"]["known_ms"][0])

    def learn_funding(self, known_ms: int, rate: float) -> None:
        """Tell a funding rate and when it was known; candles that close before then do not see it.

        Raises ValueError without the group `funding`, for a rate that is not finite or older than the one told before.
        """
        if "funding" not in self.groups:
            raise ValueError("this stream has no group funding")
        if known_ms < self.funding_known_ms:
            raise ValueError(f"funding known at {known_ms} comes after one known at {self.funding_known_ms}")
        if not isfinite(rate):
            raise ValueError(f"funding known at {known_ms} is not finite")
        self._fundings.append((known_ms, rate))

    def on_book(self, book: Book) -> None:
        """Take one book of the symbol. Raises ValueError without the group `books`."""
        self._book_stream().on_book(book)

    def on_trade(self, trade: Trade) -> None:
        """Take one public trade of the symbol. Raises ValueError without the group `books`."""
        self._book_stream().on_trade(trade)

    def _book_stream(self) -> BookStream:
        if self._books is None:
            raise ValueError("this stream has no group books")
        return self._books

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
    ) -> FloatArray | None:
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
        fundings = np.array(self._fundings) if self._fundings else NO_FUNDING
        _, reason, used = run(self._state, self._open_ms, self._candle, self._leading, fundings, self._rows)
        if reason != FINE:
            raise ValueError(f"candle {open_time} ({open}, {high}, {low}, {close}, {volume}) {REFUSALS[reason]}")
        if used:
            del self._fundings[:used]
        if self._books is None:
            return self._matrix[0, self._positions].copy() if self.candles_seen > self.warm_up else None
        books = self._books.row(open_time + timeframe_ms(self.timeframe))
        return np.concatenate((self._matrix[0, self._positions], books)) if self.candles_seen > self.warm_up else None

    def mark(self) -> "_Mark":
        """Where the stream stands, for `rewind`; cheaper than a snapshot, and good in this process only."""
        books = None if self._books is None else self._books.mark()
        return _Mark(self._state.copy(), list(self._fundings), books)

    def rewind(self, mark: "_Mark") -> None:
        """Back to where `mark` was taken: what came since is forgotten."""
        self._state[:] = mark.state
        self._fundings = list(mark.fundings)
        if self._books is not None:
            self._books.rewind(mark.books)

    def snapshot(self) -> bytes:
        """Everything needed to go on after a restart; books begin anew, with a candle whose columns are NaN."""
        state = self._state.tobytes()
        return msgspec.msgpack.encode(
            Snapshot(self._hash, self.timeframe, self.higher_timeframes, state, self._fundings)
        )

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
        self._fundings = saved.fundings
