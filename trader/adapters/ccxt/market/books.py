"""Order books from ccxt's live, mutable ones: copied, checked, and told at most ten times a second."""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from trader.domain.events import BookUpdated, MarketEvent, StreamState
from trader.domain.market import Book, Levels
from trader.market.quality import book_fault, strays

log = structlog.get_logger("ccxt.books")

INTERVAL_S = 0.1  # between two books of one symbol
EARLY_S = 0.005  # a book due so soon is told with the others
GATHER_S = 0.02  # between two looks at all books
BAD_FOR_S = 0.5  # a book may look wrong for so long while a message is being split over two
STRAY_FOR_S = 2.0
STRAY_FRAC = 0.01
FRESH_TRADE_S = 1.0
KEPT_LEVELS = 3  # times the snapshot's levels before far ones are dropped


class BookFlow:
    """Reads `books` (ccxt's, by symbol) after messages came in; `touched` is called for each of them."""

    def __init__(
        self,
        books: Callable[[], Mapping[str, Any]],
        symbols: Sequence[str],
        *,
        depth: int,
        now_ms: Callable[[], int],
        sink: Callable[[MarketEvent], None],
        on_state: Callable[[str, StreamState, str], None],
        on_seen: Callable[[str], None],
        on_broken: Callable[[str, str], None],
    ) -> None:
        self._books = books
        self._symbols = tuple(symbols)
        self._depth = depth
        self._now_ms = now_ms
        self._sink = sink
        self._on_state = on_state
        self._on_seen = on_seen
        self._on_broken = on_broken
        self._stamps: dict[str, tuple[Any, Any]] = {}
        self._told: dict[str, tuple[Levels, Levels]] = {}
        self._trades: dict[str, tuple[float, float]] = {}
        self._bad_since: dict[str, float] = {}
        self._told_at: dict[str, float] = {}
        self._last_flush = 0.0
        self._handle: asyncio.TimerHandle | None = None
        self._look_due = math.inf  # loop time of the look that is scheduled

    def top(self, symbol: str) -> tuple[Levels, Levels] | None:
        """The levels last told."""
        return self._told.get(symbol)

    def note_trade(self, symbol: str, price: float, now: float) -> None:
        """A trade at loop time `now`; a book that stays far from fresh trades is wrong."""
        self._trades[symbol] = (price, now)

    def touched(self) -> None:
        """Messages came in; look at the books soon, together with those that come in meanwhile."""
        now = asyncio.get_running_loop().time()
        if self._look_due > now:  # else a look is about to happen
            self._look_at(max(now, self._last_flush + GATHER_S))

    def _look_at(self, when: float) -> None:
        if when < self._look_due:
            self.stop()
            self._look_due = when
            self._handle = asyncio.get_running_loop().call_at(when, self.flush)

    def stop(self) -> None:
        """Flush no more."""
        if self._handle is not None:
            self._handle.cancel()
        self._handle, self._look_due = None, math.inf

    def forget(self, symbol: str) -> None:
        """Drop what is known of a book that is about to be rebuilt."""
        self._stamps.pop(symbol, None)
        self._told.pop(symbol, None)
        self._bad_since.pop(symbol, None)

    def flush(self) -> None:
        """Look at every book that changed and is due."""
        self._handle, self._look_due = None, math.inf
        self._last_flush = now = asyncio.get_running_loop().time()
        books, next_due = self._books(), math.inf
        for symbol in self._symbols:
            book = books.get(symbol)
            if book is None:
                if symbol in self._stamps:  # ccxt found a hole in the updates and threw the book away
                    self.forget(symbol)
                    self._on_broken(symbol, "updates are missing")
                continue
            stamp = (book.get("nonce"), book.get("timestamp"))
            if stamp == self._stamps.get(symbol) and stamp != (None, None):
                continue
            due = self._told_at.get(symbol, 0.0) + INTERVAL_S
            if now >= due - EARLY_S:
                self._look(symbol, book, stamp, now)
            else:
                next_due = min(next_due, due)
        if next_due < math.inf:
            self._look_at(max(next_due, now + GATHER_S))

    def _look(self, symbol: str, book: Any, stamp: tuple[Any, Any], now: float) -> None:
        bids, asks = _levels(book["bids"], self._depth), _levels(book["asks"], self._depth)
        is_syncing = (not bids and not asks) or (stamp[0] is None and self._stamps.get(symbol, stamp)[0] is not None)
        if is_syncing:
            return
        self._stamps[symbol] = stamp
        if not self._is_sound(symbol, bids, asks, now):
            return
        if stamp[0] is not None or self._told.get(symbol) != (bids, asks):
            self._on_seen(symbol)
        if self._told.get(symbol) != (bids, asks):
            self._told[symbol] = (bids, asks)
            self._told_at[symbol] = now
            self._sink(BookUpdated(book=Book(symbol, int(stamp[1] or self._now_ms()), bids, asks)))
        _drop_far_levels(book)

    def _is_sound(self, symbol: str, bids: Levels, asks: Levels, now: float) -> bool:
        """False while the book is quarantined; a fault that lasts has it rebuilt."""
        fault, patience_s = book_fault(bids, asks), BAD_FOR_S
        price, traded = self._trades.get(symbol, (0.0, 0.0))
        if fault is None and now - traded < FRESH_TRADE_S and strays(bids, asks, price, STRAY_FRAC):
            fault, patience_s = f"{bids[0][0]} / {asks[0][0]} is far from the last trade at {price}", STRAY_FOR_S
        if fault is None:
            self._bad_since.pop(symbol, None)
            return True
        since = self._bad_since.setdefault(symbol, now)
        if since == now:
            self._on_state(symbol, StreamState.STALE, fault)
        if now - since >= patience_s:
            log.warning("book.broken", symbol=symbol, fault=fault)
            self.forget(symbol)
            self._on_broken(symbol, fault)
        return False


def _levels(side: Any, depth: int) -> Levels:
    return tuple((float(level[0]), float(level[1])) for level in side[:depth])


def _drop_far_levels(book: Any) -> None:
    """ccxt trims a book only for whoever waits on it; without that it grows for ever."""
    depth = book["bids"]._depth  # noqa: SLF001 - ccxt keeps it to itself
    if max(len(book["bids"]), len(book["asks"])) > KEPT_LEVELS * depth:
        book.limit()
