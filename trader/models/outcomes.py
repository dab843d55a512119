"""What became of forecasts: the trade each one promised, followed candle by candle to its end. Whether or not it was
traded, it tells whether the win probability was honest."""

from typing import NamedTuple

from trader.domain.market import Candle


class Promise(NamedTuple):
    """A forecast's trade, entered at the close of its candle. `side`: +1 long, -1 short; fractions of the entry."""

    symbol: str
    start_ms: int  # close of the candle
    end_ms: int  # close of the candle that ends the horizon
    entry: float
    side: int
    stop_frac: float
    take_frac: float
    cost_frac: float  # round trip
    win_probability: float


class Kept(NamedTuple):
    """How a promise ended."""

    symbol: str
    start_ms: int
    end_ms: int  # of the horizon, whenever the trade ended
    win_probability: float
    won: bool


class Promises:
    """The open ones. Equal, candle by candle, to `training.labels.barrier_outcome`."""

    def __init__(self) -> None:
        self._open: dict[str, list[Promise]] = {}

    def __len__(self) -> int:
        return sum(len(one) for one in self._open.values())

    def made(self, promise: Promise) -> None:
        """A forecast was made: it is followed from the next candle on."""
        self._open.setdefault(promise.symbol, []).append(promise)

    def closed(self, candle: Candle) -> list[Kept]:
        """The next candle of its symbol: the promises that end in it. One that missed its last candle is dropped."""
        ended: list[Kept] = []
        waiting: list[Promise] = []
        for one in self._open.get(candle.symbol, ()):
            if candle.close_ms <= one.start_ms:
                waiting.append(one)
                continue
            gross = _gross(one, candle)
            if gross is not None:
                ended.append(Kept(one.symbol, one.start_ms, one.end_ms, one.win_probability, gross > one.cost_frac))
            elif candle.close_ms < one.end_ms:
                waiting.append(one)
        self._open[candle.symbol] = waiting
        return ended


def _gross(one: Promise, candle: Candle) -> float | None:
    """Return before costs if the trade ends in this candle. The stop counts first, at the open if that lies beyond."""
    stop, take = one.entry * (1 - one.side * one.stop_frac), one.entry * (1 + one.side * one.take_frac)
    worst, best = (candle.low, candle.high) if one.side > 0 else (candle.high, candle.low)
    if one.side * (worst - stop) <= 0:
        price = one.side * min(one.side * candle.open, one.side * stop)
    elif one.side * (best - take) >= 0:
        price = take
    elif candle.close_ms == one.end_ms:
        price = candle.close
    else:
        return None
    return one.side * (price / one.entry - 1)
