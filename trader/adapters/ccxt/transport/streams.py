"""One websocket subscription kept alive: subscribe, notice loss, wait, subscribe again.

ccxt neither reconnects by itself nor notices a stream that fell silent; it tells a lost socket only to whoever waits
on it at that moment. Network time (the loop's) throughout.
"""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import ccxt
import structlog

from trader.adapters.ccxt.transport.errors import CAUGHT, said

log = structlog.get_logger("ccxt.stream")

FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 30.0
UNSUBSCRIBE_S = 5.0
RENEWED_FOR_S = 1.0


def backoff_s(failures: int) -> float:
    """How long to wait after so many failures in a row: doubling, bounded, jittered to 50..100 %."""
    longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(failures - 1, 10))
    return longest * random.uniform(0.5, 1.0)


class Stream:
    """`subscribe` is a ccxt `watch_*` call: it returns with the next message and raises when the socket is lost.

    Calling it again is free while the subscription stands. Messages that are consumed before ccxt sees them never
    make it return; it then simply waits for the loss.
    """

    def __init__(
        self,
        name: str,
        symbols: Sequence[str],
        *,
        subscribe: Callable[[], Awaitable[Any]],
        unsubscribe: Callable[[], Awaitable[Any]] | None,
        on_lost: Callable[[str], None],
    ) -> None:
        self.name = name
        self.symbols = tuple(symbols)
        self._subscribe = subscribe
        self._unsubscribe = unsubscribe
        self._on_lost = on_lost
        self._disturbed = asyncio.Event()
        self._scope: asyncio.Timeout | None = None
        self._failures = 0
        self._renewing = asyncio.Lock()
        self._renewed_at = -math.inf

    def healthy(self) -> None:
        """Data flows: the next loss starts with the shortest wait again."""
        self._failures = 0

    def disturb(self) -> None:
        """Something happened to some socket: look whether the subscription still stands."""
        self._disturbed.set()

    async def keep(self) -> None:
        """Hold the subscription until cancelled."""
        while True:
            self._disturbed.clear()
            try:
                await self._hold()
            except (TimeoutError, ccxt.UnsubscribeError):
                pass  # `renew` wants a fresh subscription
            except CAUGHT as error:
                self._failures += 1
                wait_s = backoff_s(self._failures)
                log.warning(
                    "stream.lost", stream=self.name, symbols=len(self.symbols), error=said(error), retry_s=wait_s
                )
                self._on_lost(said(error))
                await asyncio.sleep(wait_s)

    async def renew(self) -> bool:
        """Unsubscribe and subscribe again on the same socket. False where the exchange cannot do that.

        Asked for again while it is under way or just done, it is the same renewal.
        """
        loop = asyncio.get_running_loop()
        async with self._renewing:
            if loop.time() < self._renewed_at + RENEWED_FOR_S:
                return True
            if self._unsubscribe is None:
                return False
            try:
                async with asyncio.timeout(UNSUBSCRIBE_S):
                    await self._unsubscribe()
            except CAUGHT as error:
                log.info("stream.unsubscribe_failed", stream=self.name, error=said(error))
                return False
            if self._scope is not None:
                self._scope.reschedule(loop.time())
            self._renewed_at = loop.time()
            return True

    async def _hold(self) -> None:
        try:
            async with asyncio.timeout(None) as self._scope:
                await self._subscribe()
                await self._disturbed.wait()
        finally:
            self._scope = None
