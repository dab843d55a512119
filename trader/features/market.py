"""Features of all traded symbols together: one stream each, and what can only be said across them."""

from collections.abc import Mapping, Sequence

import numpy as np

from trader.domain.candle_arrays import CandleArrays
from trader.domain.market import Candle
from trader.features.batch import FloatArray, FundingHistory, compute_matrix
from trader.features.catalogue import COLUMNS, check_groups, check_higher, column_names
from trader.features.cross_section import LOOKED_AT, cross_section, ranked
from trader.features.stream import FeatureStream


class MarketStream:
    """One FeatureStream per symbol; `columns` names what a row holds. The leader is the first symbol."""

    def __init__(
        self,
        timeframe: str,
        symbols: Sequence[str],
        groups: tuple[str, ...] = ("leader", "peers"),
        *,
        higher_timeframes: tuple[str, ...] | None = None,
    ) -> None:
        self.groups = check_groups(groups)
        self.columns = column_names(check_higher(timeframe, higher_timeframes), self.groups)
        self.leader = symbols[0]
        own = tuple(group for group in self.groups if group != "peers")
        self.streams = {s: FeatureStream(timeframe, own, higher_timeframes=higher_timeframes) for s in symbols}
        self._looked_at = [COLUMNS.index(name) for name in LOOKED_AT]

    def update(self, candles: Mapping[str, Candle]) -> dict[str, FloatArray]:
        """Take the candles of one close, one per symbol; rows of the symbols that are past their warm-up.

        A symbol without a candle is left out and does not count in ranks. Raises ValueError if the candles do not
        open together, or if one cannot be.
        """
        opened = {candle.open_ms for candle in candles.values()}
        if len(opened) > 1:
            raise ValueError(f"candles open at {', '.join(map(str, sorted(opened)))}; they must open together")
        first = candles.get(self.leader)
        leading = (first.close, first.volume) if first and "leader" in self.groups else None
        rows = {}
        for symbol, c in candles.items():
            row = self.streams[symbol].update(c.open_ms, c.open, c.high, c.low, c.close, c.volume, leader=leading)
            if row is not None:
                rows[symbol] = row
        return self._with_ranks(rows) if "peers" in self.groups and rows else rows

    def _with_ranks(self, rows: dict[str, FloatArray]) -> dict[str, FloatArray]:
        values = np.array([[row[self._looked_at] for row in rows.values()]])
        ranks = cross_section(values)[0]
        return {symbol: np.concatenate((row, ranks[i])) for i, (symbol, row) in enumerate(rows.items())}


def compute_market(
    candles: Mapping[str, CandleArrays],
    timeframe: str,
    groups: tuple[str, ...] = ("leader", "peers"),
    *,
    higher_timeframes: tuple[str, ...] | None = None,
    funding: Mapping[str, FundingHistory] | None = None,
) -> dict[str, FloatArray]:
    """The rows of every symbol, each (n_candles, n_columns) on its own candles. The leader is the first symbol.

    With the group `funding`, every symbol needs an entry in `funding`.
    """
    groups = check_groups(groups)
    leader = next(iter(candles.values())) if "leader" in groups else None
    matrices = {
        symbol: compute_matrix(
            *arrays,
            timeframe,
            higher_timeframes=higher_timeframes,
            leader=leader,
            funding=(funding or {})[symbol] if "funding" in groups else None,
        )
        for symbol, arrays in candles.items()
    }
    if "peers" not in groups:
        return matrices
    ranks = ranked([(candles[symbol].open_ms, matrix) for symbol, matrix in matrices.items()])
    return {symbol: np.hstack((matrix, rank)) for (symbol, matrix), rank in zip(matrices.items(), ranks, strict=True)}
