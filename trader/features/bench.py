"""How fast the features are, on this machine, now. `trader bench` calls it."""

from statistics import median, quantiles
from timeit import default_timer
from typing import Any

import numpy as np

from trader.features.batch import compute_matrix
from trader.features.catalogue import COLUMNS, MODEL_INPUTS, WARM_UP
from trader.features.rivals import compare
from trader.features.setup import compile_kernels
from trader.features.stream import FeatureStream

SYMBOLS = 20
_MINUTE_MS = 60_000


def measure(candles: int = 20_000, *, with_rivals: bool = False) -> dict[str, Any]:
    """Time the pipeline on made-up 1m candles.

    Returns compile_s (near 0 with a warm cache), stream_p50_us and stream_p99_us for one candle of one symbol,
    batch_candles_per_s on one core, close_p50_ms for 20 symbols whose candles close together, columns, inputs.
    `with_rivals` adds what pandas and TA-Lib need for a part of the same columns, and how many times as much per
    column and candle.
    """
    compile_s = _seconds(compile_kernels)
    opened, columns = _made_up(candles)
    batch_s = min(_seconds(lambda: compute_matrix(opened, *columns, "1m")) for _ in range(3))
    streams, rest = _warm_streams(opened, columns, candles)
    single = [_seconds(lambda row=row: streams[0].update(*row)) for row in rest[:2_000]]
    closes = [_seconds(lambda row=row: [stream.update(*row) for stream in streams[1:]]) for row in rest[:200]]
    ours: dict[str, Any] = {
        "columns": len(COLUMNS),
        "inputs": len(MODEL_INPUTS),
        "compile_s": compile_s,
        "stream_p50_us": median(single) * 1e6,
        "stream_p99_us": quantiles(single, n=100)[98] * 1e6,
        "batch_candles_per_s": candles / batch_s,
        "symbols": SYMBOLS,
        "close_p50_ms": median(closes) * 1e3,
        "close_p99_ms": quantiles(closes, n=100)[98] * 1e3,
    }
    if with_rivals:
        ours["rivals"] = compare(columns, _seconds)
        for rival in ours["rivals"].values():
            rival["times_ours_per_column"] = (rival["candle_us"] / rival["columns"]) / (
                ours["stream_p50_us"] / len(COLUMNS)
            )
    return ours


def _seconds(work: Any) -> float:
    start = default_timer()
    work()
    return default_timer() - start


def _made_up(count: int) -> tuple[Any, tuple[Any, Any, Any, Any, Any]]:
    """Open times and (open, high, low, close, volume), each (count,)."""
    rng = np.random.default_rng(42)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.001, count)))
    open_ = np.concatenate(([100.0], close[:-1]))
    high = np.maximum(open_, close) * (1 + rng.exponential(0.0005, count))
    low = np.minimum(open_, close) / (1 + rng.exponential(0.0005, count))
    return np.arange(count, dtype=np.int64) * _MINUTE_MS, (open_, high, low, close, rng.exponential(10.0, count))


def _warm_streams(opened: Any, columns: Any, count: int) -> tuple[list[FeatureStream], list[tuple[Any, ...]]]:
    """One stream and then SYMBOLS more, past their warm-up, and the candles they have not seen."""
    rows = list(zip(opened.tolist(), *(column.tolist() for column in columns), strict=True))
    first = FeatureStream("1m")
    for row in rows[: WARM_UP + 100]:
        first.update(*row)
    streams = [first] + [FeatureStream("1m") for _ in range(SYMBOLS)]
    for stream in streams[1:]:
        stream.restore(first.snapshot())
    return streams, rows[WARM_UP + 100 : min(count, WARM_UP + 5_000)]
