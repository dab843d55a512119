"""One symbol while the market runs: what is told of its trades, candles and book."""

from abc import ABC, abstractmethod
from collections import deque
from typing import Protocol

import msgspec

from trader.domain.market import Levels
from trader.sandbox.market.candles import CandleSeries
from trader.sandbox.market.listing import Listing
from trader.sandbox.market.numbers import text
from trader.sandbox.market.orderbook import BestQuote, Pairs

RECENT_TRADES = 1_000  # what REST can tell
MARKET_TRADE = "MARKET"


class PublicTrade(msgspec.Struct, frozen=True):
    """One print of the tape."""

    trade_id: int
    ts_ms: int  # when it was matched
    told_ms: int  # when the exchange told of it
    price: float
    quantity: float
    buyer_is_taker: bool
    kind: str = MARKET_TRADE  # others happened beside the book: INSURANCE_FUND, ADL

    @property
    def is_of_book(self) -> bool:
        return self.kind == MARKET_TRADE


class ServedBook(Protocol):
    """A book as REST and the streams know it."""

    @property
    def update_id(self) -> int: ...
    def pairs(self, limit: int) -> tuple[Pairs, Pairs]:
        """(bids, asks), best first, as Binance writes them."""

    def levels(self) -> tuple[Levels, Levels]:
        """(bids, asks), best first, as matching sees them."""

    def best(self) -> BestQuote: ...


class ServedDiff(Protocol):
    """What changed in a book: the update ids `first` to `last`, and the last one `previous` to them."""

    @property
    def previous(self) -> int: ...
    @property
    def first(self) -> int: ...
    @property
    def last(self) -> int: ...
    @property
    def bids(self) -> Pairs: ...
    @property
    def asks(self) -> Pairs: ...
    @property
    def is_empty(self) -> bool: ...


class SymbolMarket(ABC):
    """What `Market` and the doors know of a symbol; who moves it is a matter of its subclasses."""

    book: ServedBook

    def __init__(self, listing: Listing, series: CandleSeries) -> None:
        self.listing = listing
        self.id = listing.id
        self.symbol = listing.instrument.symbol
        self.stream = listing.id.lower()  # how stream names begin
        self.series = series
        self.trades: deque[PublicTrade] = deque(maxlen=RECENT_TRADES)

    @abstractmethod
    def update_book(self, now_ms: int) -> ServedDiff:
        """Moves the book to that time; what changed since the last call."""

    @abstractmethod
    def update_slow_book(self) -> ServedDiff:
        """What changed since the slow depth channel was told."""

    @abstractmethod
    def levels_at(self, now_ms: int) -> tuple[Levels, Levels]:
        """(bids, asks) of the book at that time, published or not."""

    @abstractmethod
    def best(self) -> tuple[int, BestQuote]:
        """(update id, best bid and ask)."""

    @abstractmethod
    def first_trade_id(self, open_ms: float) -> int:
        """Id of the first trade from that time on."""

    @property
    def last_trade_id(self) -> int:
        return self.trades[-1].trade_id if self.trades else 0

    @property
    def last_quantity(self) -> str:
        return text(self.trades[-1].quantity if self.trades else 0.0)
