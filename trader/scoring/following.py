"""A source of observations, asked again and again. What it lacks is masked: nothing waits for it."""

import asyncio
from collections.abc import Callable, Sequence
from math import isfinite

import structlog

from trader.domain.errors import Rejected, Unavailable
from trader.domain.observation import WHOLE_MARKET, Observation, in_order
from trader.ports import Clock, ObservationSource

log = structlog.get_logger("scorer")

BEGIN_S = 30.0
"""Real seconds that a start waits for the past of a source; what has not come by then is asked for by `run`."""

ANSWER_S = 30.0
RETRY_S = 5.0
LONGEST_RETRY_S = 60.0


class Following:
    """One source, of all symbols. `put` gets what is new, each symbol's in the order it was known, none twice.

    Call `begin` before `run`, and again when what was put has been forgotten.
    """

    def __init__(
        self,
        source: ObservationSource,
        symbols: Sequence[str],
        clock: Clock,
        lookback_ms: int,
        put: Callable[[Sequence[Observation]], None],
    ) -> None:
        self._source = source
        self._scopes = (WHOLE_MARKET,) if source.is_market_wide else tuple(symbols)
        self._clock = clock
        self._lookback_ms = lookback_ms
        self._put = put
        self._begun = 0
        self._since_ms: dict[str, int] = {}  # by symbol: known times from which on nothing has been put yet
        self._pending: list[str] = []
        self._silent: set[str] = set()
        self._failures = 0  # in a row
        self._due_ms = 0

    @property
    def name(self) -> str:
        """The source's."""
        return self._source.name

    async def begin(self, since_ms: int) -> None:
        """Put what columns from `since_ms` on need; a source that fails now is asked again by `run`."""
        self._begun += 1
        self._since_ms = dict.fromkeys(self._scopes, since_ms - self._lookback_ms)
        self._pending = list(self._scopes)
        self._due_ms = self._next_due_ms()
        try:
            async with asyncio.timeout(BEGIN_S):
                for symbol in self._scopes:
                    await self._try(symbol)
        except TimeoutError:
            log.warning("source.late", source=self.name, after_s=BEGIN_S, message="its columns are masked meanwhile")

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            if self._clock.now_ms() >= self._due_ms:
                self._pending = list(dict.fromkeys((*self._pending, *self._scopes)))
                self._due_ms = self._next_due_ms()
            if self._pending:
                await self._try(self._pending[0])
            wait_s = (self._due_ms - self._clock.now_ms()) / 1000 / self._clock.speed
            if self._failures:
                wait_s = min(wait_s, RETRY_S * 2.0 ** min(self._failures - 1, 8), LONGEST_RETRY_S)
            if self._failures or not self._pending:
                await asyncio.sleep(max(0.0, wait_s))

    def _next_due_ms(self) -> int:
        every_ms, after_ms = self._source.every_ms, self._source.after_ms
        return ((self._clock.now_ms() - after_ms) // every_ms + 1) * every_ms + after_ms

    async def _try(self, symbol: str) -> None:
        """Ask for one symbol. Where that fails the others come first; a loss is told once, and so is its end."""
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._ask(symbol)
        except (Unavailable, Rejected, TimeoutError) as error:
            self._failures += 1
            self._pending = [*(one for one in self._pending if one != symbol), symbol]
            if symbol not in self._silent:
                reason = str(error) or f"no answer in {ANSWER_S:.0f} s"
                log.warning("source.silent", source=self.name, symbol=symbol, error=reason)
            self._silent.add(symbol)
            return
        self._failures = 0
        if symbol in self._silent:
            self._silent.remove(symbol)
            log.info("source.is_back", source=self.name, symbol=symbol)

    async def _ask(self, symbol: str) -> None:
        begun = self._begun
        said = in_order(await self._source.observations(symbol, self._since_ms[symbol]))
        if begun != self._begun:
            return  # what came before has been forgotten meanwhile: it is asked for anew
        new = [one for one in said if one.known_ms >= self._since_ms[symbol] and one.symbol == symbol]
        usable = [one for one in new if isfinite(one.value)]
        if len(usable) < len(new):
            log.warning("source.refused", source=self.name, symbol=symbol, not_finite=len(new) - len(usable))
        if usable:
            self._put(usable)
            self._since_ms[symbol] = usable[-1].known_ms + 1
        if symbol in self._pending:
            self._pending.remove(symbol)
