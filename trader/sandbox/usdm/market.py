"""The listed perpetuals while market time passes: a market whose positions are valued at mark prices."""

from collections.abc import Mapping
from typing import Protocol

from trader.sandbox.market import Market, MatchingVenue, Publisher
from trader.sandbox.symbol_market import SymbolMarket
from trader.sandbox.usdm.mark import MarkPrice, Pricing, mark_price
from trader.sandbox.usdm.messages import UsdmMessages, mark_event

_MARKS_EVERY = 10  # ticks between messages of the mark price streams
_MARK_STREAMS = ("markPrice", "markPrice@1s")


class Marks(Protocol):
    """Who must know mark prices (`simulation.perpetual.PerpetualExchange`)."""

    def on_mark(self, symbol: str, ts_ms: int, mark: float) -> None: ...


class UsdmMarket(Market):
    """`marks` hears a mark price before each book. `pricings`: by symbol."""

    def __init__(
        self,
        symbols: Mapping[str, SymbolMarket],
        venue: MatchingVenue,
        publisher: Publisher,
        base_ms: int,
        *,
        marks: Marks,
        pricings: Mapping[str, Pricing],
    ) -> None:
        super().__init__(symbols, venue, publisher, base_ms, UsdmMessages())
        self.pricings = pricings
        self._marks = marks
        self._since_marks = 0

    def price_of(self, market: SymbolMarket, now_ms: int) -> MarkPrice:
        """Mark price, index and funding now."""
        return mark_price(market.series.last_price, self.pricings[market.symbol], now_ms)

    def mark_moved(self, market: SymbolMarket, ts_ms: int) -> None:
        mark, _ = self.pricings[market.symbol].mark_and_index(market.series.last_price, ts_ms)
        self._marks.on_mark(market.symbol, ts_ms, mark)

    def show_venue(self, now_ms: int) -> None:
        self._mark(now_ms)
        super().show_venue(now_ms)

    def begin(self, now_ms: int) -> None:
        self._mark(now_ms)
        super().begin(now_ms)

    def tell(self, now_ms: int) -> None:
        self._mark(now_ms)
        super().tell(now_ms)
        self._since_marks += 1
        if self._since_marks >= _MARKS_EVERY:
            self._since_marks = 0
            self._publish_marks(now_ms)

    def _mark(self, now_ms: int) -> None:
        for market in self.symbols.values():
            self.mark_moved(market, now_ms)

    def _publish_marks(self, now_ms: int) -> None:
        everybody = [f"!{name.replace('Price', 'Price@arr')}" for name in _MARK_STREAMS]
        wanted = any(self._publisher.wants(name) for name in everybody)
        told = []
        for market in self.symbols.values():
            names = [name for each in _MARK_STREAMS if self._publisher.wants(name := f"{market.stream}@{each}")]
            if not names and not wanted:
                continue
            event = mark_event(market.id, self.price_of(market, now_ms), now_ms)
            for name in names:
                self._publisher.publish(name, event)
            told.append(event)
        for name in everybody:
            self._tell(name, told)
