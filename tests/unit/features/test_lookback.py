"""A column depends on as many candles as its catalogue entry says, unless it is recursive by definition."""

import numpy as np

from tests.unit.features.candles import Candles, random_candles
from trader.features import CATALOGUE, Feature

RECURSIVE_WORDS = ("Wilder", "exponential", "ema", "atr", "macd", "kc_", "rsi", "sar", "from the start", "decay")
COUNT = 2_400


def is_recursive(entry: Feature) -> bool:
    return any(word in f"{entry.name} {entry.formula}" for word in RECURSIVE_WORDS) and "simple" not in entry.name


def candles_looked_at(entry: Feature) -> int:
    """The lookback in base candles of 1m; higher candles may have closed up to one of them ago."""
    minutes = {"15m": 15, "1h": 60}.get(entry.name.rsplit("_", 1)[-1], 0)
    return (entry.lookback + 1) * minutes if minutes else entry.lookback


def changed_before(candles: Candles, start: int) -> Candles:
    other = random_candles(COUNT, seed=77, volatility=0.02)
    return Candles(
        candles.open_ms,
        *(np.concatenate((b[:start], a[start:])) for a, b in zip(candles[1:], other[1:], strict=True)),
    )


def test_older_candles_than_the_lookback_change_nothing() -> None:
    candles = random_candles(COUNT, seed=8)
    row = candles.matrix("1m")[-1]
    depends = {}
    for lookback in sorted({candles_looked_at(entry) for entry in CATALOGUE}):
        other = changed_before(candles, COUNT - lookback).matrix("1m")[-1]
        for i, entry in enumerate(CATALOGUE):
            if candles_looked_at(entry) == lookback and not is_recursive(entry):
                depends[entry.name] = bool(row[i] != other[i])
    assert [name for name, changed in depends.items() if changed] == []
    assert len(depends) > 130


def test_the_whole_lookback_is_used() -> None:
    """One candle less, entirely different before it, changes nearly every column."""
    candles = random_candles(COUNT, seed=8)
    row = candles.matrix("1m")[-1]
    unused = []
    for i, entry in enumerate(CATALOGUE):
        if entry.name.startswith(("drawdown", "rebound")):
            continue  # an extreme may stand anywhere in its window
        is_plain = entry.unit in ("log return", "fraction", "annual fraction", "z", "moment", "correlation", "t value")
        if is_plain and entry.lookback > 1 and not is_recursive(entry) and candles_looked_at(entry) == entry.lookback:
            other = changed_before(candles, COUNT - entry.lookback + 1).matrix("1m")[-1]
            if row[i] == other[i]:
                unused.append(entry.name)
    assert unused == []
