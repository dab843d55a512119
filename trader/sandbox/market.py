"""Runs a market source against the clock: trades and candles in market time, books at most ten times a real second."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog

from trader.clock import ScaledClock
from trader.domain.market import Levels
from trader.sandbox.candles import INTERVALS, CandleSeries, interval_ms
from trader.sandbox.depth import DepthModel
from trader.sandbox.listing import Listing
from trader.sandbox.numbers import text
from trader.sandbox.source import STEPS_PER_CANDLE, MarketSource
from trader.sandbox.symbol_market import PublicTrade, SymbolMarket
from trader.sandbox.ticker import DayStatistics, kline_event

log = structlog.get_logger(__name__)

_SLOW_EVERY = 10  # ticks between messages of the channels that Binance sends once a second
_KLINE_EVERY = 3  # ticks between updates of a running candle


class Publisher(Protocol):
    """Where market messages go."""

    def wants(self, stream: str) -> bool:
        """Whether anybody listens."""

    def publish(self, stream: str, message: object) -> None: ...


class MatchingVenue(Protocol):
    """Who matches orders against this market (`simulation.exchange.SimulatedExchange`)."""

    def on_book(self, symbol: str, ts_ms: int, bids: Levels, asks: Levels) -> None: ...
    def on_trade(self, symbol: str, ts_ms: int, price: float, quantity: float, buyer_is_taker: bool) -> None: ...


class Market:
    """All symbols on one grid of base candles. `tick` takes any later time and makes up for what passed."""

    def __init__(
        self,
        source: MarketSource,
        listings: Mapping[str, Listing],
        clock: ScaledClock,
        venue: MatchingVenue,
        publisher: Publisher,
        *,
        seed: int,
        now_ms: int,
    ) -> None:
        self.clock = clock
        self.base_ms = source.base_ms
        self.start_ms = source.start_ms
        self.is_finished = False
        lengths = {name: interval_ms(name) or 0 for name in INTERVALS}
        self.intervals = {name: length for name, length in lengths.items() if length and length % self.base_ms == 0}
        self._source = source
        self._venue = venue
        self._publisher = publisher
        self._step_ms = source.base_ms // STEPS_PER_CANDLE
        self._open_ms = now_ms // source.base_ms * source.base_ms
        self._next_step = 0
        self._ticks = 0
        self._now_ms = now_ms
        self._opened: set[str] = set()  # streams of symbols whose candle began since the last kline message
        history = source.begin(now_ms)
        self.symbols = {
            symbol: SymbolMarket(
                listing, CandleSeries(self.base_ms, history[symbol]), DepthModel(listing, seed), self.base_ms, now_ms
            )
            for symbol, listing in listings.items()
        }
        self.by_id = {market.id: market for market in self.symbols.values()}
        self._open_candle()
        self._pass_until(now_ms, silent=True)
        self._update_books(now_ms)

    async def run(self, tick_s: float, each_tick: Callable[[], None]) -> None:
        """Ticks until cancelled. `each_tick` is called after every one."""
        while True:
            self.tick(self.clock.now_ms())
            each_tick()
            await asyncio.sleep(tick_s)

    def tick(self, now_ms: int) -> None:
        """Everything that happened up to `now_ms`, then the books as they are now. Time never goes back."""
        if now_ms < self._now_ms:
            return
        self._now_ms = now_ms
        self._pass_until(now_ms, silent=False)
        self._ticks += 1
        self._update_books(now_ms)
        self._publish_klines(now_ms)
        if self._ticks % _SLOW_EVERY == 0:
            self._publish_slow(now_ms)

    # --- the passing of market time ---

    def _pass_until(self, now_ms: int, *, silent: bool) -> None:
        while not self.is_finished:
            if self._next_step == STEPS_PER_CANDLE:
                if now_ms < self._open_ms + self.base_ms:
                    return
                self._close_candle(silent=silent)
                self._open_candle()
                if not silent and now_ms - self._open_ms > self.base_ms:
                    self._show_venue(self._open_ms)
                continue
            ts_ms = self._open_ms + self._next_step * self._step_ms + self._step_ms // 2
            if now_ms < ts_ms:
                return
            self._step(ts_ms, silent=silent)

    def _open_candle(self) -> None:
        if self._source.end_ms is not None and self._open_ms >= self._source.end_ms:
            self.is_finished = True
            log.warning("market.finished", market_ms=self._open_ms)
            return
        plans = self._source.plan(self._open_ms)
        for symbol, market in self.symbols.items():
            market.open_candle(plans.get(symbol))
        self._next_step = 0

    def _close_candle(self, *, silent: bool) -> None:
        close_ms = self._open_ms + self.base_ms
        for market in self.symbols.values():
            market.close_candle()
            if not silent:
                self._publish_closed(market, close_ms)
        self._open_ms = close_ms

    def _step(self, ts_ms: int, *, silent: bool) -> None:
        for market in self.symbols.values():
            trade = market.step(self._next_step, ts_ms)
            if trade is not None and not silent:
                self._venue.on_trade(market.symbol, ts_ms, trade.price, trade.quantity, trade.buyer_is_taker)
                self._publish_trade(market, trade)
                if self._next_step == 0:
                    self._opened.add(market.id)
        self._next_step += 1

    def _show_venue(self, now_ms: int) -> None:
        """Catching up after a pause: orders are matched against books of their time, which nobody else is told."""
        for market in self.symbols.values():
            self._venue.on_book(market.symbol, now_ms, *market.levels_at(now_ms))

    # --- what is told ---

    def _update_books(self, now_ms: int) -> None:
        for market in self.symbols.values():
            event = market.update_book(now_ms)
            self._venue.on_book(market.symbol, now_ms, *market.book.levels())
            if event is None:
                continue
            self._tell(f"{market.stream}@depth@100ms", event)
            for depth in (5, 10, 20):
                name = f"{market.stream}@depth{depth}@100ms"
                if self._publisher.wants(name):
                    self._publisher.publish(name, self._partial(market, depth))
            name = f"{market.stream}@bookTicker"
            if self._publisher.wants(name):
                best = market.book.best()
                self._publisher.publish(
                    name,
                    {
                        "u": market.book.update_id, "s": market.id, "b": best.bid, "B": best.bid_quantity,
                        "a": best.ask, "A": best.ask_quantity,
                    },
                )  # fmt: skip

    def _publish_trade(self, market: SymbolMarket, trade: PublicTrade) -> None:
        name = f"{market.stream}@trade"
        if self._publisher.wants(name):
            self._publisher.publish(
                name,
                {
                    "e": "trade", "E": trade.ts_ms, "s": market.id, "t": trade.trade_id, "p": text(trade.price),
                    "q": text(trade.quantity), "T": trade.ts_ms, "m": not trade.buyer_is_taker, "M": True,
                },
            )  # fmt: skip
        name = f"{market.stream}@aggTrade"
        if self._publisher.wants(name):
            self._publisher.publish(
                name,
                {
                    "e": "aggTrade", "E": trade.ts_ms, "s": market.id, "a": trade.trade_id, "p": text(trade.price),
                    "q": text(trade.quantity), "f": trade.trade_id, "l": trade.trade_id, "T": trade.ts_ms,
                    "m": not trade.buyer_is_taker, "M": True,
                },
            )  # fmt: skip

    def _publish_klines(self, now_ms: int) -> None:
        everybody = self._ticks % _KLINE_EVERY == 0
        for market in self.symbols.values():
            if everybody or market.id in self._opened:
                for interval, length in self.intervals.items():
                    self._publish_kline(market, interval, length, now_ms, is_closed=False)
        self._opened.clear()

    def _publish_closed(self, market: SymbolMarket, close_ms: int) -> None:
        for interval, length in self.intervals.items():
            self._publish_kline(market, interval, length, close_ms, is_closed=True)

    def _publish_kline(self, market: SymbolMarket, interval: str, length: int, now_ms: int, *, is_closed: bool) -> None:
        name = f"{market.stream}@kline_{interval}"
        if not self._publisher.wants(name) or not (is_closed or market.series.running):
            return
        row = market.series.current(length)
        if row is None or (is_closed and int(row[0]) + length != now_ms):
            return
        event = kline_event(
            market.id, interval, length, row, is_closed=is_closed, last_id=market.last_trade_id, now_ms=now_ms,
            base_ms=self.base_ms,
        )  # fmt: skip
        self._publisher.publish(name, event)

    def _publish_slow(self, now_ms: int) -> None:
        for market in self.symbols.values():
            self._tell(f"{market.stream}@depth", market.update_slow_book(now_ms))
            for depth in (5, 10, 20):
                name = f"{market.stream}@depth{depth}"
                if self._publisher.wants(name):
                    self._publisher.publish(name, self._partial(market, depth))
        self._publish_days(now_ms)

    def _publish_days(self, now_ms: int) -> None:
        """The 24-hour figures: one stream a symbol, and one with those of all."""
        for kind in ("miniTicker", "ticker"):
            everybody = f"!{kind}@arr"
            wanted = self._publisher.wants(everybody)
            told = []
            for market in self.symbols.values():
                name = f"{market.stream}@{kind}"
                if not wanted and not self._publisher.wants(name):
                    continue
                day = DayStatistics(market.series, self.base_ms, now_ms)
                is_mini = kind == "miniTicker"
                quote, last = market.book.best(), market.last_quantity
                event = day.mini_event(market.id) if is_mini else day.event(market.id, quote, last)
                self._tell(name, event)
                told.append(event)
            self._tell(everybody, told)

    def _tell(self, stream: str, event: object) -> None:
        if self._publisher.wants(stream):
            self._publisher.publish(stream, event)

    def _partial(self, market: SymbolMarket, depth: int) -> dict[str, object]:
        bids, asks = market.book.pairs(depth)
        return {"lastUpdateId": market.book.update_id, "bids": bids, "asks": asks}
