"""Estimates that know their observations overlap: errors are summed over blocks of time before they are squared."""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trader.domain.candle_arrays import Floats
from trader.domain.units import DAY_MS

FEWEST_DAYS = 10  # below this many days, blocks are made of horizons instead


class Slope(NamedTuple):
    """Least squares y = intercept + slope x. `t` = slope / its block-clustered standard error, 0 if undefined."""

    slope: float
    t: float
    intercept: float


def time_blocks(start_ms: ArrayLike, span_ms: float) -> NDArray[np.int64]:
    """Block number of each observation: its UTC day, or 4 label spans where there are few days or spans are long."""
    start = np.asarray(start_ms, np.int64)
    if len(start) == 0:
        return start
    days = int(start.max() // DAY_MS - start.min() // DAY_MS) + 1
    length = max(DAY_MS if days >= FEWEST_DAYS else 0, 4 * span_ms, 1)
    return np.asarray(start // int(length), np.int64)


def clustered_slope(x: ArrayLike, y: ArrayLike, block: ArrayLike) -> Slope:
    """Slope of y on x with a cluster-robust t (Liang and Zeger 1986; small-sample factor G / (G - 1)).

    Observations of one block may depend on each other in any way; blocks are taken as independent.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if len(x) < 3:
        return Slope(0.0, 0.0, 0.0)
    centred = x - x.mean()
    spread = float(centred @ centred)
    if spread <= 1e-12 * max(1.0, float(x @ x)):
        return Slope(0.0, 0.0, float(y.mean()))
    slope = float(centred @ y) / spread
    residual = y - y.mean() - slope * centred
    _, group = np.unique(np.asarray(block), return_inverse=True)
    scores = np.bincount(group, weights=centred * residual)
    count = len(scores)
    if count < 3:
        return Slope(slope, 0.0, float(y.mean() - slope * x.mean()))
    error = math.sqrt(float(scores @ scores) * count / (count - 1)) / spread
    return Slope(slope, slope / error if error > 0 else 0.0, float(y.mean() - slope * x.mean()))


def clustered_mean_t(values: ArrayLike, block: ArrayLike) -> float:
    """t of the mean of `values` against 0, errors summed over blocks; 0 with fewer than 3 blocks."""
    x = np.asarray(values, np.float64)
    _, group = np.unique(np.asarray(block), return_inverse=True)
    count = int(group.max()) + 1 if len(x) else 0
    if count < 3:
        return 0.0
    scores = np.bincount(group, weights=x - x.mean())
    error = math.sqrt(float(scores @ scores) * count / (count - 1)) / len(x)
    return float(x.mean()) / error if error > 0 else 0.0


def normal_equivalent(t: float, degrees: int) -> float:
    """The standard normal value as unlikely as Student's `t` with so many degrees of freedom, nearly (Wallace 1959).

    With few blocks a large t is common: 3 blocks give -30 by chance where a normal value would never.
    """
    return t * (1 - 1 / (4 * degrees)) / math.sqrt(1 + t**2 / (2 * degrees)) if degrees > 0 else 0.0


def average_ranks(values: ArrayLike) -> Floats:
    """Ranks 1..n, ties share their mean rank."""
    _, inverse, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse], np.float64)


def rank_correlation(x: ArrayLike, y: ArrayLike) -> float:
    """Spearman's correlation, the information coefficient; 0 if either side is constant."""
    a, b = average_ranks(x), average_ranks(y)
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale > 0 else 0.0


def rank_correlation_error(x: ArrayLike, y: ArrayLike, block: ArrayLike) -> float:
    """Block-clustered standard error of `rank_correlation`; infinite with fewer than 3 blocks."""
    a, b = average_ranks(x), average_ranks(y)
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float(a @ a) * float(b @ b))
    _, group = np.unique(np.asarray(block), return_inverse=True)
    if scale == 0 or group.max() < 2:
        return float("inf")
    slope = float(a @ b) / float(a @ a)
    scores = np.bincount(group, weights=a * (b - slope * a))
    return float(np.sqrt(scores @ scores * len(scores) / (len(scores) - 1)) / scale)


def area_under_curve(score: ArrayLike, wins: ArrayLike) -> float:
    """Probability that a winner scores above a loser (ties half); 0.5 if there is only one kind."""
    won = np.asarray(wins, np.bool_)
    count = int(won.sum())
    others = len(won) - count
    if count == 0 or others == 0:
        return 0.5
    return float((average_ranks(score)[won].sum() - count * (count + 1) / 2) / (count * others))


def shrunk_slope(slope: float, t: float) -> float:
    """`slope` x max(0, 1 - 1 / t^2), and 0 for a negative one: what is left after the luck of estimating it."""
    if slope <= 0 or t <= 1:
        return 0.0
    return slope * (1 - 1 / t**2)


def bootstrap_lower_bound(blocks: ArrayLike, level: float, *, seed: int = 42, draws: int = 4_000) -> float:
    """Lower confidence bound of the mean of `blocks` (independent block sums), one-sided `level` (0.05 = 95%).

    A quantile that so few draws cannot resolve (fewer than 20 beyond it) is taken from the normal distribution where
    that lies lower; -inf with fewer than 2 blocks.
    """
    values = np.asarray(blocks, np.float64)
    if len(values) < 2:
        return float("-inf")
    rng = np.random.default_rng(seed)
    means = values[rng.integers(0, len(values), (draws, len(values)))].mean(axis=1)
    resolved = max(level, 20 / draws)
    bound = float(np.quantile(means, resolved))
    if level < resolved:
        error = float(values.std(ddof=1)) / math.sqrt(len(values))
        bound = min(bound, float(values.mean()) + NormalDist().inv_cdf(level) * error)
    return bound
