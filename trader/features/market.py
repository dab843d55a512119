"""Features of all traded symbols together: one stream each, and what can only be said across them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from trader.domain.candle_arrays import CandleArrays
from trader.domain.market import Book, Candle, Trade, timeframe_ms
from trader.features.batch import FloatArray, FundingHistory, compute_matrix
from trader.features.catalogue import COLUMNS, check_groups, check_higher, column_names
from trader.features.groups.book_stream import book_matrix
from trader.features.groups.cross_section import LOOKED_AT, WIDTH, cross_section, ranked
from trader.features.stream import FeatureStream

_LEADING_KEPT = 25_000
"""Candles of the leader that are remembered for symbols that come later; more than a history at start has."""

_LOOKED_AT = [COLUMNS.index(name) for name in LOOKED_AT]


class Extras(NamedTuple):
    """What the groups need beside candles, per symbol."""

    funding: Mapping[str, FundingHistory] = {}
    books: Mapping[str, Iterable[Book | Trade]] = {}  # in the order they arrived


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
        self._leading: dict[int, tuple[float, float]] = {}  # the leader's newest candles by open time

    def update(self, candles: Mapping[str, Candle]) -> dict[str, FloatArray]:
        """Take the candles of one close, one per symbol; rows of the symbols that are past their warm-up.

        A symbol without a candle is left out and does not count in ranks. Raises ValueError if the candles do not
        open together, are of other symbols, or if one cannot be.
        """
        opened = {candle.open_ms for candle in candles.values()}
        if len(opened) > 1:
            raise ValueError(f"candles open at {', '.join(map(str, sorted(opened)))}; they must open together")
        if not candles.keys() <= self.streams.keys():
            raise ValueError(f"candles of {', '.join(sorted(candles.keys() - self.streams.keys()))} do not belong here")
        if self.leader in candles:
            self._remember(candles[self.leader])
        rows = {}
        for symbol in self.streams:  # in their own order: sums over symbols depend on it in the last bit
            row = self._step(symbol, candles[symbol]) if symbol in candles else None
            if row is not None:
                rows[symbol] = row
        return self._with_ranks(rows) if "peers" in self.groups and rows else rows

    def follow(self, symbol: str, candles: Sequence[Candle]) -> FloatArray | None:
        """Take candles of one symbol alone, oldest first: a history, or those of closes the others are past.

        The row of the newest one, without ranks (NaN). The leader's own must have been taken before.
        """
        row = None
        for candle in candles:
            if symbol == self.leader:
                self._remember(candle)
            row = self._step(symbol, candle)
        if row is None or "peers" not in self.groups:
            return row
        return np.concatenate((row, np.full(WIDTH, np.nan)))

    def peek(self, closes: Sequence[Mapping[str, Candle]]) -> dict[str, FloatArray]:
        """Each symbol's newest row as if `closes` had been taken one after the other; nothing of it is kept."""
        marks = {symbol: stream.mark() for symbol, stream in self.streams.items()}
        rows: dict[str, FloatArray] = {}
        try:
            for candles in closes:
                rows |= self.update(candles)
        finally:
            for symbol, mark in marks.items():
                self.streams[symbol].rewind(mark)
        return rows

    def _step(self, symbol: str, c: Candle) -> FloatArray | None:
        leading = self._leading.get(c.open_ms) if "leader" in self.groups else None
        return self.streams[symbol].update(c.open_ms, c.open, c.high, c.low, c.close, c.volume, leader=leading)

    def _remember(self, candle: Candle) -> None:
        self._leading[candle.open_ms] = (candle.close, candle.volume)
        while len(self._leading) > _LEADING_KEPT:
            del self._leading[next(iter(self._leading))]

    def _with_ranks(self, rows: dict[str, FloatArray]) -> dict[str, FloatArray]:
        values = np.array([[row[_LOOKED_AT] for row in rows.values()]])
        ranks = cross_section(values)[0]
        return {symbol: np.concatenate((row, ranks[i])) for i, (symbol, row) in enumerate(rows.items())}


def compute_market(
    candles: Mapping[str, CandleArrays],
    timeframe: str,
    groups: tuple[str, ...] = ("leader", "peers"),
    *,
    higher_timeframes: tuple[str, ...] | None = None,
    extras: Extras | None = None,
) -> dict[str, FloatArray]:
    """The rows of every symbol, each (n_candles, n_columns) on its own candles. The leader is the first symbol.

    With the groups `funding` and `books`, every symbol needs an entry of them in `extras`.
    """
    return dict(market_matrices(candles, timeframe, groups, higher_timeframes=higher_timeframes, extras=extras))


def market_matrices(
    candles: Mapping[str, CandleArrays],
    timeframe: str,
    groups: tuple[str, ...],
    *,
    higher_timeframes: tuple[str, ...] | None = None,
    extras: Extras | None = None,
) -> Iterator[tuple[str, FloatArray]]:
    """`compute_market`, one symbol after the other: all rows at once need much memory."""
    groups, extras = check_groups(groups), extras or Extras()
    leader = next(iter(candles.values())) if "leader" in groups else None
    ranks: dict[str, FloatArray] = {}
    if "peers" in groups:
        # stepped through twice, so that no more than four columns of all symbols are held together
        looked_at = [
            (arrays.open_ms, compute_matrix(*arrays, timeframe, higher_timeframes=higher_timeframes)[:, _LOOKED_AT])
            for arrays in candles.values()
        ]
        ranks = dict(zip(candles, ranked(looked_at), strict=True))
    for symbol, arrays in candles.items():
        parts = [
            compute_matrix(
                *arrays,
                timeframe,
                higher_timeframes=higher_timeframes,
                leader=leader,
                funding=extras.funding[symbol] if "funding" in groups else None,
            )
        ]
        if "books" in groups:
            parts.append(book_matrix(extras.books[symbol], arrays.open_ms, timeframe_ms(timeframe)))
        if symbol in ranks:
            parts.append(ranks[symbol])
        yield symbol, np.hstack(parts) if len(parts) > 1 else parts[0]
