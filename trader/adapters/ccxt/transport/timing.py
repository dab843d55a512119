"""The exchange's time, and how long it asked us to be silent."""

import asyncio

from trader.ports import Clock


class MarketTime:
    """The exchange's time: market time plus the measured offset. Signatures carry it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.offset_ms = 0.0

    @property
    def speed(self) -> float:
        return self._clock.speed

    def now_ms(self) -> int:
        return self._clock.now_ms() + round(self.offset_ms)

    def our_ms(self) -> int:
        """Our own market time, without the offset."""
        return self._clock.now_ms()


class Pause:
    """Until when all REST requests of this address must stop; shared by its clients."""

    def __init__(self) -> None:
        self._until = 0.0  # loop time

    def extend(self, seconds: float) -> None:
        self._until = max(self._until, asyncio.get_running_loop().time() + seconds)

    def remaining_s(self) -> float:
        return max(0.0, self._until - asyncio.get_running_loop().time())
