"""Recorded candles on disk: which files there are, and what they hold."""

import math
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np

from trader.domain.errors import Misconfigured
from trader.domain.market import timeframe_ms
from trader.sandbox.listing import MAX_DECIMALS, Listing, listing_for
from trader.sandbox.source import Floats, Ints

_COLUMNS = ("open", "high", "low", "close", "volume")


class Recording(msgspec.Struct, frozen=True):
    """Candles of one symbol: open times (n,) ms, strictly increasing, and values (n, 5) as recorded."""

    listing: Listing
    open_ms: Ints
    values: Floats  # open, high, low, close, volume


def read_recordings(folder: Path, symbols: Sequence[str], timeframe: str) -> tuple[int, dict[str, Recording]]:
    """(length of the base candle, recordings): the longest recorded timeframe that `timeframe` is a multiple of.

    Files are named `<SYMBOL>-<timeframe>.parquet`, columns timestamp (open time, ms), open, high, low, close, volume.
    Raises `Misconfigured` naming what is missing and what there is.
    """
    recorded = _base_timeframe(folder, symbols, timeframe)
    found = {symbol: _read(folder / f"{symbol.replace('/', '')}-{recorded}.parquet", symbol) for symbol in symbols}
    base_ms = timeframe_ms(recorded)
    for symbol, recording in found.items():
        if np.any(recording.open_ms % base_ms) or np.any(np.diff(recording.open_ms) <= 0):
            raise Misconfigured(f"{folder}: candles of {symbol} are not in order on a grid of {recorded}")
    return base_ms, found


def _base_timeframe(folder: Path, symbols: Sequence[str], timeframe: str) -> str:
    wanted_ms = timeframe_ms(timeframe)
    common: set[str] | None = None
    for symbol in symbols:
        name = symbol.replace("/", "")
        has = {path.stem.rpartition("-")[2] for path in folder.glob(f"{name}-*.parquet")}
        if not has:
            listed = ", ".join(sorted(path.name for path in folder.glob("*.parquet"))) or "no Parquet file"
            raise Misconfigured(f"{folder} has no candles of {symbol} ({name}-<timeframe>.parquet); it has {listed}")
        common = has if common is None else common & has
    usable = [name for name in common or () if wanted_ms % timeframe_ms(name) == 0]
    if not usable:
        raise Misconfigured(
            f"{folder}: no recorded timeframe of all of {', '.join(symbols)} makes up {timeframe}; "
            f"they share {', '.join(sorted(common or ())) or 'none'}"
        )
    return max(usable, key=timeframe_ms)


def _read(path: Path, symbol: str) -> Recording:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=["timestamp", *_COLUMNS])
    except (pa.ArrowException, OSError, KeyError) as error:
        raise Misconfigured(f"{path} cannot be read as candles: {error}") from error
    times = table["timestamp"].combine_chunks()
    if pa.types.is_timestamp(times.type):
        times = times.cast(pa.timestamp("ms", tz=times.type.tz))
    open_ms = np.asarray(times.cast(pa.int64()).to_numpy(zero_copy_only=False), dtype=np.int64)
    values = np.stack([np.asarray(table[name].to_numpy(), dtype=np.float64) for name in _COLUMNS], axis=1)
    if len(open_ms) == 0:
        raise Misconfigured(f"{path} holds no candle")
    return Recording(_listing(symbol, values), open_ms, values)


def _listing(symbol: str, values: Floats) -> Listing:
    """The symbol's listing with the tick its recorded prices have."""
    usual = listing_for(symbol)
    tick = Decimal(1).scaleb(-_price_decimals(values[:, :4]))
    instrument = msgspec.structs.replace(usual.instrument, price_tick=tick)
    return msgspec.structs.replace(usual, instrument=instrument, base_price=float(values[0, 0]))


def _price_decimals(prices: Floats) -> int:
    """The fewest decimals that express every price up to float noise."""
    for count in range(MAX_DECIMALS):
        scaled = prices * math.pow(10.0, count)
        if np.all(np.abs(scaled - np.rint(scaled)) <= 1e-9 * scaled):
            return count
    return MAX_DECIMALS
