"""One prediction from many members: ridge, shrunk non-negative weights, or the plain mean if neither ranks better."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trader.domain.candle_arrays import Floats
from trader.models.statistics import rank_correlation

StackKind = Literal["mean", "ridge", "non_negative"]
KINDS: tuple[StackKind, ...] = ("mean", "ridge", "non_negative")
SHRINK = 0.5  # share of the way from free non-negative weights to equal ones


class Stack(NamedTuple):
    """prediction = intercept + members @ weights."""

    kind: StackKind
    weights: Floats  # (n_members,)
    intercept: float

    def predict(self, members: Floats) -> Floats:
        """(n, n_members) -> (n,)."""
        return np.asarray(self.intercept + members @ self.weights, np.float64)


class StackChoice(NamedTuple):
    """The stack fitted on all folds, and what it would have predicted in each fold from the folds before it."""

    stack: Stack
    prediction: Floats  # (n,), nested: fold 0 by the plain mean
    rank_scores: dict[str, float]  # nested rank correlation per kind, folds after the first


def fit_stack(kind: StackKind, members: Floats, y: Floats, weight: Floats) -> Stack:
    """members (n, n_members) must be out of fold; weight (n,) how many labels each row counts as.

    Penalties weigh against labels, so rows that overlap must count less than 1. There is no intercept: the drift of
    one stretch of the market is not knowledge about the next.
    """
    count = members.shape[1]
    equal = np.full(count, 1 / count)
    if kind == "ridge":
        from sklearn.linear_model import Ridge

        ridge = Ridge(alpha=1.0, fit_intercept=False).fit(members, y, sample_weight=weight)
        return Stack(kind, np.asarray(ridge.coef_, np.float64), 0.0)
    if kind == "non_negative":
        return _non_negative(members, y, weight, equal)
    return Stack("mean", equal, 0.0)


def choose_stack(members: Floats, y: Floats, fold: NDArray[np.int64], weight: Floats) -> StackChoice:
    """The kind whose nested predictions rank best, of those that rank no worse than the plain mean in any fold.

    members (n, n_members) out of fold, fold (n,) the fold each row was tested in, 0..k-1 in time order. Measured on
    recorded markets: learned weights rank worse than equal ones about as often as better, so the mean is the rule
    and weights have to earn their place in every fold they were tested on.
    """
    nested = {kind: _nested(kind, members, y, fold, weight) for kind in KINDS}
    by_fold = {kind: _rank_scores(prediction, y, fold) for kind, prediction in nested.items()}
    means = {kind: float(scores.mean()) for kind, scores in by_fold.items()}
    best: StackKind = "mean"
    for kind in KINDS:
        if means[kind] > means[best] and (by_fold[kind] >= by_fold["mean"]).all():
            best = kind
    return StackChoice(fit_stack(best, members, y, weight), nested[best], {str(kind): means[kind] for kind in KINDS})


def _nested(kind: StackKind, members: Floats, y: Floats, fold: NDArray[np.int64], weight: Floats) -> Floats:
    prediction: Floats = members.mean(axis=1)
    if kind == "mean":
        return prediction
    for k in range(1, int(fold.max()) + 1):
        before, here = fold < k, fold == k
        prediction[here] = fit_stack(kind, members[before], y[before], weight[before]).predict(members[here])
    return prediction


def _rank_scores(prediction: Floats, y: Floats, fold: NDArray[np.int64]) -> Floats:
    """Rank correlation in each fold that had folds before it; in fold 0 if it is the only one."""
    later = [fold == k for k in range(1, int(fold.max()) + 1)] or [fold == 0]
    return np.array([rank_correlation(prediction[rows], y[rows]) for rows in later])


def _non_negative(members: Floats, y: Floats, weight: Floats, equal: Floats) -> Stack:
    """Minimise |y - members w|^2 + penalty |w - s equal|^2 with w >= 0; s is the slope of y on the plain mean.

    The penalty equals the members' own mean information, so free and equal weights count the same (SHRINK).
    """
    from sklearn.linear_model import LinearRegression

    root = np.sqrt(weight)
    inputs, outputs = members * root[:, np.newaxis], y * root
    mean = inputs @ equal
    slope = max(0.0, float(mean @ outputs) / max(float(mean @ mean), 1e-12))
    penalty = SHRINK / (1 - SHRINK) * float(np.mean((inputs**2).sum(axis=0)))
    count = members.shape[1]
    _, triangle = np.linalg.qr(np.column_stack((inputs, outputs)))
    rows = np.vstack((triangle[:, :count], np.sqrt(penalty) * np.eye(count)))
    values = np.concatenate((triangle[:, count], np.sqrt(penalty) * slope * equal))
    free = LinearRegression(positive=True, fit_intercept=False).fit(rows, values)
    return Stack("non_negative", np.asarray(free.coef_, np.float64), 0.0)
