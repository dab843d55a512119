"""Every library's trees, flattened, predict what the library predicts: also for the full parameters."""

from typing import Any

import msgspec
import numpy as np
import pytest

from tests.kit.fitted import of_one
from trader.models import CompiledEnsemble
from trader.models.arrays import EnsembleArrays
from trader.models.synthetic import synthetic_ensemble
from trader.training.compile import to_arrays
from trader.training.ensemble import StackedEnsemble
from trader.training.members import make_member
from trader.training.profiles import EXACT, FAST, QUICK, Member

FEATURES = 12
REFERENCE = synthetic_ensemble(FEATURES, ((1, 1),), (2,)).reference


def table(n: int, seed: int) -> tuple[Any, Any]:
    """Awkward columns: normal, tiny, huge, whole numbers, flags, constant, and values that differ only in float64."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, FEATURES))
    X[:, 3] *= 1e-6
    X[:, 4] *= 1e7
    X[:, 5] = rng.integers(0, 5, n)
    X[:, 6] = rng.random(n) < 0.5
    X[:, 7] = 3.25
    X[:, 8] = 1.0 + rng.integers(0, 3, n) * 1e-9
    y = np.sin(X[:, 0]) + X[:, 5] / 3 + X[:, 6] * X[:, 1] + rng.normal(size=n)
    return X, y


MEMBERS = [
    *[(f"exact-{name}", member) for name, member in EXACT.members.items()],
    *[(f"fast-{name}", member) for name, member in FAST.members.items()],
    *[(f"quick-{name}", member) for name, member in QUICK.members.items()],
]


def shortened(member: Member) -> Member:
    """The perceptron's 500 rounds change weights, not structure."""
    if member.kind != "mlp":
        return member
    return msgspec.structs.replace(member, parameters={**member.parameters, "max_iter": 3})


@pytest.mark.parametrize(("name", "member"), MEMBERS, ids=[name for name, _ in MEMBERS])
def test_equal_to_the_library(name: str, member: Member) -> None:
    X, y = table(600, 0)
    model = make_member(shortened(member), 42).fit(X, y)
    compiled = _compiled(to_arrays(of_one(name, model, FEATURES), REFERENCE))
    fresh, _ = table(10_000, 1)
    probe = np.vstack((X, fresh))
    np.testing.assert_allclose(compiled.predict(probe), np.asarray(model.predict(probe), np.float64), rtol=0, atol=1e-6)


def test_values_on_a_split_go_the_same_way() -> None:
    X, y = table(400, 0)
    for name in ("xgboost", "lightgbm", "catboost", "random_forest", "gradient_boosting"):
        model = make_member(QUICK.members[name], 42).fit(X, y)
        arrays = to_arrays(of_one(name, model, FEATURES), REFERENCE)
        inner = np.flatnonzero(arrays.left)
        probe = np.repeat(X[:1], len(inner), axis=0)
        probe[np.arange(len(inner)), arrays.feature[inner] % FEATURES] = arrays.threshold[inner]
        np.testing.assert_allclose(_compiled(arrays).predict(probe), model.predict(probe), rtol=0, atol=1e-6)


def test_an_unknown_library_is_refused() -> None:
    from sklearn.linear_model import Ridge

    ensemble = StackedEnsemble(members={"ridge": Ridge()})
    ensemble.members_, ensemble.n_features_in_ = {"ridge": Ridge()}, FEATURES
    with pytest.raises(TypeError, match="Ridge"):
        to_arrays(ensemble, REFERENCE)


def _compiled(arrays: EnsembleArrays) -> CompiledEnsemble:
    return CompiledEnsemble(arrays, synthetic_ensemble(FEATURES, ((1, 1),), (2,)).manifest)
