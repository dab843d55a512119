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
    claims = [not chosen(1_500, 0.0, seed)[1].no_edge for seed in range(60)]
    assert sum(claims) <= 5  # t >= 2 leaves 2.3%, the Brier score less


def test_weights_count() -> None:
    score = np.zeros(4)
    wins = np.array([True, False, False, False])
    calibrator = fit_calibrator(LOGISTIC, score, wins, np.array([3.0, 1.0, 1.0, 1.0]))
    assert calibrator.predict(score)[0] == 0.5


def test_one_kind_of_outcome_is_a_constant() -> None:
    score, _ = sample(100, 1.0)
    assert fit_calibrator(ISOTONIC, score, np.ones(100, np.bool_), np.ones(100)).kind == NO_CALIBRATION
