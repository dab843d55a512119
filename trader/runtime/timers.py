"""Timers of the core: due at a market time, they come back as events."""

import asyncio
from collections.abc import Callable

from trader.domain.events import TimerFired
from trader.ports import Clock


class Timers:
    """One loop handle per timer id; setting an id again moves it."""

    def __init__(self, clock: Clock, put: Callable[[TimerFired], None]) -> None:
        self._clock = clock
        self._put = put
        self._handles: dict[str, asyncio.TimerHandle] = {}

    def set(self, timer_id: str, due_ms: int) -> None:
        """Fire `timer_id` once market time reaches `due_ms`; at once if it has."""
        self.cancel(timer_id)
        wait_s = max(0.0, (due_ms - self._clock.now_ms()) / 1000 / self._clock.speed)
        self._handles[timer_id] = asyncio.get_running_loop().call_later(wait_s, self._fire, timer_id)

    def cancel(self, timer_id: str) -> None:
        handle = self._handles.pop(timer_id, None)
        if handle is not None:
            handle.cancel()

    def cancel_all(self) -> None:
        for timer_id in list(self._handles):
            self.cancel(timer_id)

    def _fire(self, timer_id: str) -> None:
        self._handles.pop(timer_id, None)
        self._put(TimerFired(timer_id=timer_id))
