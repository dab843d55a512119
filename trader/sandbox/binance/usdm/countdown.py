"""Countdowns after which the open orders of a symbol are cancelled, unless they are set anew."""

import asyncio
from collections.abc import Callable


class Countdowns:
    """One a symbol, in real time whatever the market's speed is. `expire` is called on the loop."""

    def __init__(self, expire: Callable[[str], None]) -> None:
        self._expire = expire
        self._running: dict[str, asyncio.TimerHandle] = {}

    def set(self, symbol: str, ms: int) -> None:
        """Begin anew with `ms`; 0 ends it."""
        before = self._running.pop(symbol, None)
        if before is not None:
            before.cancel()
        if ms:
            loop = asyncio.get_running_loop()
            self._running[symbol] = loop.call_later(ms / 1000, self._expired, symbol)

    def _expired(self, symbol: str) -> None:
        del self._running[symbol]
        self._expire(symbol)
