"""Candle history on disk: our own store, and recorded sets made elsewhere. pyarrow is loaded on first use."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from trader.adapters.parquet.files import check_candles, read_columns, write_table
from trader.domain.candle_arrays import CandleArrays
from trader.domain.errors import Misconfigured
from trader.domain.market import Candle, FundingRate, timeframe_ms
from trader.market.bulk import fill_gaps, resample

_FUNDING = "funding_8h"

Gaps = NDArray[np.bool_]


class ParquetCandleStore:
    """Candles on disk, in one file per symbol and timeframe: `<root>/<timeframe>/<symbol>.parquet`.

    Safe to read while it is written. One process writes at a time.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, symbol: str, timeframe: str, since_ms: int, until_ms: int) -> list[Candle]:
        """Stored candles with `since_ms` <= open time < `until_ms`, oldest first; empty if there are none."""
        candles, is_gap = self._load(symbol, timeframe)
        first, last = np.searchsorted(candles.open_ms, (since_ms, until_ms))
        return _as_rows(symbol, timeframe_ms(timeframe), candles.take(slice(first, last)), is_gap[first:last])

    def read_arrays(self, symbol: str, timeframe: str) -> CandleArrays:
        """Everything stored, oldest first; may have holes where nothing was downloaded."""
        return self._load(symbol, timeframe)[0]

    def write(self, timeframe: str, candles: Sequence[Candle]) -> None:
        """Merge `candles` (any symbols, any order) into the store; on the same open time the new one wins.

        Raises ValueError, and writes nothing of that symbol, if a candle is impossible or off the grid.
        """
        by_symbol: dict[str, list[Candle]] = {}
        for candle in candles:
            by_symbol.setdefault(candle.symbol, []).append(candle)
        for symbol, rows in by_symbol.items():
            self._merge(symbol, timeframe, *_as_columns(rows))

    def symbols(self, timeframe: str) -> list[str]:
        """What is stored at `timeframe`, sorted."""
        from urllib.parse import unquote

        return sorted(unquote(path.stem) for path in (self.root / timeframe).glob("*.parquet"))

    def _path(self, symbol: str, timeframe: str) -> Path:
        return self.root / timeframe / f"{quote(symbol, safe='')}.parquet"

    def _load(self, symbol: str, timeframe: str) -> tuple[CandleArrays, Gaps]:
        path = self._path(symbol, timeframe)
        if not path.exists():
            return empty_arrays(), np.zeros(0, np.bool_)
        *columns, is_gap = read_columns(path, [*CandleArrays._fields, "is_gap"])
        candles = _typed(columns)
        _require_valid(path, candles, timeframe_ms(timeframe))
        return candles, is_gap.astype(np.bool_)

    def _merge(self, symbol: str, timeframe: str, new: CandleArrays, new_gaps: Gaps) -> None:
        new, new_gaps = _newest_unique(new, new_gaps)
        check_candles(symbol, new, timeframe_ms(timeframe))
        old, old_gaps = self._load(symbol, timeframe)
        merged = _joined(old, new)
        candles, is_gap = _newest_unique(merged, np.concatenate((old_gaps, new_gaps)))
        write_table(self._path(symbol, timeframe), candles, is_gap)


class RecordedCandles:
    """Candles recorded elsewhere, read only: `<root>/<SYMBOL>-<timeframe>.parquet`, SYMBOL without separators.

    Columns: timestamp (open time), open, high, low, close, volume. A timeframe that was not recorded is made
    from the longest recorded one that divides it.
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise Misconfigured(f"{root} is not a folder of recorded candles (<SYMBOL>-<timeframe>.parquet)")
        self.root = root

    def read(self, symbol: str, timeframe: str, since_ms: int, until_ms: int) -> list[Candle]:
        """Candles with `since_ms` <= open time < `until_ms`, continuous, oldest first."""
        candles = self.read_arrays(symbol, timeframe)
        first, last = np.searchsorted(candles.open_ms, (since_ms, until_ms))
        part = candles.take(slice(first, last))
        return _as_rows(symbol, timeframe_ms(timeframe), part, (part.volume == 0) & (part.high == part.low))

    def read_arrays(self, symbol: str, timeframe: str) -> CandleArrays:
        """The whole recording, continuous: what the exchange lacked is flat at the last close, without volume.

        Raises `Misconfigured` if nothing was recorded that `timeframe` can be made from.
        """
        wanted = timeframe_ms(timeframe)
        recorded = self._recorded_timeframes(symbol)
        usable = [name for name in recorded if wanted % timeframe_ms(name) == 0]
        if not usable:
            raise Misconfigured(f"{symbol} {timeframe}: {self.root} has {', '.join(recorded) or 'no candles'} of it")
        source = max(usable, key=timeframe_ms)
        path = self.root / f"{_recorded_name(symbol)}-{source}.parquet"
        candles = _typed(read_columns(path, ["timestamp", "open", "high", "low", "close", "volume"]))
        _require_valid(path, candles, timeframe_ms(source))
        return resample(fill_gaps(candles, timeframe_ms(source)), timeframe_ms(source), wanted)

    def funding(self, symbol: str) -> list[FundingRate]:
        """Recorded settlements, oldest first, from `<SYMBOL>-funding_8h.parquet` beside the candles: columns timestamp
        and funding_rate. None without that file.
        """
        path = self.root / f"{_recorded_name(symbol)}-{_FUNDING}.parquet"
        if not path.exists():
            return []
        times, rates = read_columns(path, ["timestamp", "funding_rate"])
        made = zip(np.asarray(times, np.int64).tolist(), np.asarray(rates, np.float64).tolist(), strict=True)
        return [FundingRate(symbol, settled_ms, rate) for settled_ms, rate in made]

    def _recorded_timeframes(self, symbol: str) -> list[str]:
        prefix = f"{_recorded_name(symbol)}-"
        names = [path.stem.removeprefix(prefix) for path in self.root.glob(f"{prefix}*.parquet")]
        return sorted((name for name in names if name != _FUNDING), key=timeframe_ms)


def empty_arrays() -> CandleArrays:
    """No candles."""
    none = np.zeros(0)
    return CandleArrays(np.zeros(0, np.int64), none, none, none, none, none)


def _recorded_name(symbol: str) -> str:
    return symbol.split(":", maxsplit=1)[0].replace("/", "")


def _typed(columns: list[np.ndarray[tuple[int], np.dtype[np.generic]]]) -> CandleArrays:
    opens, highs, lows, closes, volumes = (np.asarray(column, np.float64) for column in columns[1:])
    return CandleArrays(np.asarray(columns[0], np.int64), opens, highs, lows, closes, volumes)


def _joined(first: CandleArrays, second: CandleArrays) -> CandleArrays:
    return CandleArrays(
        np.concatenate((first.open_ms, second.open_ms)),
        np.concatenate((first.open, second.open)),
        np.concatenate((first.high, second.high)),
        np.concatenate((first.low, second.low)),
        np.concatenate((first.close, second.close)),
        np.concatenate((first.volume, second.volume)),
    )


def _require_valid(path: Path, candles: CandleArrays, step_ms: int) -> None:
    try:
        check_candles(str(path), candles, step_ms)
    except ValueError as error:
        raise Misconfigured(f"{error}; delete the file and download again") from error


def _newest_unique(candles: CandleArrays, is_gap: Gaps) -> tuple[CandleArrays, Gaps]:
    """Sorted by open time; of candles with the same one, the last given stays."""
    order = np.argsort(candles.open_ms, kind="stable")
    times = candles.open_ms[order]
    keep = order[np.concatenate((times[1:] != times[:-1], [True]))] if len(times) else order
    return candles.take(keep), is_gap[keep]


def _as_rows(symbol: str, step_ms: int, candles: CandleArrays, is_gap: Gaps) -> list[Candle]:
    rows = zip(*(column.tolist() for column in candles), is_gap.tolist(), strict=True)
    return [Candle(symbol, open_ms, open_ms + step_ms, *values) for open_ms, *values in rows]


def _as_columns(rows: Sequence[Candle]) -> tuple[CandleArrays, Gaps]:
    times = np.array([row.open_ms for row in rows], np.int64)
    values = np.array([(row.open, row.high, row.low, row.close, row.volume) for row in rows], np.float64)
    opens, highs, lows, closes, volumes = values.T.copy()
    return CandleArrays(times, opens, highs, lows, closes, volumes), np.array([row.is_gap for row in rows], np.bool_)
