"""Which symbols move together, and with the market, from rolling returns; static groups where those are missing."""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from statistics import stdev
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from trader.domain.units import YEAR_MS

MIN_RETURNS = 30  # common ones before a correlation counts: its standard error is then below 0.2
_FLAT = 1e-12  # a spread below this share of the returns' squares is rounding: the series did not move

# Used for a pair without enough common history: the leaders, and a coin that follows one of them.
_STATIC_PAIRS = frozenset(frozenset(pair) for pair in (("BTC", "ETH"), ("BTC", "BNB"), ("ETH", "LINK")))


class Correlations(msgspec.Struct, frozen=True):
    """Correlation of returns by pair of symbols, names in alphabetical order; missing pairs use the static groups.

    `betas`: by symbol what its return is when the leader's is 1; of symbols without enough common history none.
    """

    pairs: dict[tuple[str, str], float] = {}
    betas: dict[str, float] = {}

    def of(self, one: str, other: str) -> float:
        """-1..1; 1 for a symbol with itself; without data 1 inside a static group, else 0."""
        if one == other:
            return 1.0
        measured = self.measured(one, other)
        return _static(one, other) if measured is None else measured

    def measured(self, one: str, other: str) -> float | None:
        """-1..1 of two different symbols; None without enough common returns."""
        return self.pairs.get((one, other) if one < other else (other, one))


def rolling_correlations(
    closes: Mapping[str, Iterable[tuple[int, float]]], window: int, leader: str = ""
) -> Correlations:
    """Correlation of log returns over the last `window` candles, each of the same open times for both symbols.

    `closes`: symbol -> (open time of the candle in ms, close > 0), in any length; what one symbol lacks counts for
    none. Pairs with fewer than 30 common returns, or with a flat series, are left out. `leader`: the symbol that betas
    are measured against (covariance / its variance, over the same returns); without one there are none.
    """
    symbols = sorted(closes)
    series = [dict(closes[symbol]) for symbol in symbols]
    grid = sorted(set().union(*series))[-(window + 1) :]
    if len(grid) <= MIN_RETURNS:
        return Correlations()
    returns = _log_returns(np.array([[each.get(open_ms, np.nan) for open_ms in grid] for each in series]))
    moments = _pairwise(returns)
    measured = _correlation(moments)
    pairs = {
        (one, other): float(measured[i, j])
        for i, one in enumerate(symbols)
        for j, other in enumerate(symbols)
        if i < j and np.isfinite(measured[i, j])
    }
    return Correlations(pairs, _betas(symbols, moments, leader))


def close_vol(closes: Iterable[tuple[int, float]], candle_ms: int) -> float | None:
    """Annualised standard deviation of log returns, a fraction >= 0; None of fewer than 30.

    `closes`: (open time in ms, close > 0). Only candles that follow each other by `candle_ms` make a return.
    """
    known = sorted(dict(closes).items())
    returns = [math.log(close / before) for (at, before), (then, close) in pairwise(known) if then - at == candle_ms]
    return stdev(returns) * math.sqrt(YEAR_MS / candle_ms) if len(returns) >= MIN_RETURNS else None


def correlated_exposure(symbol: str, exposures: Mapping[str, float], correlations: Correlations, limit: float) -> float:
    """Sum of |exposure| (quote) over the symbols correlated above `limit` with `symbol`, itself included."""
    return sum(
        abs(exposure)
        for other, exposure in exposures.items()
        if other == symbol or correlations.of(symbol, other) > limit
    )


def mean_correlation(
    symbol: str, sign: int, held: Mapping[str, float], correlations: Correlations, unknown: float
) -> float:
    """Mean correlation of a position in `symbol` with the others of `held` (signed values), 0..1.

    A side against the other's counts with the opposite sign. A pair that is not measured, and a portfolio without
    others, count as `unknown`.
    """
    found = []
    for other, value in held.items():
        if other != symbol:
            measured = correlations.measured(symbol, other)
            found.append(unknown if measured is None else measured * sign * (-1 if value < 0 else 1))
    return min(1.0, max(0.0, sum(found) / len(found))) if found else unknown


def _log_returns(closes: NDArray[np.float64]) -> NDArray[np.float64]:
    positive = np.where(closes > 0, closes, np.nan)
    return np.diff(np.log(positive))


class _Moments(NamedTuple):
    """Of each two rows of returns, where both have a value: (n_symbols, n_symbols) each."""

    covariance: NDArray[np.float64]  # times the number of common returns
    spread: NDArray[np.float64]  # [i, j]: of row i, times the number
    is_known: NDArray[np.bool_]  # there are enough of them
    is_flat: NDArray[np.bool_]  # [i, j]: row i did not move


def _pairwise(returns: NDArray[np.float64]) -> _Moments:
    """The moments of each two rows of (n_symbols, n_returns)."""
    there = np.isfinite(returns)
    values, counted = np.where(there, returns, 0.0), there.astype(np.float64)
    number = counted @ counted.T
    sums, squares = values @ counted.T, values**2 @ counted.T  # [i, j]: of row i, where row j has a value too
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = squares - sums**2 / number
        covariance = values @ values.T - sums * sums.T / number
    return _Moments(covariance, spread, number >= MIN_RETURNS, ~(spread > _FLAT * squares))


def _correlation(moments: _Moments) -> NDArray[np.float64]:
    """Pearson correlation; NaN = cannot be told."""
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = np.clip(moments.covariance / np.sqrt(moments.spread * moments.spread.T), -1.0, 1.0)
    return np.where(moments.is_known & ~moments.is_flat & ~moments.is_flat.T, correlation, np.nan)


def _betas(symbols: Sequence[str], moments: _Moments, leader: str) -> dict[str, float]:
    """Slope of each symbol's returns on the leader's: 0 if it does not move, none if the leader does not."""
    if leader not in symbols:
        return {}
    at = symbols.index(leader)
    return {
        symbol: float(moments.covariance[i, at] / moments.spread[at, i])
        for i, symbol in enumerate(symbols)
        if moments.is_known[i, at] and not moments.is_flat[at, i]
    }


@cache
def _static(one: str, other: str) -> float:
    """What stands in for a pair that was not measured: 1 inside a group, else 0."""
    bases = frozenset((one.partition("/")[0], other.partition("/")[0]))
    return 1.0 if len(bases) == 1 or bases in _STATIC_PAIRS else 0.0
