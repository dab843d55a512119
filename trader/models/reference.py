"""What the model's inputs looked like in training, coarse enough to notice when the market has moved away."""

import msgspec
import numpy as np

from trader.domain.candle_arrays import Floats, Times

BINS = 10
CHUNKS = 20
USUAL_LIMIT = 0.25  # the customary bound above which a population counts as another one
FLOOR = 1e-3  # an empty bin counts as this share, so that the index stays finite


class Reference(msgspec.Struct, frozen=True):
    """C columns: every feature, then the prediction (in units of the label)."""

    edges: Floats  # (C, BINS - 1) ascending; equal neighbours where a column has few values
    shares: Floats  # (C, BINS) of the training rows
    limits: Floats  # (C,) largest index that stretches of training showed against the whole, at least USUAL_LIMIT
    window_ms: int  # how long those stretches were; judge live rows over as long


def make_reference(columns: Floats, start_ms: Times) -> Reference:
    """columns (n, C) with the prediction last, start_ms (n,) ascending."""
    edges = quantile_edges(columns)
    numbers = bin_numbers(columns, edges)
    shares = bin_shares(numbers)
    window_ms = max(1, int(start_ms[-1] - start_ms[0]) // CHUNKS)
    chunk = (start_ms - start_ms[0]) // window_ms
    found = [stability_index(bin_shares(numbers[chunk == k]), shares) for k in np.unique(chunk) if k < CHUNKS]
    return Reference(edges, shares, np.maximum(USUAL_LIMIT, np.max(found, axis=0)), window_ms)


def quantile_edges(columns: Floats) -> Floats:
    """(C, BINS - 1) between which each column (n, C) has a tenth of its rows."""
    return np.asarray(np.quantile(columns, np.linspace(0, 1, BINS + 1)[1:-1], axis=0).T.copy(), np.float64)


def bin_numbers(columns: Floats, edges: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """(n, C) which bin each value falls into: the number of edges below it."""
    numbers = np.empty(columns.shape, np.uint8)
    for column in range(columns.shape[1]):
        numbers[:, column] = np.searchsorted(edges[column], columns[:, column], side="left")
    return numbers


def bin_shares(numbers: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Floats:
    """(C, BINS) share of the rows in each bin."""
    counts = [np.bincount(numbers[:, column], minlength=BINS) for column in range(numbers.shape[1])]
    return np.asarray(counts, np.float64) / max(1, len(numbers))


def stability_index(found: Floats, expected: Floats) -> Floats:
    """(C,) population stability index: sum over bins of (found - expected) ln(found / expected). 0 = the same."""
    a, b = np.maximum(found, FLOOR), np.maximum(expected, FLOOR)
    return np.asarray(((a - b) * np.log(a / b)).sum(axis=1), np.float64)
