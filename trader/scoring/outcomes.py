"""What became of forecasts: the trade each one promised, followed candle by candle to its end. Whether or not it was
traded, it tells whether the win probability was honest."""

from typing import NamedTuple

from trader.config.risk import RiskSettings
from trader.domain.market import Candle
from trader.risk.ladder import Climb, Entered, Rules, begin, old_after, rules_of, through_candle
from trader.risk.stops import Barriers


class Promise(NamedTuple):
    """A forecast's trade, entered at the close of its candle. `side`: +1 long, -1 short; fractions of the entry."""

    symbol: str
    start_ms: int  # close of the candle
    end_ms: int  # close of the candle that ends the horizon
    entry: float
    side: int
    barriers: Barriers
    cost_frac: float  # round trip
    win_probability: float


class Kept(NamedTuple):
    """How a promise ended."""

    symbol: str
    start_ms: int
    end_ms: int  # of the horizon, whenever the trade ended
    win_probability: float
    won: bool


class _Open(NamedTuple):
    """A promise and how far its trade has come."""

    promise: Promise
    entered: Entered
    climb: Climb
    rules: Rules
    old_ms: int  # from when on it is closed if it loses


class Promises:
    """The open ones. Equal, candle by candle, to `training.labels.barrier_outcome`."""

    def __init__(self) -> None:
        self._open: dict[str, list[_Open]] = {}

    def __len__(self) -> int:
        return sum(len(one) for one in self._open.values())

    def made(self, promise: Promise, settings: RiskSettings, candle_ms: int) -> None:
        """A forecast was made on candles of `candle_ms`: it is followed from the next one on."""
        stop_frac, r_frac, target_frac = promise.barriers
        target = promise.entry * (1 + promise.side * target_frac)
        entered = Entered(promise.side, promise.entry, stop_frac, r_frac, target)
        old_ms = promise.start_ms + old_after(settings, candle_ms) * candle_ms
        one = _Open(promise, entered, begin(entered), rules_of(settings), old_ms)
        self._open.setdefault(promise.symbol, []).append(one)

    def closed(self, candle: Candle) -> list[Kept]:
        """The next candle of its symbol: the promises that end in it. One that missed its last candle is dropped."""
        ended: list[Kept] = []
        waiting: list[_Open] = []
        for one in self._open.get(candle.symbol, ()):
            promise = one.promise
            if candle.close_ms <= promise.start_ms:
                waiting.append(one)
                continue
            climb = _after(one, candle)
            if climb.held <= 0 or candle.close_ms == promise.end_ms:
                gross = climb.gross + climb.held * promise.side * (candle.close / promise.entry - 1)
                won = gross > promise.cost_frac
                ended.append(Kept(promise.symbol, promise.start_ms, promise.end_ms, promise.win_probability, won))
            elif candle.close_ms < promise.end_ms:
                waiting.append(one._replace(climb=climb))
        self._open[candle.symbol] = waiting
        return ended


def _after(one: _Open, candle: Candle) -> Climb:
    was_old, is_old = candle.open_ms >= one.old_ms, candle.close_ms >= one.old_ms
    prices = (candle.open, candle.high, candle.low, candle.close)
    return through_candle(one.entered, one.climb, one.rules, *prices, was_old, is_old)
