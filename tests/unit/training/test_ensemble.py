"""The stack learns what is there, says so when nothing is there, and never looks ahead."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.utils.estimator_checks import check_estimator

from trader.models.statistics import rank_correlation
from trader.training import StackedEnsemble
from trader.training.checkpoint import FoldCheckpoint
from trader.training.members import make_member
from trader.training.profiles import Member
from trader.training.stack import StackKind, fit_stack


def planted(n: int, rho: float, seed: int, features: int = 20) -> tuple[Any, Any]:
    """A label whose best possible correlation with any function of X is `rho`: part linear, part interaction."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, features))
    signal = X[:, 0] + 0.6 * X[:, 1] * np.sign(X[:, 2])
    return X, rho * signal / signal.std() + np.sqrt(1 - rho**2) * rng.normal(size=n)


@pytest.fixture(scope="module")
def informed() -> StackedEnsemble:
    X, y = planted(8_000, 0.2, 0)
    return StackedEnsemble("quick").fit(X, y)


@pytest.fixture(scope="module")
def uninformed() -> StackedEnsemble:
    X, _ = planted(2_400, 0.2, 1)
    return StackedEnsemble("quick").fit(X, np.random.default_rng(2).normal(size=2_400))


def test_a_planted_signal_is_recovered_by_half_or_more(informed: StackedEnsemble) -> None:
    X, y = planted(20_000, 0.2, 99)
    assert np.corrcoef(informed.predict(X), y)[0, 1] > 0.1
    assert informed.scores_.ic > 0.1
    assert informed.scores_.slope.t > 4
    assert not informed.scores_.calibration.no_edge


def test_the_signal_is_found_where_it_was_planted(informed: StackedEnsemble) -> None:
    importance = informed.feature_importance()
    assert next(iter(importance)) == "x0"
    assert sum(importance.values()) == pytest.approx(1)
    assert min(importance.values()) >= 0


def test_out_of_fold_scores_tell_the_truth_about_fresh_data(informed: StackedEnsemble) -> None:
    X, y = planted(20_000, 0.2, 98)
    fresh = np.corrcoef(informed.predict(X), y)[0, 1]
    assert informed.scores_.ic == pytest.approx(fresh, abs=0.05)


def test_win_probability_is_calibrated_on_fresh_data(informed: StackedEnsemble) -> None:
    X, y = planted(40_000, 0.2, 97)
    probability = informed.win_probability(X)
    assert probability.min() >= 0.05
    assert probability.max() <= 0.95
    high, low = probability > np.quantile(probability, 0.8), probability < np.quantile(probability, 0.2)
    assert (y[high] > 0).mean() == pytest.approx(probability[high].mean(), abs=0.05)
    assert (y[low] > 0).mean() == pytest.approx(probability[low].mean(), abs=0.05)
    assert probability[high].mean() > probability[low].mean() + 0.05


def test_noise_is_called_noise(uninformed: StackedEnsemble) -> None:
    scores = uninformed.scores_
    assert abs(scores.ic) < 3 * scores.ic_error
    assert abs(scores.ic) < 3 * bootstrap_error(uninformed, np.random.default_rng(2).normal(size=2_400))
    assert scores.calibration.no_edge


def test_shuffled_labels_teach_nothing() -> None:
    X, y = planted(1_600, 0.5, 3)
    shuffled = np.random.default_rng(4).permutation(y)
    ensemble = StackedEnsemble("quick").fit(X, shuffled)
    assert abs(ensemble.scores_.ic) < 3 * bootstrap_error(ensemble, shuffled)
    assert ensemble.scores_.ic_error == pytest.approx(bootstrap_error(ensemble, shuffled), rel=0.35)
    assert ensemble.scores_.calibration.no_edge


def bootstrap_error(ensemble: StackedEnsemble, y: Any, blocks: int = 40) -> float:
    """Standard error of the out-of-fold rank correlation: blocks of neighbouring rows drawn again and again."""
    found, rng = ensemble.out_of_fold_, np.random.default_rng(0)
    parts = np.array_split(np.arange(len(found.rows)), blocks)
    drawn = (np.concatenate([parts[i] for i in rng.integers(0, blocks, blocks)]) for _ in range(200))
    return float(np.std([rank_correlation(found.prediction[rows], y[found.rows][rows]) for rows in drawn]))


def test_a_member_that_memorises_gains_no_weight() -> None:
    """A nearest neighbour fits its training rows perfectly and knows nothing: only out-of-fold rows can tell."""
    X, y = planted(2_000, 0.3, 5, features=8)
    members = {"memory": KNeighborsRegressor(1), "honest": LinearRegression(), "forest": _forest()}
    ensemble = StackedEnsemble(members=members, n_splits=3).fit(X, y)
    assert ensemble.predict_members(X)[:, 0].tolist() == pytest.approx(y.tolist())  # in sample it is perfect
    assert ensemble.scores_.member_ic["memory"] < 0.6 * ensemble.scores_.member_ic["honest"]
    found = ensemble.out_of_fold_
    kinds: tuple[StackKind, ...] = ("ridge", "non_negative")
    for kind in kinds:
        memory, honest, _ = fit_stack(kind, found.members, y[found.rows], np.ones(len(found.rows))).weights
        assert abs(memory) < 0.3 * honest
        cheated = fit_stack(kind, ensemble.predict_members(X), y, np.ones(len(y))).weights
        assert cheated[0] > 1.5 * max(cheated[1:])  # what a stack fitted in sample would have believed


def test_overlapping_labels_do_not_leak_into_the_score() -> None:
    """Smooth features and overlapping labels of pure noise: unpurged shuffled folds would show a high correlation."""
    rng = np.random.default_rng(6)
    n, horizon = 1_500, 50
    path = np.cumsum(rng.normal(size=n + horizon))
    y = (path[horizon:] - path[:-horizon]) / np.sqrt(horizon)
    X = np.column_stack([np.convolve(rng.normal(size=n + 199), np.ones(200), "valid") for _ in range(8)])
    ensemble = StackedEnsemble("quick").fit(X, y, label_end=np.arange(n) + horizon)
    assert abs(ensemble.scores_.slope.t) < 3
    assert ensemble.scores_.calibration.no_edge


def test_times_may_be_datetimes_of_a_data_frame() -> None:
    import pandas as pd

    X, y = planted(300, 0.5, 12)
    index = pd.date_range("2025-01-01", periods=300, freq="15min", tz="UTC")
    frame = pd.DataFrame(X, index=index)
    frame.columns = frame.columns.astype(str)
    members = {"linear": LinearRegression()}
    ends = pd.Series(index + pd.Timedelta("4h"))
    named = StackedEnsemble(members=members).fit(frame, y, label_end=ends)
    numbered = StackedEnsemble(members=members).fit(X, y, label_end=np.arange(300) + 16)
    assert named.out_of_fold_.prediction.tolist() == numbered.out_of_fold_.prediction.tolist()
    assert next(iter(named.feature_importance())) == "0"
    with pytest.raises(ValueError, match="give label_start too"):
        StackedEnsemble(members=members).fit(X, y, label_end=ends)


def test_rows_may_come_in_any_order() -> None:
    X, y = planted(300, 0.5, 13)
    order = np.random.default_rng(0).permutation(300)
    times = np.arange(300)
    members = {"linear": LinearRegression()}
    plain = StackedEnsemble(members=members).fit(X, y, label_start=times, label_end=times + 5)
    mixed = StackedEnsemble(members=members).fit(X[order], y[order], label_start=order, label_end=order + 5)
    assert mixed.scores_.ic == pytest.approx(plain.scores_.ic)
    assert sorted(order[mixed.out_of_fold_.rows].tolist()) == sorted(plain.out_of_fold_.rows.tolist())


def test_the_same_seed_gives_the_same_numbers() -> None:
    X, y = planted(400, 0.2, 7)
    first, second = (StackedEnsemble("quick").fit(X, y).predict(X[:50]) for _ in range(2))
    assert first.tolist() == second.tolist()
    assert StackedEnsemble("quick", random_state=1).fit(X, y).predict(X[:50]).tolist() != first.tolist()


def test_every_row_is_tested_by_members_that_never_saw_it(informed: StackedEnsemble) -> None:
    found = informed.out_of_fold_
    assert len(np.unique(found.rows)) == len(found.rows) == 6_000
    assert found.rows.min() == 2_000


def test_progress_counts_up_to_everything() -> None:
    X, y = planted(300, 0.2, 8)
    told: list[tuple[str, float]] = []
    StackedEnsemble("quick").fit(X, y, on_step=lambda stage, fraction: told.append((stage, fraction)))
    fractions = [fraction for _, fraction in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)
    assert len(told) == 6 * 4
    assert told[0][0] == "fold 1/3: xgboost"


def test_an_interrupted_fit_goes_on_where_it_was(tmp_path: Path) -> None:
    X, y = planted(300, 0.2, 10)
    checkpoint = FoldCheckpoint(tmp_path)

    def stop(stage: str, fraction: float) -> None:
        if stage == "fold 2/3: catboost":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        StackedEnsemble("quick").fit(X, y, on_step=stop, checkpoint=checkpoint)
    assert len(list(tmp_path.glob("*.npy"))) == 9
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.npy")}
    resumed = StackedEnsemble("quick").fit(X, y, checkpoint=checkpoint)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert resumed.predict(X).tolist() == StackedEnsemble("quick").fit(X, y).predict(X).tolist()
    checkpoint.clear()
    assert list(tmp_path.iterdir()) == []


def test_folds_of_other_data_are_not_taken(tmp_path: Path) -> None:
    X, y = planted(300, 0.2, 11)
    checkpoint = FoldCheckpoint(tmp_path)
    members = {"linear": LinearRegression()}
    StackedEnsemble(members=members).fit(X, y, checkpoint=checkpoint)
    other = StackedEnsemble(members=members).fit(X, -y, checkpoint=checkpoint)
    fresh = StackedEnsemble(members=members).fit(X, -y)
    assert other.out_of_fold_.members.tolist() == fresh.out_of_fold_.members.tolist()


def test_two_sided_probability_is_of_the_predicted_direction() -> None:
    X, y = planted(2_400, 0.3, 9)
    ensemble = StackedEnsemble("quick").fit(X, y, wins=y > 0.1, short_wins=y < -0.1)
    fresh, truth = planted(20_000, 0.3, 96)
    prediction, probability = ensemble.predict(fresh), ensemble.win_probability(fresh)
    sure_short = (prediction < 0) & (probability > np.quantile(probability, 0.8))
    assert (truth[sure_short] < -0.1).mean() == pytest.approx(probability[sure_short].mean(), abs=0.06)


def test_an_unknown_profile_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="quick, fast, exact"):
        StackedEnsemble("slow").fit(np.zeros((10, 2)), np.arange(10.0))


def test_it_is_a_scikit_learn_regressor() -> None:
    members = {"linear": LinearRegression(), "forest": _forest()}
    check_estimator(StackedEnsemble(members=members, n_splits=2), on_skip=None)
    assert clone(StackedEnsemble("fast", 7)).get_params()["random_state"] == 7


def _forest() -> Any:
    return make_member(Member("random_forest", {"n_estimators": 10, "max_depth": 4}), 42)
