"""How fast the features are, on this machine, now. `trader bench` calls it."""

from statistics import median, quantiles
from timeit import default_timer
from typing import Any

import numpy as np

from trader.bench.rivals import compare
from trader.domain.market import Candle
from trader.domain.units import MINUTE_MS
from trader.features.batch import compute_matrix
from trader.features.catalogue import COLUMNS, MODEL_INPUTS, WARM_UP
from trader.features.market import MarketStream
from trader.features.setup import compile_kernels
from trader.features.stream import FeatureStream

SYMBOLS = 20
RUNS = 5
CLOSES = 200


def measure(candles: int = 20_000) -> dict[str, Any]:
    """Time the pipeline on made-up 1m candles, and pandas and TA-Lib at a part of the same columns.

    Returns compile_s (near 0 with a warm cache), stream_p50_us and stream_p99_us for one candle of one symbol,
    batch_candles_per_s on one core (median of `RUNS`), close_p50_ms for `SYMBOLS` symbols whose candles close
    together, leader and ranks included, columns, inputs; and `rivals`: what each library needs, and how many times as
    much as we need for all columns (`times_ours`) and for each column (`times_ours_per_column`).
    """
    compile_s = _seconds(compile_kernels)
    opened, columns = _made_up(candles)
    batch_s = median(_seconds(lambda: compute_matrix(opened, *columns, "1m")) for _ in range(RUNS))
    rows = list(zip(opened.tolist(), *(column.tolist() for column in columns), strict=True))
    single, closes = _single(rows), _closes(rows)
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
    ours["rivals"] = compare(columns, _seconds, RUNS)
    for rival in ours["rivals"].values():
        if isinstance(rival, dict):
            times = {
                "candle": rival["candle_us"] / ours["stream_p50_us"],
                "batch": ours["batch_candles_per_s"] / rival["batch_candles_per_s"],
            }
            rival["times_ours"] = times
            rival["times_ours_per_column"] = {k: v * len(COLUMNS) / rival["columns"] for k, v in times.items()}
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
    return np.arange(count, dtype=np.int64) * MINUTE_MS, (open_, high, low, close, rng.exponential(10.0, count))


def _single(rows: list[tuple[Any, ...]]) -> list[float]:
    """Seconds of each candle of one warm symbol."""
    stream = FeatureStream("1m")
    for row in rows[:WARM_UP]:
        stream.update(*row)
    return [_seconds(lambda row=row: stream.update(*row)) for row in rows[WARM_UP : WARM_UP + 2_000]]


def _closes(rows: list[tuple[Any, ...]]) -> list[float]:
    """Seconds of each close of all symbols, past their warm-up, with every group that candles alone can give."""
    symbols = [f"C{number:02d}/USDT" for number in range(SYMBOLS)]
    market = MarketStream("1m", symbols, ("leader", "peers"))

    def candles(symbol: str, first: int, last: int) -> list[Candle]:
        return [Candle(symbol, row[0], row[0] + MINUTE_MS, *row[1:]) for row in rows[first:last]]

    for symbol in symbols:
        market.follow(symbol, candles(symbol, 0, WARM_UP))
    coming = zip(*(candles(symbol, WARM_UP, WARM_UP + CLOSES) for symbol in symbols), strict=True)
    return [_seconds(lambda close=close: market.update({c.symbol: c for c in close})) for close in coming]
