"""The published book of one symbol: its snapshot, and the numbered differences from one to the next."""

from trader.domain.market import Levels
from trader.sandbox.market.depth import DepthBook, DepthSide
from trader.sandbox.market.listing import Listing
from trader.sandbox.market.numbers import text

Pairs = list[list[str]]  # [[price, quantity], ...]
_Side = dict[int, int]  # price ticks -> quantity steps


class BestQuote:
    """Best bid and ask as strings."""

    __slots__ = ("ask", "ask_quantity", "bid", "bid_quantity")

    def __init__(self, bid: str, bid_quantity: str, ask: str, ask_quantity: str) -> None:
        self.bid, self.bid_quantity, self.ask, self.ask_quantity = bid, bid_quantity, ask, ask_quantity


class PublishedBook:
    """Every change of a level takes one update id, so a diff covers the ids `first..last`."""

    def __init__(self, listing: Listing, first_update_id: int) -> None:
        self._tick = float(listing.instrument.price_tick)
        self._step = float(listing.instrument.quantity_step)
        self._price_decimals = listing.price_decimals
        self._quantity_decimals = listing.quantity_decimals
        self.update_id = first_update_id
        self._bids: _Side = {}
        self._asks: _Side = {}

    @property
    def is_empty(self) -> bool:
        return not self._bids

    def update(self, book: DepthBook) -> "BookDiff":
        """Takes over `book`; what changed, with its update ids."""
        bids, asks = _levels(book.bids), _levels(book.asks)
        first = self.update_id + 1
        changed_bids, changed_asks = self._changes(self._bids, bids), self._changes(self._asks, asks)
        self._bids, self._asks = bids, asks
        self.update_id += len(changed_bids) + len(changed_asks)
        return BookDiff(first, self.update_id, changed_bids, changed_asks)

    def copy_from(self, other: "PublishedBook") -> "BookDiff":
        """Catches up with `other`, the faster channel of the same symbol."""
        first = self.update_id + 1
        new_bids, new_asks = other.sides
        bids, asks = self._changes(self._bids, new_bids), self._changes(self._asks, new_asks)
        self._bids, self._asks, self.update_id = new_bids, new_asks, other.update_id
        return BookDiff(first, self.update_id, bids, asks)

    @property
    def sides(self) -> tuple[_Side, _Side]:
        """(bids, asks), best first, in ticks and steps."""
        return self._bids, self._asks

    def pairs(self, limit: int) -> tuple[Pairs, Pairs]:
        """(bids, asks), best first, as Binance writes them."""
        return (
            [self._pair(tick, step) for tick, step in list(self._bids.items())[:limit]],
            [self._pair(tick, step) for tick, step in list(self._asks.items())[:limit]],
        )

    def levels(self) -> tuple[Levels, Levels]:
        """(bids, asks), best first, as numbers."""
        return self._floats(self._bids), self._floats(self._asks)

    def levels_of(self, book: DepthBook) -> tuple[Levels, Levels]:
        """The same for a book that is not published."""
        return self._floats(_levels(book.bids)), self._floats(_levels(book.asks))

    def best(self) -> BestQuote:
        bid, ask = next(iter(self._bids.items())), next(iter(self._asks.items()))
        return BestQuote(*self._pair(*bid), *self._pair(*ask))

    def _floats(self, side: _Side) -> Levels:
        return tuple(
            (round(tick * self._tick, self._price_decimals), round(step * self._step, self._quantity_decimals))
            for tick, step in side.items()
        )

    def _pair(self, tick: int, step: int) -> list[str]:
        return [text(round(tick * self._tick, 8)), text(round(step * self._step, 8))]

    def _changes(self, old: _Side, new: _Side) -> Pairs:
        changed = [self._pair(tick, step) for tick, step in new.items() if old.get(tick) != step]
        return changed + [self._pair(tick, 0) for tick in old if tick not in new]


class BookDiff:
    """Changed levels, with the update ids `first` to `last`; a removed level has quantity zero."""

    __slots__ = ("asks", "bids", "first", "last")

    def __init__(self, first: int, last: int, bids: Pairs, asks: Pairs) -> None:
        self.first, self.last, self.bids, self.asks = first, last, bids, asks

    @property
    def previous(self) -> int:
        """The last update id of the diff before this one."""
        return self.first - 1

    @property
    def is_empty(self) -> bool:
        return not (self.bids or self.asks)


def _levels(side: DepthSide) -> _Side:
    return dict(zip(side.ticks.tolist(), side.steps.tolist(), strict=True))
