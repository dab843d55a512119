"""Reading a recording: the market of a day by symbol, and the engine's inputs merged by number for a replay.

What still waits in the spool is read too, so a recording is complete while it is made. pyarrow is loaded on first use.
"""

import heapq
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import unquote

import msgspec

from trader.adapters.parquet.recording_files import days, table_files
from trader.adapters.parquet.recording_tables import KINDS, Kind, TableKey, events_of, place_of
from trader.adapters.parquet.spool import Recorded, read_spool, spool_files
from trader.domain.errors import Misconfigured
from trader.domain.events import AnyEvent, BookUpdated, CandleClosed, TradePrinted
from trader.domain.market import Book, Candle, Trade

LOSSES = "losses.jsonl"

E = TypeVar("E", bound=AnyEvent)


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """Market inputs that were not stored. `count` None: a session broke off; what its last second held is unknown."""

    session: int  # machine time of its start, ms
    count: int | None
    after_seq: int  # the engine's number that was stored last before them
    at_ms: int  # market time of what was stored last before them


class Hole(NamedTuple):
    """Numbers `first` .. `last` that nobody has."""

    first: int
    last: int


class Recording:
    """What one account's daemon recorded under `root`. Read while it is written, the newest minutes may be missing."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @cached_property
    def _waiting_places(self) -> frozenset[TableKey]:
        """Tables with rows that still wait in the spool, as of the first look: reading it takes a second."""
        return frozenset(place for _, place in self._waiting())

    def days(self) -> list[str]:
        """Days with recorded market time, oldest first (2026-01-31)."""
        waiting = (place.day for place in self._waiting_places)
        return sorted({*days(self._root), *waiting})

    def symbols(self, day: str, kind: Kind) -> list[str]:
        stored = (path.name.removesuffix(".parquet") for path in (self._root / day / kind).glob("*"))
        waiting = (place.symbol for place in self._waiting_places if place[:2] == (day, kind))
        return sorted({*map(unquote, stored), *waiting})

    def candles(self, symbol: str, day: str) -> list[Candle]:
        """Closed candles in the order the engine got them; a start tells its history again."""
        return [e.candle for e in self._table(TableKey(day, "candles", symbol)) if isinstance(e, CandleClosed)]

    def books(self, symbol: str, day: str) -> Iterator[Book]:
        """The books that the engine saw, oldest first."""
        return (e.book for e in self._table(TableKey(day, "books", symbol)) if isinstance(e, BookUpdated))

    def trades(self, symbol: str, day: str) -> Iterator[Trade]:
        """Public trades, oldest first."""
        return (e.trade for e in self._table(TableKey(day, "trades", symbol)) if isinstance(e, TradePrinted))

    def inputs(self, day: str) -> Iterator[Recorded]:
        """The engine's numbered inputs of a day, by number."""
        kinds: list[Kind] = [kind for kind in KINDS if kind != "trades"]
        places = [TableKey(day, kind, symbol) for kind in kinds for symbol in self.symbols(day, kind)]
        is_waiting = any(place.day == day for place in self._waiting_places)
        spooled = self._waiting() if is_waiting else ()
        waiting = (e for e, place in spooled if place.day == day and place.kind != "trades")
        return heapq.merge(*map(self._written, places), waiting, key=_number)

    def losses(self) -> list[Loss]:
        """Everything that is known to be missing, oldest first."""
        try:
            lines = (self._root / LOSSES).read_bytes().splitlines()
        except FileNotFoundError:
            return []
        return [msgspec.json.decode(line, type=Loss) for line in lines if line.strip()]

    def _table(self, place: TableKey) -> Iterator[Recorded]:
        yield from self._written(place)
        if place in self._waiting_places:
            yield from (event for event, its_place in self._waiting() if its_place == place)

    def _written(self, place: TableKey) -> Iterator[Recorded]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        for path in table_files(place.folder(self._root)):
            try:
                file = pq.ParquetFile(path)
                for group in range(file.num_row_groups):
                    yield from events_of(place.kind, place.symbol, file.read_row_group(group))
            except (pa.ArrowException, OSError) as error:
                raise Misconfigured(f"recording {path} is unreadable ({error}); move it away") from error

    def _waiting(self) -> Iterator[tuple[Recorded, TableKey]]:
        """What is in the spool and not yet in a part: a spool goes only after all its parts are written."""
        for spool in spool_files(self._root):
            for frame in read_spool(spool):
                for event in frame.events():
                    place = place_of(event)
                    if not (place.folder(self._root) / f"{spool.stem}.parquet").exists():
                        yield event, place


def merged(*streams: Iterable[E]) -> Iterator[E]:
    """Recorded market inputs and the ledger's inputs in the one order in which the engine ate them."""
    return heapq.merge(*streams, key=_number)


def holes(numbers: Iterable[int]) -> list[Hole]:
    """What is missing between the first and the last of `numbers` (ascending)."""
    return [Hole(one + 1, other - 1) for one, other in pairwise(numbers) if other > one + 1]


def _number(event: AnyEvent) -> int:
    return event.seq
