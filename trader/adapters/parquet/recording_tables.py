"""Recorded events as Parquet tables, one per kind, day and symbol. pyarrow is loaded on first use."""

from array import array
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple, assert_never
from urllib.parse import quote

import msgspec

from trader.adapters.parquet.spool import Recorded
from trader.domain.events import BookUpdated, CandleClosed, InstrumentChanged, StreamChanged, Ticked, TradePrinted
from trader.domain.market import Book, Candle, Levels, Trade

Kind = Literal["candles", "books", "trades", "events"]
KINDS: tuple[Kind, ...] = ("candles", "books", "trades", "events")
"""`events`: stream states, changed instruments, ticks. All but trades carry the engine's number (`seq`)."""

NO_SYMBOL = "-"  # ticks belong to none

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Recorded).decode


class TableKey(NamedTuple):
    """Which table an event belongs to."""

    day: str  # of market time, UTC: 2026-01-31
    kind: Kind
    symbol: str

    def folder(self, root: Path) -> Path:
        """Where the parts of a day that is not over are; the whole day becomes one file beside it."""
        return root / self.day / self.kind / quote(self.symbol, safe="-")


def place_of(event: Recorded) -> TableKey:
    match event:
        case CandleClosed(candle=candle):
            return TableKey(day_of(event.ts_ms), "candles", candle.symbol)
        case BookUpdated(book=book):
            return TableKey(day_of(event.ts_ms), "books", book.symbol)
        case TradePrinted(trade=trade):
            return TableKey(day_of(trade.ts_ms), "trades", trade.symbol)
        case StreamChanged(symbol=symbol):
            return TableKey(day_of(event.ts_ms), "events", symbol)
        case InstrumentChanged(instrument=instrument):
            return TableKey(day_of(event.ts_ms), "events", instrument.symbol)
        case Ticked():
            return TableKey(day_of(event.ts_ms), "events", NO_SYMBOL)
        case _:
            assert_never(event)


def day_of(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1_000, UTC):%Y-%m-%d}"


class Columns:
    """Rows of one table as they come, packed: a decoded book is twenty times as big."""

    def __init__(self) -> None:
        self.rows = 0
        self._plain: dict[str, list[Any] | array[Any]] = {}
        self._counts: dict[str, array[int]] = {}

    def add(self, event: Recorded) -> None:
        self.rows += 1
        match event:
            case CandleClosed(candle=candle):
                self._number(event)
                self._put("open_ms", candle.open_ms)
                self._put("close_ms", candle.close_ms)
                for name in ("open", "high", "low", "close", "volume"):
                    self._put(name, float(getattr(candle, name)))
                self._put("is_gap", candle.is_gap)
            case BookUpdated(book=book):
                self._number(event)
                self._put("book_ms", book.ts_ms)
                for side, levels in (("bid", book.bids), ("ask", book.asks)):
                    self._levels(f"{side}_prices", (price for price, _ in levels), len(levels))
                    self._levels(f"{side}_quantities", (quantity for _, quantity in levels), len(levels))
            case TradePrinted(trade=trade):
                self._put("ts_ms", trade.ts_ms)
                self._put("trade_id", trade.trade_id)
                self._put("price", float(trade.price))
                self._put("quantity", float(trade.quantity))
                self._put("buyer_is_taker", trade.buyer_is_taker)
            case StreamChanged() | InstrumentChanged() | Ticked():
                self._number(event)
                self._put("event", type(event).__name__)
                self._put("body", _encode(event))
            case _:
                assert_never(event)

    def _number(self, event: Recorded) -> None:
        self._put("seq", event.seq)
        self._put("ts_ms", event.ts_ms)

    def _put(self, name: str, value: Any) -> None:
        column = self._plain.get(name)
        if column is None:
            code = {int: "q", float: "d"}.get(type(value))
            column = self._plain[name] = array(code) if code else []
        column.append(value)

    def _levels(self, name: str, values: Iterable[float], count: int) -> None:
        self._plain.setdefault(name, array("d")).extend(values)
        self._counts.setdefault(name, array("i", [0])).append(self._counts[name][-1] + count)

    def table(self) -> Any:
        """As a pyarrow table."""
        import numpy as np
        import pyarrow as pa

        def packed(column: "list[Any] | array[Any]") -> Any:
            return pa.array(np.frombuffer(column, column.typecode) if isinstance(column, array) else column)

        columns = {name: packed(column) for name, column in self._plain.items()}
        for name, offsets in self._counts.items():
            columns[name] = pa.ListArray.from_arrays(packed(offsets), columns[name])
        return pa.table(columns)


def events_of(kind: Kind, symbol: str, table: Any) -> Iterator[Recorded]:
    """The events that `table` was made of, in its order."""
    match kind:
        case "events":
            yield from (_decode(body) for body in table.column("body").to_pylist())
        case "books":
            yield from _books(symbol, table)
        case "candles":
            for row in table.to_pylist():
                yield CandleClosed(seq=row.pop("seq"), ts_ms=row.pop("ts_ms"), candle=Candle(symbol, **row))
        case "trades":
            yield from (TradePrinted(trade=Trade(symbol, **row)) for row in table.to_pylist())


def _books(symbol: str, table: Any) -> Iterator[Recorded]:
    """By column: row by row it takes three times as long."""
    numbers, times, book_times = (table.column(name).to_pylist() for name in ("seq", "ts_ms", "book_ms"))
    bids, asks = (_levels_of(table, side) for side in ("bid", "ask"))
    for seq, ts_ms, book_ms, bid, ask in zip(numbers, times, book_times, bids, asks, strict=True):
        yield BookUpdated(seq=seq, ts_ms=ts_ms, book=Book(symbol, book_ms, bid, ask))


def _levels_of(table: Any, side: str) -> Iterator[Levels]:
    prices, quantities = (table.column(f"{side}_{what}").combine_chunks() for what in ("prices", "quantities"))
    levels = list(zip(prices.flatten().to_numpy().tolist(), quantities.flatten().to_numpy().tolist(), strict=True))
    offsets = prices.offsets.to_pylist()
    for first, last in pairwise(offsets):
        yield tuple(levels[first - offsets[0] : last - offsets[0]])
