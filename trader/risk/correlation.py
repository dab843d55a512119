"""Which symbols move together, from rolling returns, with static groups where those are missing."""

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

MIN_RETURNS = 30

# Used for a pair without enough common history.
_STATIC_PAIRS = frozenset(frozenset(pair) for pair in (("BTC", "ETH"), ("BTC", "BNB"), ("ETH", "LINK")))


class Correlations(msgspec.Struct, frozen=True):
    """Correlation of returns by pair of symbols, names in alphabetical order; missing pairs use the static groups."""

    pairs: dict[tuple[str, str], float] = {}

    def of(self, one: str, other: str) -> float:
        """-1..1; 1 for a symbol with itself; without data 1 inside a static group, else 0."""
        if one == other:
            return 1.0
        measured = self.pairs.get((min(one, other), max(one, other)))
        if measured is not None:
            return measured
        return 1.0 if frozenset((_base(one), _base(other))) in _STATIC_PAIRS or _base(one) == _base(other) else 0.0


def rolling_correlations(closes: Mapping[str, NDArray[np.float64]], window: int) -> Correlations:
    """Correlation of log returns over the last `window` candles.

    `closes`: symbol -> (n_candles,) float64 closes > 0 of the same candles, oldest first, newest aligned; series
    may differ in length. Pairs with fewer than 30 common returns, or with a flat series, are left out.
    """
    returns = {symbol: _log_returns(series[-(window + 1) :]) for symbol, series in closes.items()}
    symbols = sorted(returns)
    pairs: dict[tuple[str, str], float] = {}
    for i, one in enumerate(symbols):
        for other in symbols[i + 1 :]:
            measured = _correlation(returns[one], returns[other])
            if measured is not None:
                pairs[(one, other)] = measured
    return Correlations(pairs)


def correlated_exposure(symbol: str, exposures: Mapping[str, float], correlations: Correlations, limit: float) -> float:
    """Sum of |exposure| (quote) over the symbols correlated above `limit` with `symbol`, itself included."""
    return sum(
        abs(exposure)
        for other, exposure in exposures.items()
        if other == symbol or correlations.of(symbol, other) > limit
    )


def _log_returns(closes: NDArray[np.float64]) -> NDArray[np.float64]:
    positive = np.where(closes > 0, closes, np.nan)
    return np.diff(np.log(positive))


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float | None:
    """Pearson correlation of the common newest part; None when it cannot be told."""
    n = min(one.size, other.size)
    if n < MIN_RETURNS:
        return None
    a, b = one[-n:] - one[-n:].mean(), other[-n:] - other[-n:].mean()
    spread = float(np.sqrt((a @ a) * (b @ b)))
    if not spread > 0:
        return None
    return float(np.clip((a @ b) / spread, -1.0, 1.0))


def _base(symbol: str) -> str:
    return symbol.partition("/")[0]
