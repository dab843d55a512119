"""A recorded book while it is played: every level that is known, and what changed since somebody was told."""

from bisect import bisect_left, insort
from collections.abc import Iterable

from trader.domain.market import Levels
from trader.sandbox.market.numbers import text
from trader.sandbox.market.orderbook import BestQuote, Pairs

MATCHED_LEVELS = 500  # per side: what our orders can see and take


class BookSide:
    """Levels by key: the price, negated on the bid side, so that the best one is always the least."""

    __slots__ = ("keys", "sizes")

    def __init__(self) -> None:
        self.keys: list[float] = []  # rising
        self.sizes: dict[float, float] = {}

    def set(self, key: float, size: float) -> None:
        """There is `size` at that price now."""
        sizes = self.sizes
        if size:
            if key not in sizes:
                insort(self.keys, key)
            sizes[key] = size
        elif key in sizes:
            del sizes[key], self.keys[bisect_left(self.keys, key)]

    def levels(self, most: int) -> Levels:
        sizes = self.sizes
        return tuple((abs(key), sizes[key]) for key in self.keys[:most])

    def pairs(self, keys: Iterable[float]) -> Pairs:
        """[price, quantity] of each, in Binance's words; quantity zero for a level that is gone."""
        return [[text(abs(key)), text(self.sizes.get(key, 0.0))] for key in keys]


class RecordedBook:
    """Levels come and go as they were recorded, with the update ids of the recording."""

    def __init__(self) -> None:
        self.update_id = 0
        self.bids = BookSide()
        self.asks = BookSide()
        self.fast = Told(self)  # since the quick depth channel was told
        self.slow = Told(self)

    def apply(self, first_id: int, last_id: int, previous_id: int, rows: Iterable[tuple[float, float]]) -> None:
        """One depth update: (key, size) of every level in it."""
        bids, asks, changed = self.bids, self.asks, self.fast.changed
        for key, size in rows:
            (bids if key < 0 else asks).set(key, size)
            changed.add(key)
        self.fast.cover(first_id, previous_id)
        self.update_id = last_id

    def pairs(self, limit: int) -> tuple[Pairs, Pairs]:
        """(bids, asks), best first, as Binance writes them."""
        return self.bids.pairs(self.bids.keys[:limit]), self.asks.pairs(self.asks.keys[:limit])

    def levels(self) -> tuple[Levels, Levels]:
        """(bids, asks), best first, as numbers."""
        return self.bids.levels(MATCHED_LEVELS), self.asks.levels(MATCHED_LEVELS)

    def best(self) -> BestQuote:
        (bid, ask) = self.pairs(1)
        return BestQuote(*bid[0], *ask[0])

    def take_fast(self) -> "RecordedDiff":
        """What changed since the last call."""
        self.slow.changed |= self.fast.changed
        if self.fast.is_covering:
            self.slow.cover(self.fast.first_id, self.fast.previous_id)
        return self.fast.take()

    def take_slow(self) -> "RecordedDiff":
        """What changed between the last `take_fast` and the one that the last call of this saw."""
        return self.slow.take()


class Told:
    """Which levels changed, and from which update id on, since one channel was told."""

    __slots__ = ("_book", "changed", "first_id", "is_covering", "previous_id")

    def __init__(self, book: RecordedBook) -> None:
        self._book = book
        self.changed: set[float] = set()
        self.is_covering = False
        self.first_id = self.previous_id = 0

    def cover(self, first_id: int, previous_id: int) -> None:
        if not self.is_covering:
            self.is_covering, self.first_id, self.previous_id = True, first_id, previous_id

    def take(self) -> "RecordedDiff":
        diff = RecordedDiff(self._book, self.previous_id, self.first_id, self.changed)
        self.changed, self.is_covering = set(), False
        return diff


class RecordedDiff:
    """Several recorded updates in one, as an exchange itself sums up a quicker stream: each level's last quantity.

    Good until the book moves on: it looks the quantities up when they are asked for.
    """

    __slots__ = ("_book", "_changed", "first", "last", "previous")

    def __init__(self, book: RecordedBook, previous: int, first: int, changed: set[float]) -> None:
        self._book = book
        self._changed = changed
        self.previous, self.first, self.last = previous, first, book.update_id

    @property
    def bids(self) -> Pairs:
        return self._book.bids.pairs(sorted(key for key in self._changed if key < 0))

    @property
    def asks(self) -> Pairs:
        return self._book.asks.pairs(sorted(key for key in self._changed if key > 0))

    @property
    def is_empty(self) -> bool:
        return not self._changed
