"""What a symbol trades in a day, from its newest candles."""

from collections import deque

from trader.domain.market import Candle
from trader.domain.units import DAY_MS

_LEAST_SHARE = 0.25  # of a day that must be known: a night says little of a day


class Turnover:
    """Quote volume of the last 24 hours."""

    __slots__ = ("_candle_ms", "_newest_ms", "_total", "_volumes")

    def __init__(self) -> None:
        self._volumes: deque[float] = deque()  # quote, one a candle, oldest first
        self._total = 0.0
        self._candle_ms = 0
        self._newest_ms = -1

    def add(self, candle: Candle) -> None:
        """Take the next closed candle; one that is known already changes nothing."""
        if candle.open_ms <= self._newest_ms:
            return
        self._candle_ms, self._newest_ms = candle.close_ms - candle.open_ms, candle.open_ms
        volume = candle.volume * candle.close
        self._volumes.append(volume)
        self._total += volume
        while len(self._volumes) * self._candle_ms > DAY_MS:
            self._total -= self._volumes.popleft()

    @property
    def day_quote(self) -> float | None:
        """Quote volume a day; None until a quarter of one is known."""
        known_ms = len(self._volumes) * self._candle_ms
        return self._total * DAY_MS / known_ms if known_ms >= _LEAST_SHARE * DAY_MS else None
