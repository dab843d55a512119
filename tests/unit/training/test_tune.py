"""The search finds what works, can be continued and shared, and knows that searching is comparing."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from scipy.stats import norm  # type: ignore[import-untyped] # an oracle, ships no types

from tests.unit.training.test_evaluate import table
from trader.training import StackedEnsemble
from trader.training.evaluate import Rules
from trader.training.profiles import PROFILES, Profile
from trader.training.tune import (
    adjusted,
    daily_score,
    deflated_score,
    open_study,
    score_by_luck,
    tune,
    tune_in_parallel,
    tuning_text,
)

VALUES = {
    "trees": 0.5,
    "depth": 3,
    "learning_rate": 0.05,
    "leaf_labels": 40,
    "row_share": 0.5,
    "column_share": 0.5,
    "forest_depth": 4,
    "forest_columns": 0.3,
    "mlp_alpha": 1.0,
    "mlp_rounds": 3,
}


def rows() -> Any:
    made, prediction = table(600, 0.5)
    return msgspec.structs.replace(made, X=np.column_stack((prediction, made.X)))


def search(storage: Path, trials: int, **more: Any) -> Any:
    return tune(rows(), Rules(), base="quick", trials=trials, storage=storage, **more)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tune") / "journal"


@pytest.fixture(scope="module")
def first(journal: Path) -> Any:
    return search(journal, 2)


def test_a_search_reports_its_best_and_what_it_compared(first: Any) -> None:
    assert first.trials == 2
    assert first.profile.compared == 2
    assert set(first.parameters) == set(VALUES)
    assert 0 <= first.deflated <= 1
    assert "Best of 2 trials" in first.caveat
    assert all(name in tuning_text(first) for name in VALUES)


def test_a_search_is_continued(first: Any, journal: Path) -> None:
    again = search(journal, 1)
    assert again.trials == 3
    assert again.score >= first.score


def test_the_same_seed_searches_the_same(first: Any, tmp_path: Path) -> None:
    search(tmp_path / "other", 1)
    tried = [open_study(path, "tune", 42).trials[0].params for path in (tmp_path / "other", tmp_path / "other")]
    assert tried[0] == tried[1]
    assert search(tmp_path / "third", 1).parameters == tried[0]


def test_workers_share_one_study(tmp_path: Path) -> None:
    report = tune_in_parallel(rows(), Rules(), base="quick", workers=2, trials=2, storage=tmp_path / "journal")
    assert report.trials == 2


def test_a_tuned_profile_trains_and_survives_json(first: Any) -> None:
    profile = msgspec.json.decode(msgspec.json.encode(first.profile), type=Profile)
    made = rows()
    fitted = StackedEnsemble(profile).fit(made.X[:200], made.y[:200])
    assert list(fitted.members_) == list(PROFILES["quick"].members)


@pytest.mark.parametrize("base", ["quick", "fast", "exact"])
def test_every_family_understands_the_suggestion(base: str) -> None:
    made = rows()
    profile = adjusted(PROFILES[base], VALUES)
    from trader.training.members import make_member

    for name, member in profile.members.items():
        assert member.parameters != PROFILES[base].members[name].parameters
        assert np.isfinite(make_member(member, 42).fit(made.X[:150], made.y[:150]).predict(made.X[:5])).all()


def test_the_best_of_many_lucky_scores_is_expected_to_be_high() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 0.1, (2_000, 50))
    expected = np.mean([score_by_luck(row) for row in scores])
    assert expected == pytest.approx(scores.max(axis=1).mean(), rel=0.05)


def test_the_deflated_score_is_the_textbook_one() -> None:
    assert deflated_score(0.2, 0.0, 101, 0.0, 3.0) == pytest.approx(norm.cdf(0.2 * 10 / np.sqrt(1 + 0.02)))
    assert deflated_score(0.2, 0.2, 101, -1.0, 9.0) == pytest.approx(0.5)
    assert deflated_score(0.2, 0.1, 3, 0.0, 3.0) == 0


def test_a_daily_score_is_mean_over_spread() -> None:
    assert daily_score(np.array([0.01, 0.03, 0.02, 0.0, 0.04])) == pytest.approx(
        0.02 / np.std([1, 3, 2, 0, 4], ddof=1) * 100
    )
    assert daily_score(np.zeros(3)) == 0
    assert daily_score(np.full(10, 0.01)) == 50
