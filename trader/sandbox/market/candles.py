"""Candle history of one symbol, and every longer interval made of it exactly."""

import numpy as np

from trader.domain.errors import Misconfigured
from trader.domain.market import timeframe_ms
from trader.domain.units import DAY_MS, WEEK_MS
from trader.sandbox.market.source import COLUMNS, Floats, Ints

INTERVALS = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w")
MAX_CANDLES = 50_000  # base candles kept; the oldest go first
_WEEK_OFFSET_MS = 4 * DAY_MS  # weeks begin on Monday, the epoch was a Thursday
_OPEN, _HIGH, _LOW, _CLOSE = 1, 2, 3, 4


def interval_ms(interval: str) -> int | None:
    """Length of a Binance interval, or None for one that is not served."""
    if interval not in INTERVALS:
        return None
    if interval == "1w":
        return WEEK_MS
    try:
        return timeframe_ms(interval)
    except Misconfigured:
        return None


def bucket_open(open_ms: Ints, length_ms: int) -> Ints:
    """Open time of the longer candle that each base candle belongs to."""
    offset = _WEEK_OFFSET_MS if length_ms == WEEK_MS else 0
    return (open_ms - offset) // length_ms * length_ms + offset


class CandleSeries:
    """Closed base candles (n, len(COLUMNS)), oldest first, plus the one that is running."""

    def __init__(self, base_ms: int, rows: Floats) -> None:
        self.base_ms = base_ms
        rows = rows[-MAX_CANDLES:]
        self._rows = np.empty((max(1_024, 2 * len(rows)), len(COLUMNS)))
        self._rows[: len(rows)] = rows
        self._count = len(rows)
        self.running: tuple[float, ...] | None = None
        self._dropped: tuple[float, ...] = ()  # the newest candle, where it ended without having been seen whole

    def append(self, row: tuple[float, ...]) -> None:
        """The running candle has closed as `row`."""
        if self._count == len(self._rows):
            kept = self._rows[-MAX_CANDLES:]
            self._rows = np.concatenate((kept, np.empty_like(kept)))
            self._count = len(kept)
        self._rows[self._count] = row
        self._count += 1
        self.running, self._dropped = None, ()

    def drop(self) -> None:
        """The running candle has ended, and its beginning was never known: it is not a candle."""
        self._dropped, self.running = self.running or self._dropped, None

    @property
    def closed(self) -> Floats:
        """A view of every closed base candle."""
        return self._rows[: self._count]

    @property
    def newest(self) -> Floats:
        """(1, len(COLUMNS)): the running candle or the one before; empty before the first trade of all."""
        if self.running or self._dropped:
            return np.array([self.running or self._dropped])
        return self.closed[-1:]

    @property
    def first_ms(self) -> int:
        """Open time of the oldest candle; 0 before the first trade of all."""
        oldest = self.closed[:1] if self._count else self.newest
        return int(oldest[0, 0]) if len(oldest) else 0

    @property
    def last_price(self) -> float:
        """0 before the first trade of all."""
        if self.running:
            return self.running[_CLOSE]
        newest = self.newest
        return float(newest[0, _CLOSE]) if len(newest) else 0.0

    def window(self, length_ms: int, *, start_ms: int | None, end_ms: int | None, limit: int) -> Floats:
        """Up to `limit` candles of a multiple of the base: from `start_ms` on, or else the newest ones.

        `start_ms` and `end_ms` bound the open time, inclusive. The last one may still be running.
        """
        closed = self.closed
        opens = closed[:, 0]
        low = 0 if start_ms is None else int(np.searchsorted(opens, start_ms, "left"))
        high = len(opens) if end_ms is None else int(np.searchsorted(opens, end_ms + length_ms, "left"))
        per = length_ms // self.base_ms
        room = (limit + 1) * per
        if start_ms is None:
            low = max(low, high - room)
        else:
            high = min(high, low + room)
        rows = closed[low:high]
        if self.running is not None and high == len(opens):
            rows = np.concatenate((rows, np.array([self.running])))
        if per > 1 and len(rows):
            longer = resampled(rows, length_ms)
            rows = longer[1:] if self._begins_inside(longer[0, 0], rows[0, 0], low) else longer
        return _bounded(rows, start_ms, end_ms, limit)

    def current(self, length_ms: int) -> tuple[float, ...] | None:
        """The candle of this length that is running now (as far as it has come)."""
        rows = self.window(length_ms, start_ms=None, end_ms=None, limit=1)
        return tuple(rows[-1].tolist()) if len(rows) else None

    def _begins_inside(self, bucket_ms: float, first_ms: float, low: int) -> bool:
        """Whether the window cut the beginning off its first longer candle (a gap there cuts nothing off)."""
        if low == 0:
            return first_ms > bucket_ms
        return bool(self._rows[low - 1, 0] >= bucket_ms)


def resampled(rows: Floats, length_ms: int) -> Floats:
    """Base candles (n, len(COLUMNS)) merged into candles of `length_ms`; gaps stay gaps."""
    if not len(rows):
        return rows
    buckets = bucket_open(rows[:, 0].astype(np.int64), length_ms)
    first = np.flatnonzero(np.concatenate(([True], buckets[1:] != buckets[:-1])))
    last = np.concatenate((first[1:], [len(rows)])) - 1
    out = np.empty((len(first), len(COLUMNS)))
    out[:, 0] = buckets[first]
    out[:, _OPEN] = rows[first, _OPEN]
    out[:, _HIGH] = np.maximum.reduceat(rows[:, _HIGH], first)
    out[:, _LOW] = np.minimum.reduceat(rows[:, _LOW], first)
    out[:, _CLOSE] = rows[last, _CLOSE]
    out[:, 5:] = np.round(np.add.reduceat(rows[:, 5:], first, axis=0), 8)
    return out


def _bounded(rows: Floats, start_ms: int | None, end_ms: int | None, limit: int) -> Floats:
    if end_ms is not None:
        rows = rows[rows[:, 0] <= end_ms]
    if start_ms is None:
        return rows[-limit:]
    return rows[rows[:, 0] >= start_ms][:limit]
