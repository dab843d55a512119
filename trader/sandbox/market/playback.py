"""Runs a market against the clock: trades and candles in market time, books at most ten times a real second."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

import structlog

from trader.clock import ScaledClock
from trader.sandbox.market.planned import PlannedSymbol
from trader.sandbox.market.served_market import ServedMarket
from trader.sandbox.market.source import STEPS_PER_CANDLE, MarketSource

log = structlog.get_logger(__name__)


class Playback(ABC):
    """The passing of market time. `tick` takes any later time and makes up for what passed."""

    def __init__(self, markets: Sequence[ServedMarket], clock: ScaledClock, *, start_ms: int, now_ms: int) -> None:
        self.start_ms = start_ms
        self.is_finished = False
        self._markets = markets
        self._clock = clock
        self._now_ms = now_ms

    async def run(self, tick_s: float, each_tick: Callable[[], None]) -> None:
        """Ticks until cancelled. `each_tick` is called after every one."""
        while True:
            self.tick(self._clock.now_ms())
            each_tick()
            await asyncio.sleep(tick_s)

    def tick(self, now_ms: int) -> None:
        """Everything that happened up to `now_ms`, then the books as they are now. Time never goes back."""
        if now_ms < self._now_ms:
            return
        self._now_ms = now_ms
        self._pass_until(now_ms, silent=False)
        for market in self._markets:
            market.tell(now_ms)

    def _begin(self) -> None:
        """Come to where it begins without a word, then show the first books."""
        self._pass_until(self._now_ms, silent=True)
        for market in self._markets:
            market.begin(self._now_ms)

    def _finish(self, ended_ms: int) -> None:
        """There is nothing more to play: prices and books stand still from here on."""
        self.is_finished = True
        log.warning("market.finished", market_ms=ended_ms)

    @abstractmethod
    def _pass_until(self, now_ms: int, *, silent: bool) -> None:
        """Play what happens up to `now_ms`; `silent`: nobody hears of it."""


class PlannedPlayback(Playback):
    """Candle plans of a source, for every symbol on one grid of base candles."""

    def __init__(
        self,
        source: MarketSource,
        parts: Sequence[tuple[ServedMarket, Mapping[str, PlannedSymbol]]],
        clock: ScaledClock,
        *,
        now_ms: int,
    ) -> None:
        super().__init__([market for market, _ in parts], clock, start_ms=source.start_ms, now_ms=now_ms)
        self._source = source
        self._parts = [(market, list(symbols.values())) for market, symbols in parts]
        self._base_ms = source.base_ms
        self._step_ms = source.base_ms // STEPS_PER_CANDLE
        self._open_ms = now_ms // source.base_ms * source.base_ms
        self._next_step = 0
        self._open_candle()
        self._begin()

    def _pass_until(self, now_ms: int, *, silent: bool) -> None:
        while not self.is_finished:
            if self._next_step == STEPS_PER_CANDLE:
                if now_ms < self._open_ms + self._base_ms:
                    return
                self._close_candle(silent=silent)
                self._open_candle()
                if not silent and now_ms - self._open_ms > self._base_ms:
                    for market in self._markets:
                        market.show_venue(self._open_ms)
                continue
            ts_ms = self._open_ms + self._next_step * self._step_ms + self._step_ms // 2
            if now_ms < ts_ms:
                return
            self._step(ts_ms, silent=silent)
            self._next_step += 1

    def _step(self, ts_ms: int, *, silent: bool) -> None:
        for market, symbols in self._parts:
            for symbol in symbols:
                trade = symbol.step(self._next_step, ts_ms)
                if trade is not None and not silent:
                    market.traded(symbol, trade, opens_candle=self._next_step == 0)

    def _open_candle(self) -> None:
        if self._source.end_ms is not None and self._open_ms >= self._source.end_ms:
            self._finish(self._open_ms)
            return
        plans = self._source.plan(self._open_ms)
        for _, symbols in self._parts:
            for symbol in symbols:
                symbol.open_candle(plans.get(symbol.symbol))
        self._next_step = 0

    def _close_candle(self, *, silent: bool) -> None:
        close_ms = self._open_ms + self._base_ms
        for market, symbols in self._parts:
            for symbol in symbols:
                symbol.close_candle()
            if not silent:
                market.candle_closed(close_ms)
        self._open_ms = close_ms
