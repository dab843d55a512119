"""No training label overlaps a test label, whatever the data."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score

from trader.training.splits import PurgedWalkForward


@given(
    n=st.integers(40, 300),
    folds=st.integers(1, 5),
    longest=st.integers(0, 6),
    symbols=st.integers(1, 3),
    embargo=st.integers(0, 3),
    seed=st.integers(0, 10_000),
)
def test_purge_holds_by_construction(n: int, folds: int, longest: int, symbols: int, embargo: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    start = np.repeat(np.arange(n), symbols)
    spans = np.column_stack((start, start + rng.integers(0, longest + 1, len(start))))
    order = rng.permutation(len(start))
    spans = spans[order]
    tested = []
    for train, test in PurgedWalkForward(folds, embargo).split(np.zeros(len(spans)), groups=spans):
        assert spans[train, 1].max() <= spans[test, 0].min() - embargo
        assert spans[train, 0].max() < spans[test, 0].min()
        tested.append(test)
    everything = np.concatenate(tested)
    assert len(np.unique(everything)) == len(everything)
    assert len(everything) >= len(spans) * folds / (folds + 1) - symbols * (folds + 1)
    last_ends = [spans[test, 0].max() for test in tested]
    assert last_ends == sorted(last_ends)


def test_folds_are_of_about_equal_size() -> None:
    sizes = [len(test) for _, test in PurgedWalkForward(4).split(np.zeros(1_000))]
    assert sizes == [200] * 4


def test_it_serves_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    spans = np.column_stack((np.arange(200), np.arange(200) + 5))
    scores = cross_val_score(Ridge(), X, X @ [1.0, 2.0, 3.0], groups=spans, cv=PurgedWalkForward(3))
    assert len(scores) == 3
    assert scores.min() > 0.99


def test_too_little_data_is_said() -> None:
    with pytest.raises(ValueError, match="at least 6 instants"):
        list(PurgedWalkForward(5).split(np.zeros(4)))
    with pytest.raises(ValueError, match="after purging"):
        list(PurgedWalkForward(1).split(np.zeros(10), groups=np.column_stack((np.arange(10), np.arange(10) + 50))))
    with pytest.raises(ValueError, match="ends before it starts"):
        list(PurgedWalkForward(1).split(np.zeros(3), groups=[[0, 1], [2, 1], [3, 4]]))
