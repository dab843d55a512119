"""The only reader of the wall clock.

Market time is what events, candles and timers use; it is scaled in an accelerated sandbox. Network time
(timeouts, silence budgets, backoff) is the event loop's monotonic time and never scaled.
"""

import time


class SystemClock:
    """Market time is the machine's time."""

    speed = 1.0

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


class ScaledClock:
    """Market time that runs `speed` times as fast from a shared pair of epochs.

    The sandbox publishes (`real_epoch_ms`, `market_epoch_ms`, `speed`); every process that computes from the
    same three numbers reads the same market time.
    """

    def __init__(self, real_epoch_ms: float, market_epoch_ms: float, speed: float) -> None:
        if speed <= 0:
            raise ValueError(f"speed {speed} must be above 0")
        self.real_epoch_ms = real_epoch_ms
        self.market_epoch_ms = market_epoch_ms
        self.speed = speed

    def now_ms(self) -> int:
        return int(self.market_epoch_ms + (time.time_ns() / 1e6 - self.real_epoch_ms) * self.speed)


class SimulatedClock:
    """Market time set by whoever replays it. Never goes back."""

    speed = 1.0

    def __init__(self, now_ms: int = 0) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def advance_to(self, now_ms: int) -> None:
        self._now_ms = max(self._now_ms, now_ms)


def wall_ms() -> int:
    """The machine's time, ms UTC, whatever the market's clock does: for log stamps, file names, epochs."""
    return time.time_ns() // 1_000_000
