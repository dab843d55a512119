"""What is on: which symbols there are, where their prices come from, and who moves them through time."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from trader.clock import ScaledClock
from trader.sandbox.market.listing import Listing
from trader.sandbox.market.mark import Pricing
from trader.sandbox.market.planned import Grid, PlannedSymbol, planned_symbols
from trader.sandbox.market.playback import PlannedPlayback, Playback
from trader.sandbox.market.served_market import ServedMarket
from trader.sandbox.market.source import MarketSource
from trader.sandbox.market.symbol_market import SymbolMarket


class Stage(Protocol):
    """`begin` once, then `playback` with the markets that serve the symbols."""

    @property
    def listings(self) -> Mapping[str, Listing]:
        """By unified symbol."""

    @property
    def pricings(self) -> Mapping[str, Pricing]:
        """Of the perpetuals among them."""

    @property
    def base_ms(self) -> int:
        """Length of a base candle."""

    @property
    def start_ms(self) -> int:
        """Where a fresh exchange begins."""

    def begin(self, now_ms: int) -> Mapping[str, SymbolMarket]:
        """The symbols with what is known of the time before."""

    def playback(self, markets: Sequence[ServedMarket], clock: ScaledClock, now_ms: int) -> Playback:
        """Moves them on from `now_ms`."""


class PlannedStage:
    """Candle plans, generated or recorded."""

    def __init__(
        self, source: MarketSource, listings: Mapping[str, Listing], pricings: Mapping[str, Pricing], seed: int
    ) -> None:
        self.listings = listings
        self.pricings = pricings
        self.base_ms = source.base_ms
        self.start_ms = source.start_ms
        self._source = source
        self._seed = seed
        self._symbols: dict[str, PlannedSymbol] = {}

    def begin(self, now_ms: int) -> Mapping[str, SymbolMarket]:
        grid = Grid(self.base_ms, self._seed, now_ms)
        self._symbols = planned_symbols(self.listings, self._source.begin(now_ms), grid)
        return self._symbols

    def playback(self, markets: Sequence[ServedMarket], clock: ScaledClock, now_ms: int) -> Playback:
        parts = [(market, {symbol: self._symbols[symbol] for symbol in market.symbols}) for market in markets]
        return PlannedPlayback(self._source, parts, clock, now_ms=now_ms)
