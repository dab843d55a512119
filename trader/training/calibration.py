"""From a score to the probability that the trade wins, and whether that knows more than the base rate."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trader.domain.candle_arrays import Floats
from trader.models.card import CalibrationReport
from trader.models.kernels import ISOTONIC, LOGISTIC, NO_CALIBRATION, calibrate
from trader.models.statistics import clustered_slope

PROBABILITY_LOW, PROBABILITY_HIGH = 0.05, 0.95
SKILL_T = 2.0
NAMES = {NO_CALIBRATION: "none", LOGISTIC: "logistic", ISOTONIC: "isotonic"}


class Calibrator(NamedTuple):
    """Parameters as `models.kernels.calibrate` reads them."""

    kind: int
    knots: Floats
    levels: Floats

    def predict(self, score: Floats) -> Floats:
        """(n,) score -> (n,) probability, clipped to PROBABILITY_LOW..PROBABILITY_HIGH."""
        out = np.empty(len(score))
        calibrate(
            self.kind, np.ascontiguousarray(score), self.knots, self.levels, PROBABILITY_LOW, PROBABILITY_HIGH, out
        )
        return out


def fit_calibrator(kind: int, score: Floats, wins: NDArray[np.bool_], weight: Floats) -> Calibrator:
    """Never falling: a score that ranks backwards gives the base rate, not a mirrored probability.

    weight (n,): how many labels each row counts as; the logistic slope is shrunk by a unit normal prior on the
    standardised score, which a few dozen labels cannot overrule.
    """
    base = float(np.average(wins, weights=weight))
    constant = Calibrator(NO_CALIBRATION, np.zeros(0), np.array([base]))
    if kind == NO_CALIBRATION or wins.all() or not wins.any() or np.ptp(score) == 0:
        return constant
    if kind == LOGISTIC:
        from sklearn.linear_model import LogisticRegression

        scale = float(np.std(score))
        model = LogisticRegression(C=1.0).fit((score / scale)[:, np.newaxis], wins, sample_weight=weight)
        slope = float(model.coef_[0, 0]) / scale
        return (
            Calibrator(LOGISTIC, np.zeros(0), np.array([float(model.intercept_[0]), slope])) if slope > 0 else constant
        )
    from sklearn.isotonic import IsotonicRegression

    isotonic = IsotonicRegression(y_min=0, y_max=1).fit(score, wins.astype(np.float64), sample_weight=weight)
    knots = np.asarray(isotonic.X_thresholds_, np.float64)
    return Calibrator(ISOTONIC, knots, np.asarray(isotonic.y_thresholds_, np.float64)) if len(knots) > 1 else constant


def choose_calibrator(
    score: Floats,
    wins: NDArray[np.bool_],
    fold: NDArray[np.int64],
    block: NDArray[np.int64],
    weight: Floats,
    control: Floats | None = None,
) -> tuple[Calibrator, CalibrationReport]:
    """Logistic or isotonic, whichever had the lower Brier score when fitted on earlier folds only.

    score, wins, fold, block, weight: (n,) out of fold. `no_edge` unless the outcome rises with the score at
    t >= SKILL_T over blocks and the Brier score beats the base rate's. control: (n,) what moves the base rate
    without any skill (cost against volatility: a wide market wins more often after costs); the rise is then
    measured among rows where it is alike.
    """
    later = fold > 0 if (fold > 0).any() else fold >= 0
    trials = {kind: _nested(kind, score, wins, fold, weight) for kind in (LOGISTIC, ISOTONIC, NO_CALIBRATION)}
    briers = {kind: float(np.mean((trial[later] - wins[later]) ** 2)) for kind, trial in trials.items()}
    kind = ISOTONIC if briers[ISOTONIC] < briers[LOGISTIC] else LOGISTIC
    base = briers[NO_CALIBRATION]
    skill = 1 - briers[kind] / base if base > 0 else 0.0
    outcome, known = wins[later].astype(np.float64), score[later]
    if control is not None:
        outcome, known = _among_alike(outcome, control[later]), _among_alike(known, control[later])
    t = clustered_slope(known, outcome, block[later]).t
    bins = reliability(trials[kind][later], wins[later])
    report = CalibrationReport(
        kind=NAMES[kind],
        ece=calibration_error(bins),
        brier=briers[kind],
        brier_base=base,
        skill=skill,
        skill_t=t,
        no_edge=not (skill > 0 and t >= SKILL_T),
        bins=bins,
    )
    return fit_calibrator(kind, score, wins, weight), report


def _among_alike(values: Floats, control: Floats) -> Floats:
    """`values` less their mean over rows of the same twentieth of `control`."""
    edges = np.quantile(control, np.linspace(0, 1, 21)[1:-1])
    group = np.searchsorted(edges, control)
    counts = np.maximum(np.bincount(group, minlength=20), 1)
    return np.asarray(values - (np.bincount(group, weights=values, minlength=20) / counts)[group], np.float64)


def reliability(probability: Floats, wins: NDArray[np.bool_]) -> tuple[tuple[float, float, int], ...]:
    """Ten bins of equal count: (mean probability, share of wins, count)."""
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, 10) if len(part)]
    return tuple((float(probability[part].mean()), float(wins[part].mean()), len(part)) for part in parts)


def calibration_error(bins: tuple[tuple[float, float, int], ...]) -> float:
    """Mean over observations of |probability - share of wins| of their bin (ECE)."""
    total = sum(count for _, _, count in bins)
    return sum(abs(probability - share) * count for probability, share, count in bins) / max(total, 1)


def _nested(kind: int, score: Floats, wins: NDArray[np.bool_], fold: NDArray[np.int64], weight: Floats) -> Floats:
    """Each fold's probabilities from a calibrator fitted on the folds before; fold 0 by its own base rate."""
    result = np.full(len(score), float(np.average(wins[fold == 0], weights=weight[fold == 0])))
    for k in range(1, int(fold.max()) + 1):
        before, here = fold < k, fold == k
        result[here] = fit_calibrator(kind, score[before], wins[before], weight[before]).predict(score[here])
    return result
