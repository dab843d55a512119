"""Estimates against textbook values, and errors that respect dependence."""

import numpy as np
import pytest
from scipy.stats import norm, spearmanr  # type: ignore[import-untyped] # an oracle, ships no types
from scipy.stats import t as student
from sklearn.metrics import roc_auc_score

from trader.domain.units import DAY_MS
from trader.models.statistics import (
    area_under_curve,
    average_ranks,
    bootstrap_lower_bound,
    clustered_slope,
    normal_equivalent,
    rank_correlation,
    rank_correlation_error,
    shrunk_slope,
    time_blocks,
)


def test_rank_statistics_agree_with_the_libraries_also_with_ties() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 20, 300), rng.normal(size=300)
    assert rank_correlation(x, y) == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)
    assert area_under_curve(x, y > 0) == pytest.approx(roc_auc_score(y > 0, x), abs=1e-12)
    assert average_ranks([3, 1, 3]).tolist() == [2.5, 1, 2.5]
    assert rank_correlation(np.ones(5), y[:5]) == 0


def test_the_slope_is_least_squares() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=400)
    y = 2 + 0.7 * x + rng.normal(size=400)
    found = clustered_slope(x, y, np.arange(400))
    assert (found.slope, found.intercept) == pytest.approx(np.polyfit(x, y, 1))
    assert clustered_slope(np.ones(10), y[:10], np.arange(10)).t == 0


@pytest.mark.parametrize("degrees", [9, 20, 100])
def test_student_values_are_brought_to_the_normal_scale(degrees: int) -> None:
    for probability in (0.001, 0.01, 0.05, 0.3):
        found = normal_equivalent(float(student.ppf(probability, degrees)), degrees)
        assert found == pytest.approx(norm.ppf(probability), rel=0.06)


def test_repeating_observations_inside_a_block_adds_no_evidence() -> None:
    rng = np.random.default_rng(2)
    x, y, block = rng.normal(size=100), rng.normal(size=100), np.arange(100)
    once = clustered_slope(x, y, block)
    often = clustered_slope(np.repeat(x, 16), np.repeat(y, 16), np.repeat(block, 16))
    assert often.t == pytest.approx(once.t)
    assert abs(clustered_slope(np.repeat(x, 16), np.repeat(y, 16), np.arange(1600)).t) > 3 * abs(once.t)


def test_the_t_of_noise_is_standard_normal_despite_overlap() -> None:
    rng = np.random.default_rng(3)
    found = []
    for _ in range(200):
        steps = rng.normal(size=1_016)
        overlapping = np.convolve(steps, np.ones(16), "valid")[:1000]
        slow = np.convolve(rng.normal(size=1_031), np.ones(32), "valid")[:1000]
        found.append(clustered_slope(slow, overlapping, np.arange(1000) // 64).t)
    assert np.std(found) < 1.6  # row by row it would be above 3
    assert abs(np.mean(found)) < 0.3


def test_the_error_of_a_rank_correlation_is_right_for_independent_rows() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=2_000), rng.normal(size=2_000)
    assert rank_correlation_error(x, y, np.arange(2_000)) == pytest.approx(1 / np.sqrt(2_000), rel=0.1)


def test_blocks_are_days_or_a_few_horizons() -> None:
    long = np.arange(0, 20 * DAY_MS, 3_600_000)
    assert len(np.unique(time_blocks(long, 4 * 3_600_000))) == 20
    short = np.arange(0, 2 * DAY_MS, 60_000)
    assert len(np.unique(time_blocks(short, 16 * 60_000))) == 45


def test_an_unproven_slope_shrinks_to_nothing() -> None:
    assert shrunk_slope(2.0, 2.0) == 1.5
    assert shrunk_slope(2.0, 1.0) == 0
    assert shrunk_slope(-1.0, -5.0) == 0


def test_the_bootstrap_bound_matches_the_normal_one() -> None:
    blocks = np.random.default_rng(5).normal(1.0, 2.0, 400)
    assert bootstrap_lower_bound(blocks, 0.05) == pytest.approx(blocks.mean() - 1.645 * 0.1, abs=0.03)
    assert bootstrap_lower_bound([1.0], 0.05) == -np.inf


def test_a_level_beyond_the_draws_is_still_told_apart() -> None:
    blocks = np.random.default_rng(6).normal(1.0, 2.0, 400)
    bounds = [bootstrap_lower_bound(blocks, 0.05 / n) for n in (1, 100, 10_000)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[2] == pytest.approx(blocks.mean() - 4.42 * blocks.std() / 20, abs=0.01)
