"""Recorded candles on disk: which files there are, and what they hold."""

import math
import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from trader.domain.errors import Misconfigured
from trader.domain.instrument import exact
from trader.domain.market import timeframe_ms
from trader.sandbox.market.listing import MAX_DECIMALS, Listing, is_perpetual, listing_for, spot_symbol
from trader.sandbox.market.source import Floats, Ints

_COLUMNS = ("open", "high", "low", "close", "volume")
_PERPETUAL = "perpetual"
_FUNDING = "funding_8h"
_CANDLES = re.compile(r"^[^-]+-[0-9]+[mhdw]\.parquet$")


class CandleRecording(msgspec.Struct, frozen=True):
    """Candles of one symbol: open times (n,) ms, strictly increasing, and values (n, 5) as recorded."""

    listing: Listing
    open_ms: Ints
    values: Floats  # open, high, low, close, volume


def read_recordings(folder: Path, symbols: Sequence[str], timeframe: str) -> tuple[int, dict[str, CandleRecording]]:
    """(length of the base candle, recordings): the longest recorded timeframe that `timeframe` is a multiple of.

    Files are named `<SYMBOL>-<timeframe>.parquet`, columns timestamp (open time, ms), open, high, low, close, volume.
    Those of perpetuals are in the folder `perpetual` inside it, or in it where there is no such folder and no spot
    pair is asked for. Raises `Misconfigured` naming what is missing and what there is.
    """
    is_mixed = len({is_perpetual(symbol) for symbol in symbols}) > 1
    if is_mixed and not (folder / _PERPETUAL).is_dir():
        raise Misconfigured(f"{folder} has no folder {_PERPETUAL!r}: candles of perpetuals beside spot pairs go there")
    recorded = _base_timeframe(folder, symbols, timeframe)
    found = {symbol: _read(_file(folder, symbol, recorded), symbol) for symbol in symbols}
    base_ms = timeframe_ms(recorded)
    for symbol, recording in found.items():
        if np.any(recording.open_ms % base_ms) or np.any(np.diff(recording.open_ms) <= 0):
            raise Misconfigured(f"{folder}: candles of {symbol} are not in order on a grid of {recorded}")
    return base_ms, found


Kind = Literal["candles", "books", "days"]


def kind_of(folder: Path, symbols: Sequence[str]) -> Kind:
    """What is recorded in `folder`: candles, order books, or days of the daemon's own recorder.

    Raises `Misconfigured` for a folder with neither, or with more: it would not say what is to be replayed.
    """
    days = sorted(path.name for path in folder.glob("????-??-??") if path.is_dir())
    homes = {folder_of(folder, symbol) for symbol in symbols}
    names = sorted(path.name for home in homes for path in home.glob("*.parquet"))
    candles = [name for name in names if _CANDLES.search(name)]
    books = [name for name in names if name.endswith("-l2.parquet")]
    if candles and books:
        raise Misconfigured(
            f"{folder} holds candles ({candles[0]}, ...) and recorded books ({books[0]}, ...): "
            "only one kind can be replayed; keep them in folders of their own"
        )
    if days and (candles or books):
        raise Misconfigured(
            f"{folder} holds recorded days ({days[0]}, ...) and {(candles or books)[0]}, ...: "
            "only one kind can be replayed; keep them in folders of their own"
        )
    if not candles and not books and not days:
        raise Misconfigured(
            f"{folder} holds neither candles (<SYMBOL>-<timeframe>.parquet) nor recorded books "
            "(<SYMBOL>-<name>-l2.parquet), nor days of a recorder (2026-01-31/books/...); "
            f"it has {', '.join(names) or 'no Parquet file'}"
        )
    return "days" if days else "books" if books else "candles"


def _base_timeframe(folder: Path, symbols: Sequence[str], timeframe: str) -> str:
    wanted_ms = timeframe_ms(timeframe)
    common: set[str] | None = None
    for symbol in symbols:
        pattern = _file(folder, symbol, "*")
        names = (path.stem.rpartition("-")[2] for path in pattern.parent.glob(pattern.name))
        has = {name for name in names if name != _FUNDING}
        if not has:
            listed = ", ".join(sorted(path.name for path in pattern.parent.glob("*.parquet"))) or "no Parquet file"
            wanted = pattern.name.replace("*", "<timeframe>")
            raise Misconfigured(f"{pattern.parent} has no candles of {symbol} ({wanted}); it has {listed}")
        common = has if common is None else common & has
    usable = [name for name in common or () if wanted_ms % timeframe_ms(name) == 0]
    if not usable:
        raise Misconfigured(
            f"{folder}: no recorded timeframe of all of {', '.join(symbols)} makes up {timeframe}; "
            f"they share {', '.join(sorted(common or ())) or 'none'}"
        )
    return max(usable, key=timeframe_ms)


def read_funding(folder: Path, symbol: str) -> dict[int, Decimal]:
    """Recorded funding rates by time of settlement, from `<SYMBOL>-funding_8h.parquet` beside the candles.

    Columns timestamp and funding_rate; without such a file there are none. Raises `Misconfigured` for a damaged one.
    """
    path = _file(folder, symbol, _FUNDING)
    if not path.exists():
        return {}
    open_ms, values = _table(path, ("funding_rate",), "funding rates")
    return {due: exact(round(rate, MAX_DECIMALS)) for due, rate in zip(open_ms.tolist(), values[:, 0], strict=True)}


def folder_of(folder: Path, symbol: str) -> Path:
    """Where recordings of `symbol` are."""
    inside = folder / _PERPETUAL
    return inside if is_perpetual(symbol) and inside.is_dir() else folder


def market_id(symbol: str) -> str:
    """What their names begin with."""
    return spot_symbol(symbol).replace("/", "")


def _file(folder: Path, symbol: str, what: str) -> Path:
    return folder_of(folder, symbol) / f"{market_id(symbol)}-{what}.parquet"


def _read(path: Path, symbol: str) -> CandleRecording:
    open_ms, values = _table(path, _COLUMNS, "candles")
    if len(open_ms) == 0:
        raise Misconfigured(f"{path} holds no candle")
    return CandleRecording(_listing(symbol, values), open_ms, values)


def _table(path: Path, columns: Sequence[str], what: str) -> tuple[Ints, Floats]:
    """(timestamp in ms (n,), the other columns (n, k)). Raises `Misconfigured` for a file that has no such table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=["timestamp", *columns])
    except (pa.ArrowException, OSError, KeyError) as error:
        raise Misconfigured(f"{path} cannot be read as {what}: {error}") from error
    times = table["timestamp"].combine_chunks()
    if pa.types.is_timestamp(times.type):
        times = times.cast(pa.timestamp("ms", tz=times.type.tz))
    open_ms = np.asarray(times.cast(pa.int64()).to_numpy(zero_copy_only=False), dtype=np.int64)
    return open_ms, np.stack([np.asarray(table[name].to_numpy(), dtype=np.float64) for name in columns], axis=1)


def _listing(symbol: str, values: Floats) -> Listing:
    """The symbol's listing with the tick its recorded prices have."""
    usual = listing_for(symbol)
    tick = Decimal(1).scaleb(-_decimals(values[:, :4]))
    instrument = msgspec.structs.replace(usual.instrument, price_tick=tick)
    return msgspec.structs.replace(usual, instrument=instrument, base_price=float(values[0, 0]))


def with_steps(usual: Listing, prices: Floats, sizes: Floats) -> Listing:
    """The listing with the tick and the step that recorded levels have."""
    tick, step = (Decimal(1).scaleb(-_decimals(values)) for values in (prices, sizes))
    instrument = msgspec.structs.replace(
        usual.instrument, price_tick=tick, quantity_step=step, min_quantity=max(step, usual.instrument.min_quantity)
    )
    return msgspec.structs.replace(usual, instrument=instrument, base_price=float(prices[0]))


def _decimals(prices: Floats) -> int:
    """The fewest decimals that express every price (or quantity) up to float noise."""
    for count in range(MAX_DECIMALS):
        scaled = prices * math.pow(10.0, count)
        if np.all(np.abs(scaled - np.rint(scaled)) <= 1e-9 * scaled):
            return count
    return MAX_DECIMALS
