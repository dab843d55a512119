"""Fitting one member: plainly, or with the number of rounds that later rows asked for."""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.validation import has_fit_parameter

from trader.domain.candle_arrays import Floats
from trader.training.members import ScaledMLP, make_member
from trader.training.profiles import Member

TAIL_SHARE = 0.15  # of the rows, the newest ones, judge the number of rounds
FEWEST_ROWS = 200  # below this there is nothing to judge by
ROUNDS = {
    "xgboost": "n_estimators",
    "lightgbm": "n_estimators",
    "catboost": "iterations",
    "gradient_boosting": "n_estimators",
    "hist_boosting": "max_iter",
    "mlp": "max_iter",
}


class Sample(NamedTuple):
    """Rows in time order. Arrays (n, ...)."""

    X: Floats
    y: Floats
    weight: Floats
    start: Floats  # when each label begins
    end: Floats  # and ends

    def take(self, rows: NDArray[np.int64]) -> "Sample":
        """The sample of those row numbers, in their order."""
        return Sample(self.X[rows], self.y[rows], self.weight[rows], self.start[rows], self.end[rows])


class Learner(NamedTuple):
    """How to fit one member. `identity` tells apart learners that would fit differently."""

    fit: Callable[[Sample], Any]
    identity: str


def member_learner(member: Member, random_state: int, crowding: float) -> Learner:
    """A member of a profile."""
    return Learner(
        lambda sample: fit_member(member, sample, random_state, crowding), repr((member, random_state, crowding))
    )


def estimator_learner(model: Any) -> Learner:
    """Any scikit-learn regressor; it is cloned for every fit."""
    return Learner(
        lambda sample: fit_plainly(clone(model), sample),
        repr((type(model).__name__, sorted(model.get_params().items()))),
    )


def fit_member(member: Member, sample: Sample, random_state: int, crowding: float) -> Any:
    """A fitted estimator; with `member.patience` the newest rows tell the rounds, then all rows are learned."""
    if member.patience and member.kind in ROUNDS:
        rounds = best_rounds(member, sample, random_state, crowding)
        parameters = {**member.parameters, ROUNDS[member.kind]: rounds}
        member = msgspec.structs.replace(member, parameters=parameters)
    return fit_plainly(make_member(member, random_state, crowding), sample)


def fit_plainly(model: Any, sample: Sample) -> Any:
    """`model` after its fit, with weights if it knows any."""
    if has_fit_parameter(model, "sample_weight"):
        return model.fit(sample.X, sample.y, sample_weight=sample.weight)
    return model.fit(sample.X, sample.y)


def best_rounds(member: Member, sample: Sample, random_state: int, crowding: float) -> int:
    """The number of rounds, 1 or more, after which the squared error on the newest rows was smallest.

    The search stops once `member.patience` rounds brought nothing. Labels that reach into the newest rows are left
    out: a random tenth, as the libraries would take it, overlaps with its neighbours and never says stop.
    """
    known = int(member.parameters[ROUNDS[member.kind]])
    first = int(len(sample.y) * (1 - TAIL_SHARE))
    if len(sample.y) < FEWEST_ROWS:
        return known
    before = np.flatnonzero(sample.end <= sample.start[first])
    if len(before) < FEWEST_ROWS // 2:
        return known
    seen, later = sample.take(before), sample.take(np.arange(first, len(sample.y)))
    model = make_member(member, random_state, crowding)
    return max(1, SEARCHES[member.kind](model, seen, later, member.patience))


def _xgboost(model: Any, seen: Sample, later: Sample, patience: int) -> int:
    model.set_params(early_stopping_rounds=patience)
    weights = {"sample_weight": seen.weight, "sample_weight_eval_set": [later.weight]}
    model.fit(seen.X, seen.y, eval_set=[(later.X, later.y)], verbose=False, **weights)
    return int(model.best_iteration) + 1


def _lightgbm(model: Any, seen: Sample, later: Sample, patience: int) -> int:
    from lightgbm import early_stopping

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the newer names of the same arguments came with 4.7
        model.fit(
            seen.X,
            seen.y,
            sample_weight=seen.weight,
            eval_set=[(later.X, later.y)],
            eval_sample_weight=[later.weight],
            callbacks=[early_stopping(patience, verbose=False)],
        )
    return int(model.best_iteration_)


def _catboost(model: Any, seen: Sample, later: Sample, patience: int) -> int:
    from catboost import Pool

    judge = Pool(later.X, later.y, weight=later.weight)
    model.fit(seen.X, seen.y, sample_weight=seen.weight, eval_set=judge, early_stopping_rounds=patience)
    return int(model.get_best_iteration()) + 1


def _hist_boosting(model: Any, seen: Sample, later: Sample, patience: int) -> int:
    model.set_params(early_stopping=True, n_iter_no_change=patience, tol=0.0, scoring="loss")
    model.fit(
        seen.X,
        seen.y,
        sample_weight=seen.weight,
        X_val=later.X,
        y_val=later.y,
        sample_weight_val=later.weight,
    )
    return int(np.argmax(model.validation_score_))  # score 0 is that of no round at all


def _staged(model: Any, seen: Sample, later: Sample, _patience: int) -> int:
    """scikit-learn's plain boosting: fitted in full, then judged round by round."""
    model.fit(seen.X, seen.y, sample_weight=seen.weight)
    errors = [np.average((found - later.y) ** 2, weights=later.weight) for found in model.staged_predict(later.X)]
    return int(np.argmin(errors)) + 1


def _mlp(model: ScaledMLP, seen: Sample, later: Sample, patience: int) -> int:
    return model.best_rounds(seen.X, seen.y, seen.weight, (later.X, later.y, later.weight), patience)


SEARCHES: dict[str, Callable[[Any, Sample, Sample, int], int]] = {
    "xgboost": _xgboost,
    "lightgbm": _lightgbm,
    "catboost": _catboost,
    "gradient_boosting": _staged,
    "hist_boosting": _hist_boosting,
    "mlp": _mlp,
}
