"""Where a symbol stands among all traded ones at the same candle close."""

from math import isnan, sqrt

import numpy as np

from trader.domain.candle_arrays import Floats
from trader.features.columns import Family
from trader.features.compiled import entry_point, kernel

FEWEST = 3
"""Symbols with a row at a close, below which there is no cross-section."""

LOOKED_AT = ("return_15", "return_60", "volume_ratio", "hist_vol_60")
"""Base columns the cross-section is made from, in the order the kernel expects."""

COLUMNS = Family("cross-section", group="peers")
_RANK = "share of the other symbols whose {0} is below this one's, ties half; NaN for fewer than 3 symbols"
COLUMNS.model_input("return_rank_15", _RANK.format("return_15"), 16, "share", 0, 1)
COLUMNS.model_input("return_rank_60", _RANK.format("return_60"), 61, "share", 0, 1)
COLUMNS.model_input("volume_rank", _RANK.format("volume_ratio"), 20, "share", 0, 1)
COLUMNS.model_input("volatility_rank", _RANK.format("hist_vol_60"), 61, "share", 0, 1)
COLUMNS.model_input("market_return_15", "mean of return_15 over the symbols", 16, "log return")
COLUMNS.model_input("market_breadth_15", "share of the symbols whose return_15 is above 0", 16, "share", 0, 1)
COLUMNS.model_input("dispersion_15", "sample standard deviation of return_15 over the symbols", 16, "log return", 0)

WIDTH = len(COLUMNS.features)


def cross_section(values: Floats) -> Floats:
    """(n_closes, n_symbols, 4) of LOOKED_AT -> (n_closes, n_symbols, WIDTH); NaN where a symbol has no row."""
    result = np.full((*values.shape[:2], WIDTH), np.nan)
    _compare(np.ascontiguousarray(values), result)
    return result


@entry_point
def _compare(values: Floats, result: Floats) -> None:
    for close in range(values.shape[0]):
        _compare_one(values[close], result[close])


@kernel
def _compare_one(values: Floats, result: Floats) -> None:
    present = 0
    summed = 0.0
    rising = 0
    for symbol in range(values.shape[0]):
        if not isnan(values[symbol, 0]):
            present += 1
            summed += values[symbol, 0]
            rising += values[symbol, 0] > 0.0
    if present < FEWEST:
        return
    center = summed / present
    squared = 0.0
    for symbol in range(values.shape[0]):
        if not isnan(values[symbol, 0]):
            squared += (values[symbol, 0] - center) * (values[symbol, 0] - center)
    for symbol in range(values.shape[0]):
        if isnan(values[symbol, 0]):
            continue
        for column in range(4):
            result[symbol, column] = _rank(values[:, column], values[symbol, column], present)
        result[symbol, 4] = center
        result[symbol, 5] = rising / present
        result[symbol, 6] = sqrt(squared / (present - 1))


@kernel
def _rank(column: Floats, own: float, present: int) -> float:
    below = -0.5  # the symbol itself counts as a tie below
    for value in column:
        if value < own:
            below += 1.0
        elif value == own:
            below += 0.5
    return below / (present - 1)


def compile_kernels() -> None:
    """Compile, or load from the cache."""
    cross_section(np.empty((0, 1, len(LOOKED_AT))))
