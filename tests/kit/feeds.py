"""Market feeds that a test drives by hand."""

import asyncio
from collections.abc import Mapping, Sequence

from trader.domain.events import BookUpdated, MarketEvent, StreamChanged, StreamState, TradePrinted
from trader.domain.instrument import Instrument
from trader.domain.market import Book, Candle, FundingRate, Levels, Trade
from trader.ports import MarketSink


class HandFeed:
    """A `MarketFeed` whose events a test pushes; they reach the sink inside `push`. Needs a running `run`."""

    def __init__(self, instruments: Mapping[str, Instrument], candles: Sequence[Candle] = ()) -> None:
        self._instruments = instruments
        self._candles = candles
        self._sinks: list[MarketSink] = []
        self._running = asyncio.Event()
        self.times_closed = 0

    async def instruments(self) -> Mapping[str, Instrument]:
        return self._instruments

    async def candles(self, symbol: str, timeframe: str, since_ms: int, limit: int) -> list[Candle]:
        return [c for c in self._candles if c.symbol == symbol and c.open_ms >= since_ms][:limit]

    async def funding(self, symbol: str, since_ms: int) -> list[FundingRate]:
        return []

    async def run(self, sink: MarketSink) -> None:
        self._sinks.append(sink)
        self._running.set()
        try:
            await asyncio.Event().wait()
        finally:
            self._sinks.remove(sink)

    async def close(self) -> None:
        self.times_closed += 1

    async def is_running(self) -> None:
        """Wait until somebody listens."""
        await self._running.wait()

    def push(self, event: MarketEvent) -> None:
        """Deliver one event to whoever runs this feed."""
        assert self._sinks, "nobody runs this feed"
        for sink in tuple(self._sinks):
            sink(event)

    def book(self, symbol: str, ts_ms: int, bids: Levels, asks: Levels) -> None:
        self.push(BookUpdated(book=Book(symbol, ts_ms, bids, asks)))

    def trade(self, symbol: str, ts_ms: int, price: float, quantity: float, *, buyer_is_taker: bool) -> None:
        self.push(TradePrinted(trade=Trade(symbol, ts_ms, f"t{ts_ms}", price, quantity, buyer_is_taker)))

    def goes_stale(self, symbol: str) -> None:
        self.push(StreamChanged(symbol=symbol, state=StreamState.STALE, reason="silent"))
