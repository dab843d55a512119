"""The numbers of a trained ensemble as flat arrays, and the proof that compiled code may walk them."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from trader.domain.candle_arrays import Floats
from trader.domain.errors import Misconfigured
from trader.models.kernels import ISOTONIC, LOGISTIC, NO_CALIBRATION
from trader.models.reference import BINS, Reference

Ints = NDArray[np.int32]

DTYPES = {
    "feature": np.int32,
    "threshold": np.float64,
    "left": np.int32,
    "roots": np.int32,
    "tree_member": np.int32,
    "member_scale": np.float64,
    "member_offset": np.float64,
    "member_single": np.int32,
    "mlp_mean": np.float64,
    "mlp_scale": np.float64,
    "mlp_sizes": np.int32,
    "mlp_weights": np.float64,
    "weights": np.float64,
    "knots": np.float64,
    "levels": np.float64,
    "drift_edges": np.float64,
    "drift_shares": np.float64,
    "drift_limits": np.float64,
}


class EnsembleArrays(msgspec.Struct, frozen=True):
    """All members, the stack and the calibrator. M members, N nodes, T trees, F features.

    Forest: see `kernels.walk_forest`; a member's value is member_offset + member_scale * (sum of its leaves).
    """

    feature: Ints  # (N,) 0..F-1 compare in float64, F..2F-1 in float32
    threshold: Floats  # (N,) or the leaf's value
    left: Ints  # (N,) left child, the right one follows it; 0 = leaf
    roots: Ints  # (T,) ascending
    tree_member: Ints  # (T,)
    member_scale: Floats  # (M,)
    member_offset: Floats  # (M,)
    member_single: Ints  # (M,) 1 = add up in float32 starting from the offset, as xgboost does; scale is then 1
    mlp_mean: Floats  # (F,) or (0,) without a perceptron
    mlp_scale: Floats
    mlp_sizes: Ints  # layer widths, input to output
    mlp_weights: Floats
    weights: Floats  # (M,) of the stack
    knots: Floats  # isotonic scores, ascending
    levels: Floats  # see `kernels.calibrate`
    drift_edges: Floats  # `Reference` row by row: (F + 1) * (BINS - 1)
    drift_shares: Floats  # (F + 1) * BINS
    drift_limits: Floats  # (F + 1,)
    mlp_member: int  # its column, -1 = none
    mlp_limit: float  # standardised inputs are clipped to +-this
    intercept: float
    calibration: int  # NO_CALIBRATION, LOGISTIC or ISOTONIC
    two_sided: bool  # the probability is of a trade in the prediction's direction; else always of a long one
    probability_low: float
    probability_high: float
    drift_window_ms: int

    @property
    def reference(self) -> Reference:
        """What the inputs and predictions looked like in training."""
        columns = len(self.drift_limits)
        edges, shares = self.drift_edges.reshape(columns, BINS - 1), self.drift_shares.reshape(columns, BINS)
        return Reference(edges, shares, self.drift_limits, self.drift_window_ms)


def validate(arrays: EnsembleArrays, n_features: int) -> None:
    """Raise `Misconfigured` unless every index is in range, every walk ends and every number is finite."""
    for name, dtype in DTYPES.items():
        value = getattr(arrays, name)
        _require(value.ndim == 1 and value.dtype == dtype, f"{name} is not a flat array of {np.dtype(dtype).name}")
        _require(bool(np.isfinite(value).all()), f"{name} holds a number that is not finite")
    _validate_forest(arrays, n_features)
    _validate_mlp(arrays, n_features)
    _validate_stack(arrays)
    _validate_reference(arrays, n_features + 1)


def _validate_forest(arrays: EnsembleArrays, n_features: int) -> None:
    nodes, members = len(arrays.left), len(arrays.weights)
    _require(len(arrays.feature) == nodes == len(arrays.threshold), "node columns differ in length")
    _require(len(arrays.tree_member) == len(arrays.roots), "every tree needs a member")
    if nodes == 0:
        _require(len(arrays.roots) == 0, "trees without nodes")
        return
    roots = arrays.roots.astype(np.int64)
    _require(len(roots) > 0 and roots[0] == 0, "the first tree must start at node 0")
    _require(bool((np.diff(roots) > 0).all()) and roots[-1] < nodes, "tree roots are out of order or range")
    ends = np.append(roots[1:], nodes)
    end_of_node = np.repeat(ends, ends - roots)
    inner = arrays.left != 0
    places = np.arange(nodes)
    children = arrays.left.astype(np.int64)
    fits = (children > places) & (children + 1 < end_of_node)
    _require(bool(fits[inner].all()), "a child does not lie behind its parent inside its tree")
    used = arrays.feature[inner]
    _require(bool(((used >= 0) & (used < 2 * n_features)).all()), f"a node asks for a feature beyond {n_features}")
    _require(bool(((arrays.tree_member >= 0) & (arrays.tree_member < members)).all()), "a tree has no such member")


def _validate_mlp(arrays: EnsembleArrays, n_features: int) -> None:
    if arrays.mlp_member < 0:
        return
    sizes = arrays.mlp_sizes.astype(np.int64)
    _require(arrays.mlp_member < len(arrays.weights), "the perceptron has no such member")
    _require(len(sizes) >= 2 and bool((sizes > 0).all()), "the perceptron has no layers")
    _require(sizes[0] == n_features and sizes[-1] == 1, f"the perceptron maps {sizes[0]} inputs to {sizes[-1]} outputs")
    _require(len(arrays.mlp_mean) == len(arrays.mlp_scale) == n_features, "the perceptron's scaling has another width")
    _require(bool((arrays.mlp_scale > 0).all()) and arrays.mlp_limit > 0, "the perceptron's scaling is not above 0")
    expected = int((sizes[:-1] * sizes[1:] + sizes[1:]).sum())
    _require(len(arrays.mlp_weights) == expected, f"the perceptron has {len(arrays.mlp_weights)} of {expected} weights")


def _validate_stack(arrays: EnsembleArrays) -> None:
    members = len(arrays.weights)
    _require(members > 0, "there are no members")
    lengths = {len(arrays.member_scale), len(arrays.member_offset), len(arrays.member_single), members}
    _require(len(lengths) == 1, "member columns differ in length")
    _require(bool(np.isin(arrays.member_single, (0, 1)).all()), "member_single is neither 0 nor 1")
    single = (arrays.intercept, arrays.mlp_limit, arrays.probability_low, arrays.probability_high)
    _require(bool(np.isfinite(single).all()), "a constant is not finite")
    _require(0 <= arrays.probability_low < arrays.probability_high <= 1, "the probability bounds are not within 0..1")
    kind = arrays.calibration
    _require(kind in (NO_CALIBRATION, LOGISTIC, ISOTONIC), f"calibration {kind} is unknown")
    _require(len(arrays.levels) >= (2 if kind == LOGISTIC else 1), "the calibrator has too few levels")
    if kind == ISOTONIC:
        _require(len(arrays.knots) == len(arrays.levels), "the calibrator's knots and levels differ in length")
        _require(bool((np.diff(arrays.knots) > 0).all()), "the calibrator's knots do not ascend")


def _validate_reference(arrays: EnsembleArrays, columns: int) -> None:
    lengths = (len(arrays.drift_edges), len(arrays.drift_shares), len(arrays.drift_limits))
    _require(lengths == (columns * (BINS - 1), columns * BINS, columns), "the drift reference has another width")
    _require(bool((np.diff(arrays.reference.edges, axis=1) >= 0).all()), "the drift reference's edges do not ascend")
    _require(bool((arrays.drift_limits > 0).all()) and arrays.drift_window_ms > 0, "a drift limit is not above 0")


def _require(condition: bool, complaint: str) -> None:
    if not condition:
        raise Misconfigured(f"model arrays are damaged: {complaint}")
