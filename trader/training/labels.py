"""What is learned: the forward return in units of expected volatility, and the trade's outcome net of costs."""

from typing import Any, NamedTuple

import numba
import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from trader.config.risk import RiskSettings
from trader.domain.candle_arrays import CandleArrays, Floats
from trader.models.kernels import horizon_volatility
from trader.risk.ladder import Entered, Rules, at_price, begin, old_after, rules_of, through_candle

njit: Any = numba.njit
for _part in (at_price, begin, through_candle):  # the text that guards live positions, compiled
    register_jitable(_part)

LABEL_LIMIT = 6.0  # scaled returns are clipped here: a crash must not own the fit


def forward_return(close: Floats, horizon: int) -> Floats:
    """(n,) log return from each close to the close `horizon` candles later; NaN where that is not known yet."""
    result = np.full(len(close), np.nan)
    if len(close) > horizon:
        result[:-horizon] = np.log(close[horizon:] / close[:-horizon])
    return result


def scaled_return(close: Floats, atr: Floats, horizon: int) -> Floats:
    """`forward_return` / `horizon_volatility` of the row's ATR, clipped to +-LABEL_LIMIT; NaN where not known."""
    scale = horizon_volatility(atr / close, horizon)
    return np.asarray(np.clip(forward_return(close, horizon) / scale, -LABEL_LIMIT, LABEL_LIMIT), np.float64)


class Outcome(NamedTuple):
    """How a trade entered at each candle's close would have ended. Arrays (n,)."""

    net: Floats  # simple return after costs, fraction; NaN where not known yet
    exit_candle: NDArray[np.int64]  # row of the candle in which it ended

    @property
    def wins(self) -> NDArray[np.bool_]:
        """(n,) whether the trade earned more than it cost; False where not known."""
        return self.net > 0


class Distances(NamedTuple):
    """Arrays (n,) of `risk.stops.Barriers`: where the exits of a trade entered at each close are."""

    stop_frac: Floats
    r_frac: Floats
    target_frac: Floats


def barrier_outcome(
    candles: CandleArrays,
    distances: Distances,
    horizon: int,
    cost_frac: float,
    settings: RiskSettings,
    *,
    side: int = 1,
) -> Outcome:
    """The trade that a position's plan would have made: the ladder of `settings`, or the close after `horizon` candles.

    side: +1 long, -1 short. cost_frac: the round trip. Pessimistic inside a candle: its worst price counts before its
    best; see `risk.ladder.through_candle`, which is what is walked here.
    """
    length_ms = int(candles.open_ms[1] - candles.open_ms[0]) if len(candles.open_ms) > 1 else 1
    prices = np.column_stack((candles.open, candles.high, candles.low, candles.close))
    gross, exit_candle = _walk(
        prices, *distances, horizon, side, rules_of(settings), old_after(settings, length_ms)
    )  # fmt: skip
    return Outcome(gross - cost_frac, exit_candle)


@njit(nogil=True)
def _walk(
    prices: Floats, stop: Floats, r: Floats, target: Floats, horizon: int, sign: int, rules: Rules, old: int
) -> tuple[Floats, NDArray[np.int64]]:
    """(return before costs, row of the last candle) of a trade entered at each close; NaN where not known yet."""
    n = len(prices)
    gross = np.full(n, np.nan)
    ended = np.minimum(np.arange(n) + horizon, n - 1)
    for row in range(n - horizon):
        if np.isnan(stop[row]):
            continue
        entry = prices[row, 3]
        entered = Entered(sign, entry, stop[row], r[row], entry * (1.0 + sign * target[row]))
        climb = begin(entered)
        for age in range(1, horizon + 1):
            open_, high, low, close = prices[row + age]
            climb = through_candle(entered, climb, rules, open_, high, low, close, age > old, age >= old)
            if climb.held <= 0.0:
                ended[row] = row + age
                break
        gross[row] = climb.gross + climb.held * sign * (prices[row + horizon, 3] / entry - 1.0)
    return gross, ended


def uniqueness(
    start: NDArray[np.int64], end: NDArray[np.int64], symbol: NDArray[np.int64], likeness: float = 0.0
) -> Floats:
    """(n,) how much of a label is said by it alone: the mean over its span of 1 / (labels alive then), 0 < w <= 1.

    start, end: times, the span is start < t <= end. Average uniqueness after Lopez de Prado, chapter 4, where a label
    of another symbol counts as `likeness` of one (0..1, see `likeness_of_symbols`).
    """
    times = np.unique(np.concatenate((start, end)))
    length = np.diff(times, append=times[-1]).astype(np.float64)
    everyone = _alive(times, start, end)
    weights = np.ones(len(start))
    for one in np.unique(symbol):
        rows = np.flatnonzero(symbol == one)
        own = _alive(times, start[rows], end[rows])
        share = length / np.maximum(own + likeness * (everyone - own), 1.0)
        total = np.concatenate(([0.0], np.cumsum(share)))
        first, last = np.searchsorted(times, start[rows]), np.searchsorted(times, end[rows])
        span = (end[rows] - start[rows]).astype(np.float64)
        weights[rows] = np.where(span > 0, (total[last] - total[first]) / np.where(span > 0, span, 1), 1.0)
    return weights


def likeness_of_symbols(y: Floats, start: NDArray[np.int64]) -> float:
    """Mean correlation of labels of different symbols that start together, 0..1; 0 if there are none.

    From the variance of their mean: n var(mean) / var(one) = 1 + (n - 1) correlation.
    """
    _, group, counts = np.unique(start, return_inverse=True, return_counts=True)
    centred = y - y.mean()
    sums = np.bincount(group, weights=centred)
    several = counts > 1
    pairs = float((counts[several] * (counts[several] - 1)).sum())
    variance = float(centred @ centred) / len(y)
    if pairs == 0 or variance == 0:
        return 0.0
    squares = np.bincount(group, weights=centred**2)
    return float(np.clip((sums[several] ** 2 - squares[several]).sum() / pairs / variance, 0.0, 1.0))


def _alive(times: NDArray[np.int64], start: NDArray[np.int64], end: NDArray[np.int64]) -> Floats:
    """(len(times),) how many spans cover the time right after each of `times`."""
    change = np.zeros(len(times))
    np.add.at(change, np.searchsorted(times, start), 1.0)
    np.add.at(change, np.searchsorted(times, end), -1.0)
    return np.cumsum(change)
