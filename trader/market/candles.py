"""From updates of forming candles to closed candles: each once, in order, without a gap, and only when proven.

A candle is proven closed when the exchange says so, when a later one arrived, or when a REST answer made after its
end holds it. Anything seen around an interruption of the stream proves nothing: a half-formed candle looks like any
other. What cannot be proven from the stream is `missing`, and the feed asks for it over REST.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from trader.domain.market import Candle


class Row(NamedTuple):
    """One candle as an exchange states it, perhaps still forming. Prices in quote, volume in base."""

    open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float


def fault_of(row: Row, length_ms: int) -> str | None:
    """Why `row` cannot be a candle of `length_ms`, or None."""
    open_ms, first, high, low, last, volume = row
    if open_ms <= 0 or open_ms % length_ms:
        return f"open time {open_ms} is not on the grid of {length_ms} ms"
    # every comparison with NaN is false
    if 0 < low <= first <= high < math.inf and low <= last <= high and 0 <= volume < math.inf:
        return None
    if not all(math.isfinite(value) for value in row[1:]):
        return f"not finite: {row}"
    if low <= 0 or volume < 0:
        return f"price or volume out of range: {row}"
    return f"high and low do not hold open and close: {row}"


def closed(symbol: str, row: Row, length_ms: int) -> Candle:
    """`row` as a closed candle."""
    return Candle(symbol, row.open_ms, row.open_ms + length_ms, row.open, row.high, row.low, row.close, row.volume)


def flat(symbol: str, open_ms: int, length_ms: int, price: float) -> Candle:
    """The candle of a time without trades: zero volume, flat at the last close."""
    return Candle(symbol, open_ms, open_ms + length_ms, price, price, price, price, 0.0, is_gap=True)


def continuous(
    symbol: str, length_ms: int, rows: Sequence[Row], *, previous: Candle | None, since_ms: int, until_ms: int
) -> list[Candle]:
    """All candles that open in [`since_ms`, `until_ms`), from rows the exchange states as closed and complete.

    Times the rows leave out become flat candles at the last close (the close of `previous` first). Without a
    `previous`, the list starts at the first row: nothing is known before it. Times are multiples of `length_ms`.
    """
    by_open = {row.open_ms: row for row in rows if since_ms <= row.open_ms < until_ms}
    price = previous.close if previous is not None else None
    candles: list[Candle] = []
    for open_ms in range(since_ms, until_ms, length_ms):
        row = by_open.get(open_ms)
        if row is not None:
            candles.append(closed(symbol, row, length_ms))
            price = row.close
        elif price is not None:
            candles.append(flat(symbol, open_ms, length_ms, price))
    return candles


class CandleAssembler:
    """One symbol and timeframe. Feed it what the stream says (`update`) and what REST confirms (`confirm`).

    `states_final`: the stream marks the last update of a candle. Then a later candle alone proves nothing about
    this one, because the update that finished it may have been lost.
    """

    def __init__(self, symbol: str, length_ms: int, *, last: Candle | None = None, states_final: bool = False) -> None:
        self.symbol = symbol
        self.length_ms = length_ms
        self.last = last
        self._states_final = states_final
        self._rows: dict[int, Row] = {}
        self._final: set[int] = set()
        self._doubtful: set[int] = set()

    @property
    def next_open_ms(self) -> int | None:
        """Open time of the next candle to come out; None until anything is known."""
        if self.last is not None:
            return self.last.close_ms
        return min(self._rows, default=None)

    @property
    def next_close_ms(self) -> int | None:
        """When the next candle ends; the moment after which its absence is a fault."""
        open_ms = self.next_open_ms
        return None if open_ms is None else open_ms + self.length_ms

    @property
    def missing(self) -> tuple[int, int] | None:
        """[since, until) that later candles prove to be over while the stream has not proven it; REST must tell."""
        open_ms = self.next_open_ms
        newest = max(self._rows, default=None)
        if open_ms is None or newest is None or newest <= open_ms:
            return None
        return open_ms, newest

    def begin_after(self, rows: Sequence[Row]) -> list[Candle]:
        """Start without history: `rows` are closed, and the first candle to come out follows the newest of them."""
        if rows:
            self._keep(closed(self.symbol, max(rows), self.length_ms))
        return self._release()

    def update(self, row: Row, *, is_final: bool = False) -> list[Candle]:
        """Take in the newest state of a candle; returns the candles this proves closed, oldest first.

        Raises ValueError for a row that cannot be a candle.
        """
        fault = fault_of(row, self.length_ms)
        if fault is not None:
            raise ValueError(f"{self.symbol}: {fault}")
        if self.last is not None and row.open_ms < self.last.close_ms:
            return []
        if row.open_ms in self._final:
            return []  # whatever comes after the last word on a candle is late
        self._rows[row.open_ms] = row
        self._doubtful.discard(row.open_ms)
        if is_final:
            self._final.add(row.open_ms)
        return self._release()

    def interrupt(self) -> None:
        """The stream was broken: what it said last about unfinished candles may be incomplete."""
        self._doubtful.update(open_ms for open_ms in self._rows if open_ms not in self._final)

    def confirm(self, rows: Sequence[Row], until_ms: int) -> list[Candle]:
        """Take in a REST answer that is complete for everything that closed up to `until_ms` (a grid time).

        Candles the answer lacks are confirmed not to exist. Returns the candles that are now closed, oldest first.
        """
        since_ms = self.next_open_ms
        if since_ms is None:
            since_ms = min((row.open_ms for row in rows), default=until_ms)
        for row in rows:
            fault = fault_of(row, self.length_ms)
            if fault is not None:
                raise ValueError(f"{self.symbol}: {fault}")
        candles = continuous(
            self.symbol, self.length_ms, rows, previous=self.last, since_ms=since_ms, until_ms=until_ms
        )
        if candles:
            self._keep(candles[-1])
        return candles + self._release()

    def _release(self) -> list[Candle]:
        candles: list[Candle] = []
        while (open_ms := self.next_open_ms) is not None and self._is_proven(open_ms):
            candle = closed(self.symbol, self._rows[open_ms], self.length_ms)
            candles.append(candle)
            self._keep(candle)
        return candles

    def _is_proven(self, open_ms: int) -> bool:
        if open_ms not in self._rows or open_ms in self._doubtful:
            return False
        if open_ms in self._final:
            return True
        return not self._states_final and max(self._rows) > open_ms

    def _keep(self, candle: Candle) -> None:
        self.last = candle
        self._forget_before(candle.close_ms)

    def _forget_before(self, open_ms: int) -> None:
        for old in [key for key in self._rows if key < open_ms]:
            del self._rows[old]
            self._final.discard(old)
            self._doubtful.discard(old)
