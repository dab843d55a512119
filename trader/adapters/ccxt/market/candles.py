"""Closed candles of all symbols: from the stream where it proves them, over REST where it does not."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from trader.adapters.ccxt.market.history import History
from trader.adapters.ccxt.transport.streams import backoff_s
from trader.domain.errors import Rejected, TraderError, Unavailable
from trader.domain.events import CandleClosed, MarketEvent, StreamState
from trader.domain.market import Candle, timeframe_ms
from trader.market.candles import CandleAssembler, Row

log = structlog.get_logger("ccxt.candles")

LOOK_EVERY_S = 0.1
SEED_CANDLES = 3
AT_ONCE = 4  # REST requests for missing candles


class CandleFlow:
    """One assembler per symbol, and a look at the clock that asks REST for every candle that is overdue."""

    def __init__(
        self,
        history: History,
        symbols: Sequence[str],
        timeframe: str,
        *,
        now_ms: Callable[[], int],
        last: Mapping[str, Candle],
        states_final: bool,
        sink: Callable[[MarketEvent], None],
        on_state: Callable[[str, StreamState, str], None],
    ) -> None:
        self._history = history
        self._timeframe = timeframe
        self._length_ms = timeframe_ms(timeframe)
        self._now_ms = now_ms
        self._sink = sink
        self._on_state = on_state
        self._assemblers = {
            symbol: CandleAssembler(symbol, self._length_ms, last=last.get(symbol), states_final=states_final)
            for symbol in symbols
        }
        self._complete: set[str] = set()
        self._filling: set[str] = set()
        self._failures: dict[str, int] = {}
        self._not_before: dict[str, float] = {}  # loop time of the next attempt
        self._gate = asyncio.Semaphore(AT_ONCE)

    @property
    def last(self) -> dict[str, Candle]:
        """The newest candle told per symbol."""
        return {symbol: maker.last for symbol, maker in self._assemblers.items() if maker.last is not None}

    def take(self, symbol: str, row: Row, is_final: bool) -> None:
        """The stream's newest word on a candle. Raises ValueError for a row that cannot be one."""
        maker = self._assemblers[symbol]
        self._tell(maker.update(row, is_final=is_final))
        if symbol not in self._complete and maker.last is not None and maker.missing is None:
            self._mark_complete(symbol)

    def interrupt(self, symbols: Sequence[str]) -> None:
        """The stream broke: unfinished candles are not to be trusted until it speaks of them again."""
        for symbol in symbols:
            self._assemblers[symbol].interrupt()

    async def run(self, spawn: Callable[[str], None]) -> None:
        """Look for overdue candles until cancelled; `spawn(symbol)` starts `fill(symbol)` in the owner's group."""
        loop = asyncio.get_running_loop()
        while True:
            now_ms, now = self._now_ms(), loop.time()
            for symbol in self._assemblers:
                if (
                    symbol not in self._filling
                    and now >= self._not_before.get(symbol, 0.0)
                    and self._is_overdue(symbol, now_ms)
                ):
                    self._filling.add(symbol)
                    spawn(symbol)
            await asyncio.sleep(LOOK_EVERY_S)

    async def fill(self, symbol: str) -> None:
        """Ask REST for what is overdue; on failure the symbol has a gap until a later attempt succeeds."""
        try:
            async with self._gate:
                told = await self._fill(symbol)
        except (Unavailable, Rejected, ValueError) as error:
            self._postpone(symbol, error)
        else:
            self._failures.pop(symbol, None)
            if told:
                self._mark_complete(symbol)
            else:
                self._postpone(symbol, None)
        finally:
            self._filling.discard(symbol)

    def _is_overdue(self, symbol: str, now_ms: int) -> bool:
        close_ms = self._assemblers[symbol].next_close_ms
        return close_ms is None or self._assemblers[symbol].last is None or now_ms >= close_ms + self._history.grace_ms

    async def _fill(self, symbol: str) -> bool:
        """Whether the symbol is up to date now."""
        maker = self._assemblers[symbol]
        until_ms = self._history.over_ms(self._length_ms)
        if maker.last is None:
            return await self._seed(maker, until_ms)
        since_ms = maker.last.close_ms
        if since_ms >= until_ms:
            return True
        rows = await self._history.rows(symbol, self._timeframe, since_ms, until_ms)
        settled_ms = min(until_ms, self._history.settled_until(rows, self._length_ms))
        if maker.last.close_ms != since_ms:
            return True  # the stream caught up meanwhile
        candles = maker.confirm([row for row in rows if row.open_ms < settled_ms], max(settled_ms, since_ms))
        gaps = sum(candle.is_gap for candle in candles)
        log.info("candles.filled", symbol=symbol, candles=len(candles), gaps=gaps, since_ms=since_ms)
        self._tell(candles)
        return bool(candles)

    async def _seed(self, maker: CandleAssembler, until_ms: int) -> bool:
        """Without history: learn the newest closed candle, so that the next one continues it."""
        since_ms = until_ms - SEED_CANDLES * self._length_ms
        rows = await self._history.rows(maker.symbol, self._timeframe, since_ms, until_ms)
        if maker.last is None:
            self._tell(maker.begin_after(rows))
        return maker.last is not None

    def _tell(self, candles: Sequence[Candle]) -> None:
        for candle in candles:
            self._sink(CandleClosed(candle=candle))

    def _mark_complete(self, symbol: str) -> None:
        self._complete.add(symbol)
        self._on_state(symbol, StreamState.LIVE, "complete")

    def _postpone(self, symbol: str, error: TraderError | ValueError | None) -> None:
        failures = self._failures[symbol] = self._failures.get(symbol, 0) + 1
        self._not_before[symbol] = asyncio.get_running_loop().time() + backoff_s(failures)
        if error is not None:
            log.warning("candles.missing", symbol=symbol, error=str(error), failures=failures)
            self._complete.discard(symbol)
            self._on_state(symbol, StreamState.GAP, f"missing and not confirmed: {error}")
