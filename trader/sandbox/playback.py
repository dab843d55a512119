"""Runs a market source against the clock: trades and candles in market time, books at most ten times a real second."""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from trader.clock import ScaledClock
from trader.sandbox.market import Market
from trader.sandbox.source import STEPS_PER_CANDLE, MarketSource

log = structlog.get_logger(__name__)


class Playback:
    """The passing of market time for every `Market` on one grid of base candles.

    `tick` takes any later time and makes up for what passed.
    """

    def __init__(self, source: MarketSource, markets: Sequence[Market], clock: ScaledClock, *, now_ms: int) -> None:
        self.start_ms = source.start_ms
        self.is_finished = False
        self._source = source
        self._markets = markets
        self._clock = clock
        self._base_ms = source.base_ms
        self._step_ms = source.base_ms // STEPS_PER_CANDLE
        self._open_ms = now_ms // source.base_ms * source.base_ms
        self._next_step = 0
        self._now_ms = now_ms
        self._open_candle()
        self._pass_until(now_ms, silent=True)
        for market in markets:
            market.begin(now_ms)

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
            for market in self._markets:
                market.step(self._next_step, ts_ms, silent=silent)
            self._next_step += 1

    def _open_candle(self) -> None:
        if self._source.end_ms is not None and self._open_ms >= self._source.end_ms:
            self.is_finished = True
            log.warning("market.finished", market_ms=self._open_ms)
            return
        plans = self._source.plan(self._open_ms)
        for market in self._markets:
            market.open_candle(plans)
        self._next_step = 0

    def _close_candle(self, *, silent: bool) -> None:
        close_ms = self._open_ms + self._base_ms
        for market in self._markets:
            market.close_candle(close_ms, silent=silent)
        self._open_ms = close_ms
