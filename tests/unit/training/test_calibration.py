"""Probabilities that mean what they say, and no edge claimed without skill."""

from typing import Any

import numpy as np
import pytest

from trader.models.kernels import ISOTONIC, LOGISTIC, NO_CALIBRATION
from trader.training.calibration import (
    PROBABILITY_HIGH,
    PROBABILITY_LOW,
    calibration_error,
    choose_calibrator,
    fit_calibrator,
    reliability,
)


def sample(n: int, strength: float, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    score = rng.normal(size=n)
    return score, rng.random(n) < 1 / (1 + np.exp(-(strength * score - 0.4)))


def chosen(n: int, strength: float, seed: int = 0) -> Any:
    score, wins = sample(n, strength, seed)
    return choose_calibrator(score, wins, np.arange(n) * 4 // n, np.arange(n), np.ones(n))


@pytest.mark.parametrize("kind", [LOGISTIC, ISOTONIC])
def test_probabilities_match_frequencies_on_fresh_outcomes(kind: int) -> None:
    score, wins = sample(8_000, 1.0)
    calibrator = fit_calibrator(kind, score, wins, np.ones(8_000))
    fresh, truth = sample(40_000, 1.0, 1)
    assert calibration_error(reliability(calibrator.predict(fresh), truth)) < 0.02


@pytest.mark.parametrize("kind", [LOGISTIC, ISOTONIC])
def test_it_rises_and_is_clipped(kind: int) -> None:
    score, wins = sample(4_000, 3.0)
    found = fit_calibrator(kind, score, wins, np.ones(4_000)).predict(np.linspace(-50, 50, 999))
    assert (np.diff(found) >= 0).all()
    assert found[0] == PROBABILITY_LOW
    assert found[-1] == PROBABILITY_HIGH


def test_a_score_that_ranks_backwards_gives_the_base_rate() -> None:
    score, wins = sample(4_000, -1.0)
    calibrator = fit_calibrator(LOGISTIC, score, wins, np.ones(4_000))
    assert calibrator.kind == NO_CALIBRATION
    assert calibrator.predict(score[:3]).tolist() == pytest.approx([wins.mean()] * 3)


def test_skill_is_seen() -> None:
    calibrator, report = chosen(4_000, 0.5)
    assert not report.no_edge
    assert report.skill > 0
    assert report.brier < report.brier_base
    assert calibrator.kind in (LOGISTIC, ISOTONIC)


def test_noise_is_rarely_taken_for_skill() -> None:
    claims = [not chosen(600, 0.0, seed)[1].no_edge for seed in range(40)]
    assert sum(claims) <= 4  # t >= 2 leaves 2.3%, the Brier score less


def test_weights_count() -> None:
    score = np.zeros(4)
    wins = np.array([True, False, False, False])
    calibrator = fit_calibrator(LOGISTIC, score, wins, np.array([3.0, 1.0, 1.0, 1.0]))
    assert calibrator.predict(score)[0] == 0.5


def test_one_kind_of_outcome_is_a_constant() -> None:
    score, _ = sample(100, 1.0)
    assert fit_calibrator(ISOTONIC, score, np.ones(100, np.bool_), np.ones(100)).kind == NO_CALIBRATION


def test_knowing_only_when_the_market_is_wide_is_no_skill() -> None:
    """Wins come more often in a wide market; a score that follows the width alone ranks them, but earns nothing."""
    rng = np.random.default_rng(0)
    width = rng.uniform(0.5, 2.0, 6_000)
    wins = width * rng.normal(size=6_000) > 0.8
    score = width + 0.1 * rng.normal(size=6_000)
    fold, block, ones = np.arange(6_000) * 4 // 6_000, np.arange(6_000), np.ones(6_000)
    assert not choose_calibrator(score, wins, fold, block, ones)[1].no_edge
    assert choose_calibrator(score, wins, fold, block, ones, 1 / width)[1].no_edge


def test_skill_is_seen_at_every_width() -> None:
    rng = np.random.default_rng(1)
    width, move = rng.uniform(0.5, 2.0, 6_000), rng.normal(size=6_000)
    score = 0.2 * move + rng.normal(size=6_000)
    fold, block, ones = np.arange(6_000) * 4 // 6_000, np.arange(6_000), np.ones(6_000)
    assert not choose_calibrator(score, width * move > 0.8, fold, block, ones, 1 / width)[1].no_edge
