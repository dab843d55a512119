"""Features of all traded symbols together: one stream each, and what can only be said across them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from trader.domain.candle_arrays import CandleArrays, Floats
from trader.domain.market import Candle
from trader.features.batch import compute_matrix
from trader.features.catalogue import check_groups, check_higher, column_names
from trader.features.groups.among import Comparison
from trader.features.groups.group import Among, Beside, Event, Told
from trader.features.groups.registry import from_candles, made
from trader.features.stream import FeatureStream

_LEADING_KEPT = 25_000
"""Candles of the leader that are remembered for symbols that come later; more than a history at start has."""

Extras = Mapping[str, Mapping[str, Iterable[Event]]]
"""What groups are made from beside candles: group -> symbol -> events, observations by the time they were known, books
and trades in the order they arrived."""

NO_EXTRAS: Extras = {}


class MarketStream:
    """One FeatureStream per symbol; `columns` names what a row holds. The leader is the first symbol."""

    def __init__(
        self,
        timeframe: str,
        symbols: Sequence[str],
        groups: tuple[str, ...] | None = None,
        *,
        higher_timeframes: tuple[str, ...] | None = None,
    ) -> None:
        self.groups = from_candles() if groups is None else check_groups(groups)
        self.columns = column_names(check_higher(timeframe, higher_timeframes), self.groups)
        self.leader = symbols[0]
        among = {group.name for group, _ in made(Among, self.groups)}
        own = tuple(group for group in self.groups if group not in among)
        self.streams = {s: FeatureStream(timeframe, own, higher_timeframes=higher_timeframes) for s in symbols}
        self._is_beside = bool(made(Beside, self.groups))
        self._among = Comparison(self.groups)  # their columns are the last ones of a row
        self._looked_at = [self.columns.index(name) for name in self._among.looked_at]
        self._leading: dict[int, tuple[float, float]] = {}  # the leader's newest candles by open time

    def update(self, candles: Mapping[str, Candle]) -> dict[str, Floats]:
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
        return self._compared(rows) if self._among.width and rows else rows

    def learn(self, event: Event) -> None:
        """Take what is told of one symbol, or an observation of the whole market; see `FeatureStream.learn`."""
        for stream in [self.streams[event.symbol]] if event.symbol else self.streams.values():
            stream.learn(event)

    def follow(self, symbol: str, candles: Sequence[Candle]) -> Floats | None:
        """Take candles of one symbol alone, oldest first: a history, or those of closes the others are past.

        The row of the newest one, without what is said among all symbols (NaN). The leader's own must have been taken.
        """
        row = None
        for candle in candles:
            if symbol == self.leader:
                self._remember(candle)
            row = self._step(symbol, candle)
        if row is None or not self._among.width:
            return row
        return np.concatenate((row, np.full(self._among.width, np.nan)))

    def peek(self, closes: Sequence[Mapping[str, Candle]]) -> dict[str, Floats]:
        """Each symbol's newest row as if `closes` had been taken one after the other; nothing of it is kept."""
        marks = {symbol: stream.mark() for symbol, stream in self.streams.items()}
        rows: dict[str, Floats] = {}
        try:
            for candles in closes:
                rows |= self.update(candles)
        finally:
            for symbol, mark in marks.items():
                self.streams[symbol].rewind(mark)
        return rows

    def _step(self, symbol: str, c: Candle) -> Floats | None:
        leading = self._leading.get(c.open_ms) if self._is_beside else None
        return self.streams[symbol].update(c.open_ms, c.open, c.high, c.low, c.close, c.volume, leader=leading)

    def _remember(self, candle: Candle) -> None:
        self._leading[candle.open_ms] = (candle.close, candle.volume)
        while len(self._leading) > _LEADING_KEPT:
            del self._leading[next(iter(self._leading))]

    def _compared(self, rows: dict[str, Floats]) -> dict[str, Floats]:
        values = np.array([[row[self._looked_at] for row in rows.values()]])
        made_among = self._among.at(values)[0]
        return {symbol: np.concatenate((row, made_among[i])) for i, (symbol, row) in enumerate(rows.items())}


def compute_market(
    candles: Mapping[str, CandleArrays],
    timeframe: str,
    groups: tuple[str, ...] | None = None,
    *,
    higher_timeframes: tuple[str, ...] | None = None,
    extras: Extras = NO_EXTRAS,
) -> dict[str, Floats]:
    """The rows of every symbol, each (n_candles, n_columns) on its own candles. The leader is the first symbol.

    `groups`: those that candles alone can give, unless named; for the others every symbol needs its events in
    `extras`.
    """
    groups = from_candles() if groups is None else groups
    return dict(market_matrices(candles, timeframe, groups, higher_timeframes=higher_timeframes, extras=extras))


def market_matrices(
    candles: Mapping[str, CandleArrays],
    timeframe: str,
    groups: tuple[str, ...],
    *,
    higher_timeframes: tuple[str, ...] | None = None,
    extras: Extras = NO_EXTRAS,
) -> Iterator[tuple[str, Floats]]:
    """`compute_market`, one symbol after the other: all rows at once need much memory."""
    leader = next(iter(candles.values())) if made(Beside, groups) else None
    told = [group.name for group, _ in made(Told, groups)]
    comparison, among = Comparison(groups), dict[str, Floats]()
    if comparison.width:
        # stepped through twice, so that no more than a few columns of all symbols are held together
        columns = column_names(check_higher(timeframe, higher_timeframes))
        at = [columns.index(name) for name in comparison.looked_at]
        seen = [
            (arrays.open_ms, compute_matrix(*arrays, timeframe, higher_timeframes=higher_timeframes)[:, at])
            for arrays in candles.values()
        ]
        among = dict(zip(candles, comparison.over(seen), strict=True))
    for symbol, arrays in candles.items():
        matrix = compute_matrix(
            *arrays,
            timeframe,
            higher_timeframes=higher_timeframes,
            leader=leader,
            told={name: extras[name][symbol] for name in told},
        )
        yield symbol, np.hstack((matrix, among[symbol])) if symbol in among else matrix
