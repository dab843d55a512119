"""Timers of the core: due at a market time, they come back as events."""

import asyncio
from collections.abc import Callable

from trader.domain.events import TimerFired
from trader.domain.timers import TimerId
from trader.ports import Clock


class Timers:
    """One loop handle per timer; setting it again moves it."""

    def __init__(self, clock: Clock, put: Callable[[TimerFired], None]) -> None:
        self._clock = clock
        self._put = put
        self._handles: dict[TimerId, asyncio.TimerHandle] = {}

    def set(self, timer: TimerId, due_ms: int) -> None:
        """Fire `timer` once market time reaches `due_ms`; at once if it has."""
        self.cancel(timer)
        wait_s = max(0.0, (due_ms - self._clock.now_ms()) / 1000 / self._clock.speed)
        self._handles[timer] = asyncio.get_running_loop().call_later(wait_s, self._fire, timer)

    def cancel(self, timer: TimerId) -> None:
        """It will not fire; nothing happens if it was not set."""
        handle = self._handles.pop(timer, None)
        if handle is not None:
            handle.cancel()

    def cancel_all(self) -> None:
        """None will fire."""
        for timer in list(self._handles):
            self.cancel(timer)

    def _fire(self, timer: TimerId) -> None:
        self._handles.pop(timer, None)
        self._put(TimerFired(timer=timer))
