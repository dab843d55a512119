"""Series of candles for the feature tests."""

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from trader.domain.market import timeframe_ms
from trader.features import compute_matrix

Array = np.ndarray[Any, np.dtype[Any]]


class Candles(NamedTuple):
    """One symbol's series: arrays of shape (n,)."""

    open_ms: Array
    open: Array
    high: Array
    low: Array
    close: Array
    volume: Array

    def part(self, start: int | None = None, stop: int | None = None) -> "Candles":
        return Candles(*(column[start:stop] for column in self))

    def scaled(self, price: float, volume: float) -> "Candles":
        return Candles(
            self.open_ms,
            self.open * price,
            self.high * price,
            self.low * price,
            self.close * price,
            self.volume * volume,
        )

    @property
    def minutes(self) -> int:
        """The length of a candle."""
        return int(self.open_ms[1] - self.open_ms[0]) // 60_000

    def matrix(self, timeframe: str) -> Array:
        return compute_matrix(*self, timeframe)


def random_candles(count: int, *, timeframe: str = "1m", seed: int = 1, volatility: float = 0.001) -> Candles:
    """A random walk with wicks, quiet and wild stretches, some flat candles and some without volume."""
    rng = np.random.default_rng(seed)
    wildness = np.exp(np.cumsum(rng.normal(0, 0.05, count)) % 2 - 1)
    returns = rng.standard_t(4, count) * volatility * wildness
    returns[rng.random(count) < 0.03] = 0.0
    close = 100.0 * np.exp(np.cumsum(returns))
    open_ = np.concatenate(([100.0], close[:-1]))
    reach = np.abs(rng.normal(0, volatility, (2, count))) * wildness
    reach[:, returns == 0.0] = 0.0
    high = np.maximum(open_, close) * (1 + reach[0])
    low = np.minimum(open_, close) * (1 - reach[1])
    volume = np.exp(rng.normal(2, 1, count)) * (rng.random(count) > 0.02)
    open_ms = 1_700_000_000_000 // 86_400_000 * 86_400_000 + np.arange(count) * timeframe_ms(timeframe)
    return Candles(open_ms, open_, high, low, close, volume)


def recorded_candles(name: str, stop: int | None = None) -> Candles:
    """A file of TRADER_DATA, for example `binance/BTCUSDT-5m`; skips the test where there is none."""
    root = os.environ.get("TRADER_DATA")
    if not root:
        pytest.skip("TRADER_DATA is not set")
    import pyarrow.parquet as pq

    table = pq.read_table(Path(root) / "candles" / f"{name}.parquet")
    times = table["timestamp"].to_numpy().astype("datetime64[ms]").astype(np.int64)
    columns = (table[column].to_numpy() for column in ("open", "high", "low", "close", "volume"))
    return Candles(times, *columns).part(None, stop)
