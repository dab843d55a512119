"""Weights, and when the plain mean is the better choice."""

from typing import Any

import numpy as np
import pytest

from trader.models.statistics import rank_correlation
from trader.training.stack import KINDS, choose_stack, fit_stack


def members_of(y: Any, noise: tuple[float, ...], seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return np.column_stack([0.1 * y + scale * rng.normal(size=len(y)) for scale in noise])


def test_the_better_member_gets_the_larger_weight() -> None:
    y = np.random.default_rng(1).normal(size=5_000)
    members = members_of(y, (0.3, 1.0, 1.0))
    for kind in ("ridge", "non_negative"):
        weights = fit_stack(kind, members, y, np.ones(5_000)).weights
        assert weights[0] > 2 * max(weights[1:])


def test_non_negative_weights_are_never_negative_and_lean_to_equal() -> None:
    y = np.random.default_rng(2).normal(size=4_000)
    members = np.column_stack((members_of(y, (0.5, 0.5)), -members_of(y, (0.3,), 5)[:, 0]))
    ones = np.ones(4_000)
    stack = fit_stack("non_negative", members, y, ones)
    assert stack.weights.min() >= 0
    assert fit_stack("ridge", members, y, ones).weights.min() < 0


def test_equal_members_get_equal_weights() -> None:
    y = np.random.default_rng(3).normal(size=20_000)
    weights = fit_stack("non_negative", members_of(y, (0.5, 0.5, 0.5)), y, np.ones(20_000)).weights
    assert weights == pytest.approx(np.full(3, weights.mean()), rel=0.1)


def test_the_mean_is_kept_when_no_weights_rank_better() -> None:
    """Weights learned from luck: which member is good changes with every fold."""
    rng = np.random.default_rng(4)
    fold = np.repeat(np.arange(4), 300)
    y = rng.normal(size=1_200)
    members = rng.normal(size=(1_200, 4)) + 0.02 * y[:, np.newaxis]
    members[np.arange(1_200), fold] += 0.8 * y
    choice = choose_stack(members, y, fold, np.ones(1_200))
    assert choice.stack.kind == "mean"
    assert choice.prediction.tolist() == members.mean(axis=1).tolist()


def test_the_chosen_stack_ranks_no_worse_than_the_mean_in_any_fold() -> None:
    kinds = set()
    fold = np.repeat(np.arange(3), 200)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        y = rng.normal(size=600)
        members = members_of(y, tuple(rng.uniform(0.5, 2, 6)), seed + 100)
        choice = choose_stack(members, y, fold, np.ones(600))
        kinds.add(choice.stack.kind)
        assert set(choice.rank_scores) == set(KINDS)
        for k in (1, 2):
            rows = fold == k
            mean = rank_correlation(members[rows].mean(axis=1), y[rows])
            assert rank_correlation(choice.prediction[rows], y[rows]) >= mean
    assert len(kinds) > 1


def test_nested_predictions_use_earlier_folds_only() -> None:
    rng = np.random.default_rng(6)
    y = rng.normal(size=900)
    members, fold = members_of(y, (0.3, 2.0, 2.0)), np.repeat(np.arange(3), 300)
    before = choose_stack(members, y, fold, np.ones(900))
    changed = np.where(fold == 2, y + 0.1 * rng.normal(size=900), y)
    after = choose_stack(members, changed, fold, np.ones(900))
    assert before.stack.kind == after.stack.kind != "mean"
    assert before.prediction[:600].tolist() == after.prediction[:600].tolist()
