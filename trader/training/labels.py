"""What is learned: the forward return in units of expected volatility, and the trade's outcome net of costs."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trader.domain.candle_arrays import CandleArrays, Floats
from trader.models.kernels import horizon_volatility

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


def barrier_outcome(
    candles: CandleArrays, stop_frac: Floats, take_frac: Floats, horizon: int, cost_frac: float, *, side: int = 1
) -> Outcome:
    """Triple barrier: stop, take profit, or the close after `horizon` candles, whichever comes first.

    stop_frac, take_frac: (n,) distances from the entry close, fractions. side: +1 long, -1 short. cost_frac:
    the round trip. Pessimistic inside a candle: the stop counts first, at the open if the candle opened beyond
    it; a take profit never fills better than its price.
    """
    n = len(candles.close)
    entry = candles.close
    stop, take = entry * (1 - side * stop_frac), entry * (1 + side * take_frac)
    worst, best = (candles.low, candles.high) if side > 0 else (candles.high, candles.low)
    gross = np.full(n, np.nan)
    exit_candle = np.minimum(np.arange(n) + horizon, n - 1)
    is_open = np.arange(n) + horizon < n
    for step in range(1, horizon + 1):
        here = np.flatnonzero(is_open)
        if len(here) == 0:
            break
        later = here + step
        stopped = side * (worst[later] - stop[here]) <= 0
        taken = ~stopped & (side * (best[later] - take[here]) >= 0)
        ended = stopped | taken | (step == horizon)
        beyond_open = side * np.minimum(side * candles.open[later], side * stop[here])
        price = np.where(stopped, beyond_open, np.where(taken, take[here], candles.close[later]))
        rows = here[ended]
        gross[rows] = side * (price[ended] / entry[rows] - 1)
        exit_candle[rows] = later[ended]
        is_open[rows] = False
    return Outcome(gross - cost_frac, exit_candle)


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
