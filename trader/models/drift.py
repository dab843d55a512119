"""Watching a model in use: have its inputs, its predictions or its honesty moved away from training?"""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from trader.domain.candle_arrays import Floats
from trader.domain.reasons import Code, Reason, because
from trader.models.reference import BINS, Reference, bin_numbers, bin_shares, quantile_edges, stability_index
from trader.models.statistics import clustered_mean_t, normal_equivalent, time_blocks

Bins = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]

FULL_SHARE = 0.95  # of the window that must have been watched before its rows are judged


class DriftRules(msgspec.Struct, frozen=True):
    """When to act. Shares are of all features; `calibration_t` is the t of won - said (negative = fewer wins), brought
    to the scale of the normal distribution.
    """

    fewest_rows: int = 200
    shrink_feature_share: float = 0.20
    retrain_feature_share: float = 0.30
    fewest_outcomes: int = 100
    fewest_blocks: int = 10  # independent stretches of time (days, or four horizons) they must be spread over
    shrink_calibration_t: float = -2.0
    observe_calibration_t: float = -3.0


class DriftReport(msgspec.Struct, frozen=True):
    """The state of things. `action`: "none", "shrink" (half size), "retrain" (and shrink), "observe" (roll back)."""

    rows: int
    feature_share: float  # of features beyond their limit
    worst: tuple[tuple[str, float, float], ...]  # (feature, index, limit), furthest beyond first
    prediction_index: float
    prediction_limit: float
    outcomes: int
    calibration_gap: float  # mean of won - said
    calibration_t: float
    action: str
    reasons: tuple[Reason, ...]


class SeenRow(NamedTuple):
    """A scored row as drift remembers it. `bins`: a byte per feature."""

    ts_ms: int
    bins: bytes
    prediction: float


class DriftMonitor:
    """Counts into which bins the rows of one window fell, and remembers resolved win probabilities. One writer."""

    def __init__(self, reference: Reference, names: Sequence[str], rules: DriftRules | None = None) -> None:
        self._reference = reference
        self._names = tuple(names)
        self._rules = rules or DriftRules()
        self._columns = np.arange(len(self._names))
        self._counts = np.zeros((len(self._names), BINS))
        self._rows: deque[tuple[int, Bins, float]] = deque()
        self._usual: Floats | None = None  # predictions of the first full window in use, ascending
        self._first_ms: int | None = None
        self._outcomes: deque[tuple[int, int, float]] = deque(maxlen=20_000)

    def saw(self, ts_ms: int, row: ArrayLike, prediction: float) -> SeenRow:
        """A row (n_features,) was scored; prediction in units of the label. Rows must come in time order."""
        values = np.asarray(row, np.float64)
        bins = (self._reference.edges[:-1] < values[:, np.newaxis]).sum(axis=1).astype(np.uint8)
        seen = SeenRow(ts_ms, bins.tobytes(), prediction)
        self.remember(seen)
        return seen

    def remember(self, seen: SeenRow) -> None:
        """A row that was seen, now or before a restart; rows of other features are left out."""
        ts_ms, bins = seen.ts_ms, np.frombuffer(seen.bins, np.uint8)
        if len(bins) != len(self._columns):
            return
        self._rows.append((ts_ms, bins, seen.prediction))
        self._counts[self._columns, bins] += 1
        self._first_ms = ts_ms if self._first_ms is None else self._first_ms
        if self._usual is None and self.watched_share >= FULL_SHARE:
            self._usual = np.sort([said for _, _, said in self._rows])
        while self._rows[0][0] <= ts_ms - self._reference.window_ms:
            self._counts[self._columns, self._rows.popleft()[1]] -= 1

    def resolved(self, start_ms: int, end_ms: int, win_probability: float, *, won: bool) -> None:
        """A forecast made at start_ms has come to its end."""
        self._outcomes.append((start_ms, end_ms, float(won) - win_probability))

    @property
    def watched_share(self) -> float:
        """How much of a window has been watched, 0..1: a shorter stretch always looks strange."""
        if self._first_ms is None or not self._rows:
            return 0.0
        return min(1.0, (self._rows[-1][0] - self._first_ms) / self._reference.window_ms)

    def report(self) -> DriftReport:
        """What to do now. With too few rows or outcomes that part says nothing."""
        limits = self._reference.limits
        index = np.zeros(len(limits))
        if len(self._rows) >= self._rules.fewest_rows and self.watched_share >= FULL_SHARE:
            index[:-1] = stability_index(self._counts / len(self._rows), self._reference.shares[:-1])
            index[-1] = self._prediction_index()
        beyond = index > limits
        share = float(beyond[:-1].mean())
        gap, t = self._calibration()
        action, reasons = self._decide(share, bool(beyond[-1]), float(index[-1]), t)
        order = np.argsort(-(index / limits)[:-1], kind="stable")[:5]
        return DriftReport(
            rows=len(self._rows),
            feature_share=share,
            worst=tuple((self._names[i], float(index[i]), float(limits[i])) for i in order.tolist()),
            prediction_index=float(index[-1]),
            prediction_limit=float(limits[-1]),
            outcomes=len(self._outcomes),
            calibration_gap=gap,
            calibration_t=t,
            action=action,
            reasons=reasons,
        )

    def _prediction_index(self) -> float:
        """Of the window against the first one in use: out-of-fold predictions of training come from smaller fits,
        whose spread says nothing about this model's. The limit is how far those strayed all the same.
        """
        if self._usual is None or len(self._usual) < self._rules.fewest_rows:
            return 0.0
        now = np.array([said for _, _, said in self._rows])
        columns = np.concatenate((self._usual, now))[:, np.newaxis]
        numbers = bin_numbers(columns, quantile_edges(self._usual[:, np.newaxis]))
        before, after = bin_shares(numbers[: len(self._usual)]), bin_shares(numbers[len(self._usual) :])
        return float(stability_index(after, before)[0])

    def _calibration(self) -> tuple[float, float]:
        if len(self._outcomes) < self._rules.fewest_outcomes:
            return 0.0, 0.0
        start, end, gap = (np.array(column) for column in zip(*self._outcomes, strict=True))
        block = time_blocks(start, float(np.median(end - start)))
        blocks = len(np.unique(block))
        if blocks < self._rules.fewest_blocks:
            return float(gap.mean()), 0.0
        return float(gap.mean()), normal_equivalent(clustered_mean_t(gap, block), blocks - 1)

    def _decide(self, share: float, prediction_moved: bool, index: float, t: float) -> tuple[str, tuple[Reason, ...]]:
        rules = self._rules
        checks = (
            ("observe", t <= rules.observe_calibration_t, _calibration(t, rules.observe_calibration_t)),
            ("retrain", share > rules.retrain_feature_share, _features(share, rules.retrain_feature_share)),
            (
                "retrain",
                prediction_moved,
                because(Code.PREDICTION_DRIFT, index=index, most=float(self._reference.limits[-1])),
            ),
            ("shrink", share > rules.shrink_feature_share, _features(share, rules.shrink_feature_share)),
            ("shrink", t <= rules.shrink_calibration_t, _calibration(t, rules.shrink_calibration_t)),
        )
        found = [(action, reason) for action, applies, reason in checks if applies]
        said: dict[Code, Reason] = {}
        for _, reason in found:  # of one quantity only the severest
            said.setdefault(reason.code, reason)
        return (found[0][0] if found else "none"), tuple(said.values())


def _calibration(t: float, least: float) -> Reason:
    return because(Code.CALIBRATION_DRIFT, t=t, least=least)


def _features(share: float, most: float) -> Reason:
    return because(Code.FEATURE_DRIFT, share=share, most=most)
