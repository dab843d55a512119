"""Time-ordered folds in which no training label overlaps a test label."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import BaseCrossValidator

Rows = NDArray[np.int64]


class PurgedWalkForward(BaseCrossValidator):  # type: ignore[misc] # scikit-learn ships no types
    """Expanding walk-forward: fold k trains on what was known before its test block and tests on the next block.

    The rows are cut by time into `n_splits + 1` blocks of about equal size (rows of one instant stay together);
    blocks 1..n_splits are tested in turn. A training row is used only if its label ended at or before the test
    block's first row started, less `embargo` (same unit as the times): labels that overlap are purged (Lopez de
    Prado, Advances in Financial Machine Learning, chapter 7). Rows may come in any order.
    """

    def __init__(self, n_splits: int = 5, embargo: float = 0) -> None:
        self.n_splits = n_splits
        self.embargo = embargo

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:
        return self.n_splits

    def split(self, X: ArrayLike, y: object = None, groups: ArrayLike | None = None) -> Iterator[tuple[Rows, Rows]]:
        """Yield (train, test) row numbers. groups: (n, 2) start and end of each row's label; None = row number.

        Raises ValueError if there are too few distinct instants, or nothing is left to train on.
        """
        start, end = label_spans(len(np.asarray(X)), groups)
        instants, counts = np.unique(start, return_counts=True)
        if self.n_splits < 1 or len(instants) < self.n_splits + 1:
            raise ValueError(
                f"{self.n_splits} folds need at least {self.n_splits + 1} instants, there are {len(instants)}"
            )
        seen = np.cumsum(counts)
        cuts = np.searchsorted(seen, len(start) * np.arange(1, self.n_splits + 1) / (self.n_splits + 1))
        cuts = np.maximum(cuts, np.arange(self.n_splits)) + 1
        edges = [*instants[np.minimum(cuts, len(instants) - 1)], np.inf]
        for first, last in pairwise(edges):
            test = np.flatnonzero((start >= first) & (start < last))
            train = np.flatnonzero((end <= first - self.embargo) & (start < first))
            if len(train) == 0 or len(test) == 0:
                raise ValueError(
                    f"a fold has {len(train)} training and {len(test)} test rows after purging; give more rows"
                )
            yield train, test


def label_spans(n_rows: int, groups: ArrayLike | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Start and end of every label as float64; without `groups` a label starts and ends at its row's number."""
    if groups is None:
        numbers = np.arange(n_rows, dtype=np.float64)
        return numbers, numbers
    spans = np.asarray(groups, np.float64)
    if spans.shape != (n_rows, 2):
        raise ValueError(f"groups has shape {spans.shape}, it must be ({n_rows}, 2): start and end of each label")
    if (spans[:, 1] < spans[:, 0]).any():
        raise ValueError("groups holds a label that ends before it starts")
    return spans[:, 0], spans[:, 1]
