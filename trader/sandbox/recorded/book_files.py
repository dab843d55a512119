"""Recorded order books on disk: which there are, and what they hold.

A recording of one symbol is `<SYMBOL>-<name>-l2.parquet` with `-trades.parquet` and, where they were recorded,
`-bbo.parquet` (best quotes) and `-mark.parquet` (mark prices) beside it. `msg` numbers the messages of all of them in
the order in which they arrived.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from trader.domain.errors import Misconfigured
from trader.sandbox.market.listing import Listing, is_perpetual, listing_for
from trader.sandbox.market.source import Bools, Floats, Ints
from trader.sandbox.recorded.candle_files import folder_of, market_id, with_steps
from trader.sandbox.recorded.columns import NO_NUMBER, Columns, optional_columns, read_columns

_L2 = ("msg", "ts_recv_ns", "ts_exch_ms", "first_update_id", "last_update_id", "is_snapshot", "side", "price", "size")
_TRADES = ("msg", "ts_recv_ns", "ts_exch_ms", "ts_trade_ms", "trade_id", "price", "size", "side")
_QUOTES = ("msg", "ts_recv_ns", "update_id", "bid_price", "bid_size", "ask_price", "ask_size")
_MARKS = ("msg", "ts_recv_ns", "ts_exch_ms", "mark_price", "index_price", "funding_rate", "next_funding_ms")


class Frames(msgspec.Struct, frozen=True):
    """The snapshot and then every depth update after it, in order; update i has the rows starts[i]:starts[i + 1]."""

    position: Ints  # (n,), as are times and ids: where it comes among everything of this recording
    time_ms: Ints
    first_id: Ints
    last_id: Ints
    previous_id: Ints
    starts: Ints  # (n + 1,)
    keys: Floats  # (rows,): the level's price, below zero on the bid side
    sizes: Floats  # (rows,): what is there now; 0 = nothing


class Tape(msgspec.Struct, frozen=True):
    """Trades in the order in which they were told, (n,) each."""

    position: Ints
    time_ms: Ints  # when they were told
    trade_ms: Ints  # when they were matched
    trade_id: Ints
    price: Floats
    size: Floats
    buyer_is_taker: Bools
    kinds: tuple[str, ...]  # MARKET, INSURANCE_FUND, ...


class Quotes(msgspec.Struct, frozen=True):
    """Best bid and ask, (n,) times and ids, (n, 4) bid, its size, ask, its size."""

    time_ms: Ints
    update_id: Ints
    values: Floats


class Marks(msgspec.Struct, frozen=True):
    """Mark prices, (n,) each."""

    position: Ints
    time_ms: Ints
    mark: Floats
    index: Floats
    rate: Floats
    next_funding_ms: Ints


class BookRecording(msgspec.Struct, frozen=True):
    """What was recorded of one symbol. Times are those of the exchange, ms UTC, and never go back."""

    listing: Listing
    begins_ms: int  # the first message, before the book was known
    frames: Frames
    tape: Tape
    quotes: Quotes | None
    marks: Marks | None

    @property
    def known_ms(self) -> int:
        """When the book was known and the first trade seen."""
        return int(max(self.frames.time_ms[0], self.tape.time_ms[0]))

    @property
    def ends_ms(self) -> int:
        return int(max(self.frames.time_ms[-1], self.tape.time_ms[-1]))


def recorded_names(folder: Path, symbols: Sequence[str]) -> list[str]:
    """The recordings that all of these symbols have, oldest first. Raises `Misconfigured` where they share none."""
    common: set[str] | None = None
    for symbol in symbols:
        home = folder_of(folder, symbol)
        start, end = f"{market_id(symbol)}-", "-l2.parquet"
        has = {path.name[len(start) : -len(end)] for path in home.glob(f"{start}*{end}")}
        if not has:
            listed = ", ".join(sorted(path.name for path in home.glob("*-l2.parquet"))) or "no recorded book"
            raise Misconfigured(f"{home} has no recorded book of {symbol} ({start}<name>{end}); it has {listed}")
        common = has if common is None else common & has
    if not common:
        raise Misconfigured(f"{folder}: no recording holds all of {', '.join(symbols)}: replay them one by one")
    return sorted(common)


def read_book(folder: Path, symbol: str, name: str) -> BookRecording:
    """One recording of one symbol. Raises `Misconfigured` for files that are damaged, or have a hole in the updates."""
    stem = folder_of(folder, symbol) / f"{market_id(symbol)}-{name}"
    l2_path = stem.with_name(f"{stem.name}-l2.parquet")
    l2 = read_columns(l2_path, _L2, optional=("prev_update_id",))
    tape = read_columns(stem.with_name(f"{stem.name}-trades.parquet"), _TRADES, optional=("order_type",))
    quotes = optional_columns(stem.with_name(f"{stem.name}-bbo.parquet"), _QUOTES, optional=("ts_exch_ms",))
    marks = optional_columns(stem.with_name(f"{stem.name}-mark.parquet"), _MARKS)
    if not len(tape["msg"]):
        raise Misconfigured(f"{stem}-trades.parquet holds no trade")
    begins, chosen, position = _kept_frames(l2, l2_path, is_perpetual(symbol))
    frames = {"msg": position, **{name: l2[name][begins[chosen]] for name in ("ts_recv_ns", "ts_exch_ms")}}
    times = _times([frames, tape, *(table for table in (quotes, marks) if table)])
    return BookRecording(
        listing=with_steps(listing_for(symbol), l2["price"], l2["size"]),
        begins_ms=int(min(times[0][0], times[1][0])),
        frames=_frames(l2, begins, chosen, position, times[0]),
        tape=_tape(tape, times[1]),
        quotes=_quotes(quotes, times[2]) if quotes else None,
        marks=_marks(marks, times[-1]) if marks else None,
    )


def _kept_frames(l2: Columns, path: Path, is_futures: bool) -> tuple[Ints, Ints, Ints]:
    """(first row of every message, the messages that make the book, where each of these comes in order).

    The snapshot comes first; updates that arrived before it follow at its place where it does not hold them yet.
    """
    msg = l2["msg"]
    begins = np.concatenate(([0], np.flatnonzero(np.diff(msg)) + 1)) if len(msg) else np.zeros(0, dtype=np.int64)
    snapshots = np.flatnonzero(l2["is_snapshot"][begins])
    if len(snapshots) != 1:
        raise Misconfigured(f"{path} holds {len(snapshots)} snapshots of the book; one is needed")
    snapshot = int(snapshots[0])
    first, last = l2["first_update_id"][begins], l2["last_update_id"][begins]
    previous = _previous_ids(l2, begins)
    known = int(last[snapshot])
    keep = (last >= known if is_futures else last > known) & (np.arange(len(begins)) != snapshot)
    updates = np.flatnonzero(keep)
    ids = np.concatenate(([known], last[updates]))
    holes = np.flatnonzero(previous[updates] != ids[:-1])
    holes = holes[(holes > 0) | (first[updates][holes] > known + 1)]  # the first one may overlap the snapshot
    if len(updates) == 0 or len(holes):
        where = f"after update {ids[holes[0]]}" if len(holes) else "after its snapshot"
        raise Misconfigured(f"{path}: depth updates are missing {where}; such a book cannot be rebuilt")
    chosen = np.concatenate(([snapshot], updates))
    return begins, chosen, np.maximum(msg[begins[chosen]], msg[begins[snapshot]])


def _previous_ids(l2: Columns, begins: Ints) -> Ints:
    if "prev_update_id" in l2:
        return l2["prev_update_id"][begins]
    return np.asarray(l2["first_update_id"][begins] - 1, dtype=np.int64)


def _times(tables: Sequence[Columns]) -> list[Ints]:
    """The exchange's time of every row of every table, where all rows come in the order of `msg`.

    Where the exchange named no time, that is when it arrived, corrected by the usual distance of the two clocks.
    """
    received = np.concatenate([table["ts_recv_ns"] for table in tables]) // 1_000_000
    unnamed = [np.full(len(table["msg"]), NO_NUMBER) for table in tables]
    named = np.concatenate([table.get("ts_exch_ms", none) for table, none in zip(tables, unnamed, strict=True)])
    is_named = named != NO_NUMBER
    offset = int(np.median(named[is_named] - received[is_named])) if np.any(is_named) else 0
    times = np.where(is_named, named, received + offset)
    order = np.argsort(np.concatenate([table["msg"] for table in tables]), kind="stable")
    times[order] = np.maximum.accumulate(times[order])
    return np.split(times, np.cumsum([len(table["msg"]) for table in tables])[:-1])


def _frames(l2: Columns, begins: Ints, chosen: Ints, position: Ints, time_ms: Ints) -> Frames:
    ends = np.concatenate((begins[1:], [len(l2["msg"])]))
    counts = ends[chosen] - begins[chosen]
    starts = np.concatenate(([0], np.cumsum(counts)))
    rows = np.repeat(begins[chosen] - starts[:-1], counts) + np.arange(starts[-1])
    price = l2["price"][rows]
    return Frames(
        position=position,
        time_ms=time_ms,
        first_id=l2["first_update_id"][begins[chosen]],
        last_id=l2["last_update_id"][begins[chosen]],
        previous_id=_previous_ids(l2, begins[chosen]),
        starts=starts,
        keys=np.where(l2["side"][rows] == "bid", -price, price),
        sizes=l2["size"][rows],
    )


def _tape(trades: Columns, time_ms: Ints) -> Tape:
    kinds = trades.get("order_type")
    return Tape(
        position=trades["msg"],
        time_ms=time_ms,
        trade_ms=np.maximum.accumulate(trades["ts_trade_ms"]),
        trade_id=trades["trade_id"],
        price=trades["price"],
        size=trades["size"],
        buyer_is_taker=trades["side"] == "buy",
        kinds=tuple(kinds.tolist()) if kinds is not None else ("MARKET",) * len(time_ms),
    )


def _quotes(quotes: Columns, time_ms: Ints) -> Quotes:
    values = [quotes[name] for name in ("bid_price", "bid_size", "ask_price", "ask_size")]
    return Quotes(time_ms, quotes["update_id"], np.stack(values, axis=1))


def _marks(marks: Columns, time_ms: Ints) -> Marks:
    return Marks(
        position=marks["msg"],
        time_ms=time_ms,
        mark=marks["mark_price"],
        index=marks["index_price"],
        rate=marks["funding_rate"],
        next_funding_ms=marks["next_funding_ms"],
    )
