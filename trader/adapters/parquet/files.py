"""Candle tables in Parquet files: checked on the way in and out, replaced in one step. pyarrow loads on first use."""

import os
import secrets
from pathlib import Path

import numpy as np

from trader.domain.candle_arrays import CandleArrays
from trader.domain.errors import Misconfigured


def check_candles(name: str, candles: CandleArrays, step_ms: int) -> None:
    """Raise ValueError, naming the first bad candle, unless `candles` are ordered, on the grid and possible.

    Possible: finite prices above zero, low <= open, close <= high, finite volume >= 0. Gaps are allowed.
    """
    open_ms, opens, highs, lows, closes, volumes = candles
    if len({len(column) for column in candles}) != 1:
        raise ValueError(f"{name}: columns differ in length: {[len(column) for column in candles]}")
    steps = np.diff(open_ms)
    checks = (
        ("open time is not on the timeframe's grid", open_ms % step_ms != 0),
        ("open time does not follow the one before", np.concatenate(([False], steps <= 0))),
        ("price is not a finite number above 0", ~(np.isfinite(highs) & (lows > 0))),
        (
            "low, open, close, high are out of order",
            ~((lows <= np.minimum(opens, closes)) & (np.maximum(opens, closes) <= highs)),
        ),
        ("volume is not a finite number of at least 0", ~(np.isfinite(volumes) & (volumes >= 0))),
    )
    for complaint, bad in checks:
        if bad.any():
            raise ValueError(f"{name}: candle {int(open_ms[np.argmax(bad)])}: {complaint}")


def write_table(path: Path, candles: CandleArrays, is_gap: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> None:
    """Replace `path` in one step: readers see the old file or the new one, also after a power cut."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({**candles._asdict(), "is_gap": is_gap})
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with draft.open("wb") as handle:
            pq.write_table(table, handle, compression="zstd")
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def read_columns(path: Path, columns: list[str]) -> list[np.ndarray[tuple[int], np.dtype[np.generic]]]:
    """The named columns of a Parquet file; timestamps come as int64 ms. Raises `Misconfigured` if it is unreadable."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path).read(columns=columns)
        found = [table.column(name) for name in columns]
    except (pa.ArrowException, OSError, KeyError) as error:
        raise Misconfigured(f"candle file {path} is unreadable ({error}); delete it and download again") from error
    times = [
        column.cast(pa.timestamp("ms")).cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
        for column in found
    ]
    return [column.to_numpy() for column in times]
