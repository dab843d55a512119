"""Longer candles from shorter ones, exactly: only whole, closed buckets come out."""

from collections.abc import Iterable

from trader.domain.market import Candle


class Resampler:
    """One symbol from one timeframe to a longer one. Input must be continuous; output is each whole bucket, once.

    A bucket that was entered in the middle is dropped, not guessed. A bucket made only of gap candles is a gap.
    """

    def __init__(self, length_ms: int, target_ms: int) -> None:
        if target_ms <= length_ms or target_ms % length_ms:
            raise ValueError(f"target {target_ms} ms must be a larger multiple of {length_ms} ms")
        self._length_ms = length_ms
        self._target_ms = target_ms
        self._bucket: list[Candle] = []

    def update(self, candle: Candle) -> Candle | None:
        """Take in the next closed candle; returns the longer candle it completes.

        Raises ValueError when `candle` does not directly follow the one before.
        """
        if candle.close_ms - candle.open_ms != self._length_ms:
            raise ValueError(f"{candle.symbol}: candle of {candle.close_ms - candle.open_ms} ms, not {self._length_ms}")
        if self._bucket and candle.open_ms != self._bucket[-1].close_ms:
            raise ValueError(f"{candle.symbol}: candle at {candle.open_ms} does not follow {self._bucket[-1].close_ms}")
        if not self._bucket and candle.open_ms % self._target_ms:
            return None
        self._bucket.append(candle)
        if candle.close_ms % self._target_ms:
            return None
        bucket, self._bucket = self._bucket, []
        return _merged(bucket)


def resample(candles: Iterable[Candle], length_ms: int, target_ms: int) -> list[Candle]:
    """All whole longer candles in a continuous history, oldest first."""
    resampler = Resampler(length_ms, target_ms)
    return [longer for candle in candles if (longer := resampler.update(candle)) is not None]


def _merged(bucket: list[Candle]) -> Candle:
    first, last = bucket[0], bucket[-1]
    return Candle(
        symbol=first.symbol,
        open_ms=first.open_ms,
        close_ms=last.close_ms,
        open=first.open,
        high=max(candle.high for candle in bucket),
        low=min(candle.low for candle in bucket),
        close=last.close,
        volume=sum(candle.volume for candle in bucket),
        is_gap=all(candle.is_gap for candle in bucket),
    )
