"""Six learners, stacked on what they predicted out of fold, with a calibrated probability of winning."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # ships no types

from trader.domain.candle_arrays import Floats
from trader.models.card import CalibrationReport
from trader.models.statistics import (
    Slope,
    area_under_curve,
    clustered_slope,
    rank_correlation,
    rank_correlation_error,
    time_blocks,
)
from trader.training.calibration import choose_calibrator
from trader.training.checkpoint import FoldCheckpoint, fingerprint
from trader.training.learn import Learner, Sample, estimator_learner, member_learner
from trader.training.members import importance_of
from trader.training.profiles import Profile, profile_named
from trader.training.splits import PurgedWalkForward, Rows, label_spans
from trader.training.stack import StackChoice, choose_stack

Step = Callable[[str, float], None]


class OutOfFold(msgspec.Struct, frozen=True):
    """What was predicted for rows that no part of the prediction had seen. Arrays (n_tested, ...)."""

    rows: Rows  # row numbers of X
    fold: Rows  # 0.. in time order
    members: Floats  # (n_tested, n_members)
    prediction: Floats  # of the stack, fitted on earlier folds


class Scores(msgspec.Struct, frozen=True):
    """Out of fold. Errors and t are clustered by blocks of time."""

    ic: float  # rank correlation of prediction and label
    ic_error: float
    r2: float
    auc: float  # of the sign of the label
    slope: Slope  # label on prediction
    member_ic: dict[str, float]
    fold_ic: tuple[float, ...]
    stack: str
    stack_ic: dict[str, float]
    calibration: CalibrationReport


class StackedEnsemble(RegressorMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """A scikit-learn regressor. Learned: members_, stack_, calibrator_, out_of_fold_, scores_, importance_.

    profile: "quick", "fast", "exact" or a `Profile` (tuned). n_splits: folds, None = the profile's. embargo: extra gap
    before each test fold, unit of label_end. members: other base learners by name, instead of the profile's.
    """

    def __init__(
        self,
        profile: str | Profile = "quick",
        random_state: int = 42,
        n_splits: int | None = None,
        embargo: float = 0.0,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        self.profile = profile
        self.random_state = random_state
        self.n_splits = n_splits
        self.embargo = embargo
        self.members = members

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        label_end: ArrayLike | None = None,
        label_start: ArrayLike | None = None,
        wins: ArrayLike | None = None,
        short_wins: ArrayLike | None = None,
        label_weight: ArrayLike | None = None,
        control: ArrayLike | None = None,
        on_step: Step | None = None,
        checkpoint: FoldCheckpoint | None = None,
    ) -> "StackedEnsemble":
        """X (n, n_features), y (n,), rows in any order if label_start is given, else in time order.

        label_start, label_end: when each label begins and ends, numbers (ms) or datetimes; default the index of X if
        that holds datetimes, else the row numbers. wins: (n,) whether a
        long trade ended net positive, default y > 0; with short_wins the probability is of a trade in the direction
        of the prediction instead. label_weight: (n,) uniqueness of the labels, 0..1, default 1. control: (n,) what
        moves the chance to win without any skill, see `calibration.choose_calibrator`. on_step(what, share of the
        work done) is called after every member's fit. checkpoint: finished folds are kept there and not fitted again.
        """
        index: Any = getattr(X, "index", None)
        if label_start is None and _is_datetime(index):
            label_start = index
        inputs, target = validate_data(self, X, y, y_numeric=True, dtype=np.float64, ensure_min_samples=2)
        table = _table(inputs, target, label_start, label_end, wins, short_wins, label_weight, control)
        self.two_sided_ = short_wins is not None
        with threadpool_limits(1):
            self._fit(table, on_step or _silent, checkpoint)
        return self

    def predict(self, X: ArrayLike) -> Floats:
        """(n, n_features) -> (n,) in the unit of y."""
        members = self.predict_members(X)
        return np.asarray(self.stack_.predict(members), np.float64)

    def predict_with_confidence(self, X: ArrayLike) -> tuple[Floats, Floats]:
        """`predict`, and 1 / (1 + population standard deviation of the members): reported, never used for size."""
        members = self.predict_members(X)
        return self.stack_.predict(members), 1.0 / (1.0 + members.std(axis=1))

    def win_probability(self, X: ArrayLike) -> Floats:
        """(n, n_features) -> (n,) calibrated probability that a trade ends net positive, clipped.

        The trade is a long one, or with short_wins one in the direction of the prediction.
        """
        prediction = self.predict(X)
        return np.asarray(self.calibrator_.predict(np.abs(prediction) if self.two_sided_ else prediction), np.float64)

    def predict_members(self, X: ArrayLike) -> Floats:
        """(n, n_features) -> (n, n_members), each by its own library."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        with threadpool_limits(1):
            return np.column_stack([np.asarray(model.predict(X), np.float64) for model in self.members_.values()])

    def feature_importance(self) -> dict[str, float]:
        """Feature -> importance, summing to 1, largest first: every member's normalised, then averaged."""
        check_is_fitted(self)
        names = getattr(self, "feature_names_in_", None)
        names = [f"x{i}" for i in range(len(self.importance_))] if names is None else list(names)
        order = np.argsort(-self.importance_, kind="stable")
        return {str(names[i]): float(self.importance_[i]) for i in order}

    def _fit(self, table: "_Table", on_step: Step, checkpoint: FoldCheckpoint | None) -> None:
        recipe = self._recipe(table.crowding)
        folds = list(self._splitter().split(table.X, groups=table.spans))
        work = _Work(sum(len(train) for train, _ in folds) + len(table.X), len(recipe), on_step)
        found = self._out_of_fold(table, recipe, folds, work, checkpoint)
        y, weight = table.y[found.rows], table.weight[found.rows] / table.crowding
        choice = choose_stack(found.members, y, found.fold, weight)
        self.stack_ = choice.stack
        self.out_of_fold_ = msgspec.structs.replace(found, prediction=choice.prediction)
        score = np.abs(choice.prediction) if self.two_sided_ else choice.prediction
        won = np.where(choice.prediction >= 0, table.wins[found.rows], table.short_wins[found.rows])
        block = table.block[found.rows]
        control = None if table.control is None else table.control[found.rows]
        self.calibrator_, calibration = choose_calibrator(score, won, found.fold, block, weight, control)
        self.scores_ = _scores(self.out_of_fold_, y, block, list(recipe), choice, calibration)
        self.members_: dict[str, Any] = {}
        everything = table.sample(np.arange(len(table.y)))
        for name, learner in recipe.items():
            self.members_[name] = learner.fit(everything)
            work.done(f"final fit: {name}", len(table.X))
        parts = [importance_of(model, table.X, table.y, self.random_state) for model in self.members_.values()]
        self.importance_ = np.mean(parts, axis=0)

    def _out_of_fold(
        self,
        table: "_Table",
        recipe: dict[str, Learner],
        folds: list[tuple[Rows, Rows]],
        work: "_Work",
        checkpoint: FoldCheckpoint | None,
    ) -> OutOfFold:
        tested = np.concatenate([test for _, test in folds])
        fold = np.repeat(np.arange(len(folds)), [len(test) for _, test in folds])
        members = np.empty((len(tested), len(recipe)))
        for k, (train, test) in enumerate(folds):
            seen, unseen = table.sample(train), table.X[test]
            content = fingerprint(*seen, unseen) if checkpoint else ""
            for column, (name, learner) in enumerate(recipe.items()):
                key = f"{k}-{name}-{fingerprint(content, learner.identity)}"
                found = checkpoint.load(key, len(test)) if checkpoint else None
                if found is None:
                    found = np.asarray(learner.fit(seen).predict(unseen), np.float64)
                    if checkpoint:
                        checkpoint.keep(key, found)
                members[fold == k, column] = found
                work.done(f"fold {k + 1}/{len(folds)}: {name}", len(train))
        return OutOfFold(tested, fold, members, members.mean(axis=1))

    def _recipe(self, crowding: float) -> dict[str, Learner]:
        if self.members is not None:
            return {name: estimator_learner(model) for name, model in self.members.items()}
        chosen = profile_named(self.profile).members
        return {name: member_learner(member, self.random_state, crowding) for name, member in chosen.items()}

    def _splitter(self) -> PurgedWalkForward:
        return PurgedWalkForward(self.n_splits or profile_named(self.profile).n_splits, self.embargo)


class _Table(NamedTuple):
    """Everything a fit needs, row by row."""

    X: Floats
    y: Floats
    spans: Floats  # (n, 2)
    wins: NDArray[np.bool_]  # of a trade on a prediction >= 0
    short_wins: NDArray[np.bool_]  # of a trade on a prediction < 0
    weight: Floats  # mean 1
    block: Rows
    control: Floats | None
    crowding: float  # how many labels say the same, >= 1

    def sample(self, rows: Rows) -> Sample:
        """The given rows in time order."""
        rows = rows[np.argsort(self.spans[rows, 0], kind="stable")]
        return Sample(self.X[rows], self.y[rows], self.weight[rows], self.spans[rows, 0], self.spans[rows, 1])


class _Work:
    """Counts fitted rows and reports the share that is done."""

    def __init__(self, rows: int, members: int, on_step: Step) -> None:
        self._total = float(rows * members)
        self._rows = 0
        self._on_step = on_step

    def done(self, stage: str, rows: int) -> None:
        self._rows += rows
        self._on_step(stage, self._rows / self._total)


def _table(
    X: Floats,
    y: Floats,
    label_start: ArrayLike | None,
    label_end: ArrayLike | None,
    wins: ArrayLike | None,
    short_wins: ArrayLike | None,
    label_weight: ArrayLike | None,
    control: ArrayLike | None,
) -> _Table:
    spans = _spans(len(y), label_start, label_end)
    won = y > 0 if wins is None else np.asarray(wins, np.bool_)
    short = won if short_wins is None else np.asarray(short_wins, np.bool_)
    weight = np.ones(len(y)) if label_weight is None else np.asarray(label_weight, np.float64)
    block = time_blocks(spans[:, 0], float(np.median(spans[:, 1] - spans[:, 0])))
    moved = None if control is None else np.asarray(control, np.float64)
    return _Table(
        X, np.asarray(y, np.float64), spans, won, short, weight / weight.mean(), block, moved, 1 / weight.mean()
    )


def _scores(
    found: OutOfFold, y: Floats, block: Rows, names: list[str], choice: StackChoice, calibration: CalibrationReport
) -> Scores:
    folds = [found.fold == k for k in range(int(found.fold.max()) + 1)]
    variance = float(((y - y.mean()) ** 2).sum())
    return Scores(
        ic=rank_correlation(found.prediction, y),
        ic_error=rank_correlation_error(found.prediction, y, block),
        r2=1 - float(((y - found.prediction) ** 2).sum()) / variance if variance > 0 else 0.0,
        auc=area_under_curve(found.prediction, y > 0),
        slope=clustered_slope(found.prediction, y, block),
        member_ic={name: rank_correlation(found.members[:, i], y) for i, name in enumerate(names)},
        fold_ic=tuple(rank_correlation(found.prediction[rows], y[rows]) for rows in folds),
        stack=choice.stack.kind,
        stack_ic=choice.rank_scores,
        calibration=calibration,
    )


def _spans(n: int, label_start: ArrayLike | None, label_end: ArrayLike | None) -> Floats:
    if label_start is None and _is_datetime(label_end):
        raise ValueError("label_end holds datetimes: give label_start too, or an X whose index holds datetimes")
    start = np.arange(n, dtype=np.float64) if label_start is None else _times(label_start)
    end = start if label_end is None else _times(label_end)
    if len(start) != n or len(end) != n:
        raise ValueError(f"label_start has {len(start)}, label_end {len(end)} values, X has {n} rows")
    return np.column_stack(label_spans(n, np.column_stack((start, end))))


def _is_datetime(values: Any) -> bool:
    return getattr(getattr(values, "dtype", None), "kind", "") == "M"


def _times(values: Any) -> Floats:
    """Datetimes as ms UTC, numbers as they are."""
    if not _is_datetime(values):
        return np.asarray(values, np.float64)
    stamps = values.to_numpy("datetime64[ms]") if hasattr(values, "to_numpy") else values.astype("datetime64[ms]")
    return np.asarray(stamps.astype(np.int64), np.float64)


def _silent(stage: str, fraction: float) -> None:
    pass
