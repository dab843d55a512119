"""Books and trades become one row per candle, whether they arrive now or were recorded."""

from collections.abc import Iterable
from math import inf
from typing import Any, NamedTuple

import numpy as np

from trader.domain.candle_arrays import Floats, Times
from trader.domain.market import Book, Levels, Trade
from trader.domain.observation import Observation
from trader.features.groups.group import Event
from trader.features.groups.order_book import BOOK, DEPTH, ROW, WIDTH, end_candle, see_book, see_trade

_KEPT = 8
"""Ended candles whose rows wait to be asked for; more only pile up where nobody asks."""


class _Mark(NamedTuple):
    state: np.ndarray[Any, Any]
    number: int | None
    is_whole: bool
    ended: dict[int, Floats]


class BookStream:
    """One symbol's books and trades. Events belong to the candle that their exchange time falls into.

    An event of a candle that has ended is too late and is ignored. A candle counts only if the one directly before
    it saw a book too: otherwise its beginning may have been missed. Implements `GroupStream`, for one thread.
    """

    def __init__(self, candle_ms: int) -> None:
        self._candle_ms = candle_ms
        self._state = np.zeros(1, BOOK)
        self._number: int | None = None  # of the candle being built: its open time / candle_ms
        self._is_whole = False
        self._ended: dict[int, Floats] = {}

    def learn(self, event: Event) -> None:
        """Take one book or trade. Raises ValueError for one that cannot be, and then remembers nothing of it."""
        known = _market_event(event)
        if isinstance(known, Book):
            self.on_book(known)
        else:
            self.on_trade(known)

    def on_book(self, book: Book) -> None:
        """Take one book. Raises ValueError for one that cannot be, and then remembers nothing of it."""
        if not book.bids or not book.asks or book.bid > book.ask:
            raise ValueError(f"book of {book.symbol} at {book.ts_ms} has an empty side or is crossed")
        bids, asks = _levels(book, book.bids), _levels(book, book.asks)
        if self._enter(book.ts_ms):
            see_book(self._state, bids, asks)

    def on_trade(self, trade: Trade) -> None:
        """Take one public trade. Raises ValueError for one that cannot be."""
        if not 0.0 <= trade.quantity < inf:
            raise ValueError(f"trade {trade.trade_id} of {trade.symbol} has the quantity {trade.quantity}")
        if self._enter(trade.ts_ms):
            see_trade(self._state, trade.quantity, trade.buyer_is_taker)

    def row(self, close_ms: int) -> Floats:
        """The columns (WIDTH,) of the candle that closes at `close_ms`, which ends it; NaN if it does not count."""
        number = close_ms // self._candle_ms - 1
        if self._number is not None and number >= self._number:
            self._go_to(number + 1)
        found = self._ended.pop(number, None)
        return np.full(WIDTH, np.nan) if found is None else found

    def mark(self) -> "_Mark":
        """Where the stream stands, for `rewind`."""
        return _Mark(self._state.copy(), self._number, self._is_whole, dict(self._ended))

    def rewind(self, mark: "_Mark") -> None:
        """Back to where `mark` was taken."""
        self._state[:] = mark.state
        self._number, self._is_whole, self._ended = mark.number, mark.is_whole, dict(mark.ended)

    def saved(self) -> bytes:
        """Nothing: after a restart books begin anew, with a candle whose columns are NaN."""
        return b""

    def restore(self, _saved: bytes, /) -> None:
        """Begin anew."""
        self.rewind(BookStream(self._candle_ms).mark())

    def _enter(self, ts_ms: int) -> bool:
        """Go to the candle of `ts_ms`; False if it has ended."""
        number = ts_ms // self._candle_ms
        if self._number is None:
            self._number = number
        if number > self._number:
            self._go_to(number)
        return number == self._number

    def _go_to(self, number: int) -> None:
        """End the candle being built and begin `number`."""
        assert self._number is not None
        row = np.full((1, WIDTH), np.nan)
        saw_books = int(self._state["books"][0]) > 0
        end_candle(self._state, row.view(ROW)[:, 0])
        if self._is_whole and saw_books:
            self._ended[self._number] = row[0]
            for old in sorted(self._ended)[:-_KEPT]:
                del self._ended[old]
        self._is_whole = saw_books and number == self._number + 1
        self._number = number


def book_matrix(events: Iterable[Event], open_ms: Times, candle_ms: int) -> Floats:
    """The rows (n_candles, WIDTH) of recorded books and trades, given in the order they arrived."""
    stream = BookStream(candle_ms)
    result = np.full((len(open_ms), WIDTH), np.nan)
    due = [int(opened) + candle_ms for opened in open_ms]
    at = 0
    for event in events:
        while at < len(due) and _market_event(event).ts_ms >= due[at]:
            result[at] = stream.row(due[at])
            at += 1
        stream.learn(event)
    for i in range(at, len(due)):
        result[i] = stream.row(due[i])
    return result


def _market_event(event: Event) -> Book | Trade:
    if isinstance(event, Observation):
        raise ValueError(f"books are not made from observations of {event.source}")
    return event


def _levels(book: Book, levels: Levels) -> Floats:
    """(n, 2) of one side."""
    made = np.array(levels[:DEPTH], np.float64)
    if not (made.min() > 0.0 and made.max() < inf):  # every comparison with NaN is false
        raise ValueError(f"book of {book.symbol} at {book.ts_ms} has a level that is not above 0 and finite")
    return made
