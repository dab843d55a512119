"""The listed perpetuals while market time passes: a market whose positions are valued at mark prices."""

from collections.abc import Mapping
from typing import Protocol

from trader.sandbox.market.mark import MarkPrice, Pricing, mark_price
from trader.sandbox.market.served_market import Matching, ServedMarket
from trader.sandbox.market.symbol_market import SymbolMarket


class MarkSink(Protocol):
    """Who must know mark prices (`simulation.perpetual.PerpetualExchange`)."""

    def on_mark(self, symbol: str, ts_ms: int, mark: float) -> None: ...


class PerpetualMarket(ServedMarket):
    """`marks` hears a mark price before each book. `pricings`: by symbol."""

    def __init__(
        self,
        symbols: Mapping[str, SymbolMarket],
        venue: Matching,
        base_ms: int,
        *,
        marks: MarkSink,
        pricings: Mapping[str, Pricing],
    ) -> None:
        super().__init__(symbols, venue, base_ms)
        self.pricings = pricings
        self._marks = marks

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

    def _mark(self, now_ms: int) -> None:
        for market in self.symbols.values():
            self.mark_moved(market, now_ms)
