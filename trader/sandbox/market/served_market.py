"""The symbols of one exchange while market time passes: what matching sees of them, and who hears of it."""

from collections.abc import Mapping
from typing import Protocol

from trader.domain.market import Levels
from trader.sandbox.market.candles import INTERVALS, interval_ms
from trader.sandbox.market.symbol_market import PublicTrade, ServedDiff, SymbolMarket

_SLOW_EVERY = 10  # ticks between what an exchange tells once a second


class Matching(Protocol):
    """Who matches orders against this market (`simulation.exchange.SimulatedExchange`)."""

    def on_book(self, symbol: str, ts_ms: int, bids: Levels, asks: Levels) -> None: ...
    def on_trade(self, symbol: str, ts_ms: int, price: float, quantity: float, buyer_is_taker: bool) -> None: ...
    def is_watching(self, symbol: str) -> bool:
        """Whether anything of the account depends on every single book of `symbol`."""


class Audience(Protocol):
    """Who is told what happens: the streams of an exchange, in its own words."""

    def traded(self, market: SymbolMarket, trade: PublicTrade, *, opens_candle: bool) -> None:
        """Others traded; `opens_candle`: it is the first trade of a base candle."""

    def candle_closed(self, close_ms: int) -> None:
        """The running base candle has ended in every symbol."""

    def book_changed(self, market: SymbolMarket, diff: ServedDiff, now_ms: int) -> None:
        """What changed since the tick before; never empty."""

    def ticked(self, now_ms: int) -> None:
        """Every book is as of `now_ms`."""

    def slow_book_changed(self, market: SymbolMarket, diff: ServedDiff, now_ms: int) -> None:
        """What changed since the last call, perhaps nothing; once in several ticks."""

    def slowly_ticked(self, now_ms: int) -> None:
        """The same for every symbol is told."""


class ServedMarket:
    """The listed symbols of one exchange on a grid of base candles. A `Playback` moves them through time and tells
    this market what happened; it tells matching and its audience (nobody, until `audience` is set)."""

    def __init__(self, symbols: Mapping[str, SymbolMarket], venue: Matching, base_ms: int) -> None:
        self.base_ms = base_ms
        lengths = {name: interval_ms(name) or 0 for name in INTERVALS}
        self.intervals = {name: length for name, length in lengths.items() if length and length % base_ms == 0}
        self.symbols = symbols
        self.by_id = {market.id: market for market in symbols.values()}
        self.audience: Audience | None = None
        self._venue = venue
        self._ticks = 0

    def traded(self, market: SymbolMarket, trade: PublicTrade, *, opens_candle: bool) -> None:
        """Others traded, or something was settled beside the book, which no order of ours takes part in."""
        if trade.is_of_book:
            self._venue.on_trade(market.symbol, trade.told_ms, trade.price, trade.quantity, trade.buyer_is_taker)
        if self.audience is not None:
            self.audience.traded(market, trade, opens_candle=opens_candle)

    def book_moved(self, market: SymbolMarket, ts_ms: int) -> None:
        """The book changed between two tellings: only who has orders in it must know."""
        if self._venue.is_watching(market.symbol):
            self._venue.on_book(market.symbol, ts_ms, *market.book.levels())

    def mark_moved(self, market: SymbolMarket, ts_ms: int) -> None:
        """Another mark price, where there are any."""

    def candle_closed(self, close_ms: int) -> None:
        """The running base candle has ended in every symbol."""
        if self.audience is not None:
            self.audience.candle_closed(close_ms)

    def show_venue(self, now_ms: int) -> None:
        """Catching up after a pause: orders are matched against books of their time, which nobody else is told."""
        for market in self.symbols.values():
            self._venue.on_book(market.symbol, now_ms, *market.levels_at(now_ms))

    def begin(self, now_ms: int) -> None:
        """The first books."""
        self._update_books(now_ms)
        for market in self.symbols.values():
            market.update_slow_book()  # nobody has heard anything yet

    def tell(self, now_ms: int) -> None:
        """Time has come to `now_ms`: the books as they are now, and everything that is told at intervals."""
        self._ticks += 1
        self._update_books(now_ms)
        if self.audience is not None:
            self.audience.ticked(now_ms)
        if self._ticks % _SLOW_EVERY == 0:
            self._update_slow_books(now_ms)

    def _update_books(self, now_ms: int) -> None:
        for market in self.symbols.values():
            diff = market.update_book(now_ms)
            self._venue.on_book(market.symbol, now_ms, *market.book.levels())
            if self.audience is not None and not diff.is_empty:
                self.audience.book_changed(market, diff, now_ms)

    def _update_slow_books(self, now_ms: int) -> None:
        for market in self.symbols.values():
            diff = market.update_slow_book()
            if self.audience is not None:
                self.audience.slow_book_changed(market, diff, now_ms)
        if self.audience is not None:
            self.audience.slowly_ticked(now_ms)
