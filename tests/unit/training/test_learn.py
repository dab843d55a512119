"""The newest rows say when to stop; labels that reach into them are not asked."""

from typing import Any

import msgspec
import numpy as np
import pytest

from trader.training import learn
from trader.training.learn import ROUNDS, Sample, best_rounds, fit_member
from trader.training.profiles import EXACT, FAST, Member

STOPPING = {**FAST.members, "plain_boosting": msgspec.structs.replace(EXACT.members["gradient_boosting"], patience=20)}
STOPPING = {name: member for name, member in STOPPING.items() if member.patience}


def sample(n: int, strength: float, seed: int = 0, horizon: int = 0) -> Sample:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 8))
    y = strength * (X[:, 0] + X[:, 1] * X[:, 2]) + rng.normal(size=n)
    start = np.arange(n, dtype=np.float64)
    return Sample(X, y, np.ones(n), start, start + horizon)


def capped(member: Member, rounds: int) -> Member:
    return msgspec.structs.replace(member, parameters={**member.parameters, ROUNDS[member.kind]: rounds})


@pytest.mark.parametrize("name", list(STOPPING))
def test_noise_stops_early_and_signal_late(name: str) -> None:
    member = capped(STOPPING[name], 12 if name == "mlp" else 80)
    noise = np.mean([best_rounds(member, sample(1_200, 0.0, seed), 42, 1.0) for seed in range(4)])
    signal = best_rounds(member, sample(1_200, 2.0), 42, 1.0)
    assert 1 <= noise < signal <= member.parameters[ROUNDS[member.kind]]


@pytest.mark.parametrize("name", list(STOPPING))
def test_all_rows_are_learned_with_the_rounds_found(name: str) -> None:
    member = capped(STOPPING[name], 30)
    rows = sample(600, 1.0)
    rounds = best_rounds(member, rows, 42, 1.0)
    plain = msgspec.structs.replace(capped(member, rounds), patience=0)
    stopped, expected = (fit_member(one, rows, 42, 1.0).predict(rows.X[:20]) for one in (member, plain))
    assert stopped.tolist() == expected.tolist()


def test_labels_that_reach_into_the_newest_rows_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Sample] = []

    def search(model: Any, seen: Sample, later: Sample, patience: int) -> int:
        asked.extend((seen, later))
        return 7

    monkeypatch.setitem(learn.SEARCHES, "xgboost", search)
    assert best_rounds(STOPPING["xgboost"], sample(1_000, 0.0, horizon=50), 42, 1.0) == 7
    seen, later = asked
    assert len(later.y) == 150
    assert seen.end.max() <= later.start.min()
    assert len(seen.y) == 1_000 - 150 - 49


def test_too_few_rows_keep_the_rounds_given() -> None:
    assert best_rounds(STOPPING["xgboost"], sample(100, 1.0), 42, 1.0) == 300
    assert best_rounds(STOPPING["xgboost"], sample(300, 1.0, horizon=250), 42, 1.0) == 300


def test_a_member_without_patience_is_fitted_as_given() -> None:
    rows = sample(300, 1.0)
    model = fit_member(msgspec.structs.replace(STOPPING["xgboost"], patience=0), rows, 42, 1.0)
    assert model.get_booster().num_boosted_rounds() == 300


def test_the_full_parameters_never_stop_early() -> None:
    assert all(member.patience == 0 for member in EXACT.members.values())
