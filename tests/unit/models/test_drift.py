"""Drift is seen when it is there, not when it is not, and each kind leads to its own action."""

from typing import Any

import numpy as np
import pytest

from trader.models.drift import DriftMonitor
from trader.models.reference import make_reference, stability_index

HOUR = 3_600_000
NAMES = tuple(f"f{i}" for i in range(20))


def history(n: int = 20_000, seed: int = 0) -> Any:
    """20 features and a prediction; f0 is a flag, f1 constant, f2 slow."""
    rng = np.random.default_rng(seed)
    columns = rng.normal(size=(n, 21))
    columns[:, 0] = rng.random(n) < 0.05
    columns[:, 1] = 7.0
    columns[:, 2] = np.sin(np.arange(n) / 2_000)
    return columns


@pytest.fixture(scope="module")
def reference() -> Any:
    return make_reference(history(), np.arange(20_000) * HOUR)


def watched(reference: Any, columns: Any) -> Any:
    monitor = DriftMonitor(reference, NAMES)
    for i, row in enumerate(columns):
        monitor.saw(i * HOUR, row[:-1], row[-1])
    return monitor.report()


def test_the_index_is_the_textbook_sum() -> None:
    found, expected = np.array([[0.5, 0.3, 0.2]]), np.array([[0.4, 0.4, 0.2]])
    assert stability_index(found, expected)[0] == pytest.approx(0.1 * np.log(0.5 / 0.4) - 0.1 * np.log(0.3 / 0.4))
    assert stability_index(expected, expected)[0] == 0


def test_the_same_market_raises_no_alarm(reference: Any) -> None:
    report = watched(reference, history(1_000, seed=1))
    assert report.action == "none"
    assert report.feature_share == 0
    assert report.rows == 1_000


def test_a_slow_feature_is_judged_by_its_own_past(reference: Any) -> None:
    """Within any stretch of training it covered only part of its range: that alone is no drift."""
    assert reference.limits[2] > 1
    assert reference.limits[5] == 0.25


def test_a_moved_feature_is_named(reference: Any) -> None:
    columns = history(1_000, seed=2)
    columns[:, 7] += 2
    report = watched(reference, columns)
    assert report.worst[0][0] == "f7"
    assert report.worst[0][1] > 1
    assert report.action == "none"  # one of twenty


def test_many_moved_features_shrink_then_retrain(reference: Any) -> None:
    columns = history(1_000, seed=3)
    columns[:, 5:11] += 2
    assert watched(reference, columns).action == "shrink"
    columns[:, 11:16] += 2
    report = watched(reference, columns)
    assert report.action == "retrain"
    assert str(report.reasons[0]) == "feature_drift 55%>30%"


def test_other_predictions_ask_for_a_retraining(reference: Any) -> None:
    usual, other = history(1_000, seed=4), history(1_000, seed=9)
    assert watched(reference, np.vstack((usual, other))).action == "none"
    other[:, -1] *= 4
    report = watched(reference, np.vstack((usual, other)))
    assert (report.action, report.feature_share) == ("retrain", 0)


def test_another_spread_than_the_smaller_fits_of_training_is_no_drift(reference: Any) -> None:
    columns = history(3_000, seed=4)
    columns[:, -1] = 0.3 * columns[:, -1] + 0.1
    assert watched(reference, columns).action == "none"


def test_only_the_window_counts(reference: Any) -> None:
    moved, usual = history(1_000, seed=5), history(1_000, seed=6)
    moved[:, 5:15] += 3
    assert watched(reference, np.vstack((moved, usual))).action == "none"


def test_a_part_of_the_window_says_nothing(reference: Any) -> None:
    """A short stretch of a slow market always looks strange."""
    assert reference.window_ms > 900 * HOUR
    assert watched(reference, history(900, seed=7) + 5).action == "none"


def test_few_rows_say_nothing(reference: Any) -> None:
    assert watched(reference, history(100, seed=7) + 5).action == "none"


@pytest.mark.parametrize(("truth", "action"), [(0.55, "none"), (0.35, "observe")])
def test_promises_are_held_against_outcomes(reference: Any, truth: float, action: str) -> None:
    rng = np.random.default_rng(8)
    monitor = DriftMonitor(reference, NAMES)
    for i in range(1_000):
        monitor.resolved(i * HOUR, (i + 4) * HOUR, 0.55, won=bool(rng.random() < truth))
    report = monitor.report()
    assert len(report.reasons) == (action == "observe")  # the severest of a kind says it all
    assert report.action == action
    assert report.calibration_gap == pytest.approx(truth - 0.55, abs=0.04)


def test_repeated_outcomes_of_one_moment_are_one_piece_of_evidence(reference: Any) -> None:
    monitor = DriftMonitor(reference, NAMES)
    for i in range(2_000):
        monitor.resolved(i // 1_000 * HOUR, (i // 1_000 + 4) * HOUR, 0.55, won=False)
    assert monitor.report().action == "none"


def test_a_few_bad_hours_are_not_yet_a_broken_promise(reference: Any) -> None:
    """In few blocks of time a large t comes by chance."""
    monitor = DriftMonitor(reference, NAMES)
    for i in range(900):
        monitor.resolved(i * HOUR // 100, i * HOUR // 100 + HOUR // 10, 0.55, won=i % 3 == 0)
    assert monitor.report().outcomes == 900
    assert monitor.report().action == "observe"
    few = DriftMonitor(reference, NAMES)
    for i in range(900):
        few.resolved(i * HOUR // 300, i * HOUR // 300 + HOUR // 10, 0.55, won=i % 3 == 0)
    assert few.report().action == "none"
