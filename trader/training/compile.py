"""From fitted libraries to the flat arrays that trade."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from trader.domain.candle_arrays import Floats
from trader.models.arrays import EnsembleArrays, validate
from trader.models.reference import Reference
from trader.training.calibration import PROBABILITY_HIGH, PROBABILITY_LOW
from trader.training.ensemble import StackedEnsemble
from trader.training.flatten import FlatMember, flatten
from trader.training.members import SCALED_INPUT_LIMIT, ScaledMLP


def to_arrays(ensemble: StackedEnsemble, reference: Reference) -> EnsembleArrays:
    """The fitted `ensemble` as flat arrays that predict the same (within 1e-6), with what it was trained on.

    Raises TypeError for a member whose inner structure is not known, ValueError for a second perceptron.
    """
    models = list(ensemble.members_.values())
    perceptrons = [i for i, model in enumerate(models) if isinstance(model, ScaledMLP)]
    if len(perceptrons) > 1:
        raise ValueError(f"{len(perceptrons)} perceptrons; the compiled ensemble takes one")
    n_features = int(ensemble.n_features_in_)
    flat = [FlatMember([]) if isinstance(model, ScaledMLP) else flatten(model, n_features) for model in models]
    mlp = models[perceptrons[0]] if perceptrons else None
    calibrator = ensemble.calibrator_
    arrays = EnsembleArrays(
        **_forest(flat),
        **_perceptron(mlp),
        member_scale=np.array([member.scale for member in flat]),
        member_offset=np.array([member.offset for member in flat]),
        member_single=np.array([member.is_single for member in flat], np.int32),
        weights=ensemble.stack_.weights.astype(np.float64),
        knots=calibrator.knots,
        levels=calibrator.levels,
        mlp_member=perceptrons[0] if perceptrons else -1,
        mlp_limit=SCALED_INPUT_LIMIT,
        intercept=float(ensemble.stack_.intercept),
        calibration=calibrator.kind,
        two_sided=ensemble.two_sided_,
        probability_low=PROBABILITY_LOW,
        probability_high=PROBABILITY_HIGH,
        drift_edges=reference.edges.ravel(),
        drift_shares=reference.shares.ravel(),
        drift_limits=reference.limits,
        drift_window_ms=reference.window_ms,
    )
    validate(arrays, n_features)
    return arrays


def _forest(flat: Sequence[FlatMember]) -> dict[str, Any]:
    trees = [(member, tree) for member, part in enumerate(flat) for tree in part.trees]
    roots = np.cumsum([0] + [len(tree.left) for _, tree in trees])
    lefts = [np.where(tree.left > 0, tree.left + root, 0) for (_, tree), root in zip(trees, roots, strict=False)]
    none: list[Floats] = [np.zeros(0)]
    return {
        "feature": np.concatenate([tree.feature for _, tree in trees] or none).astype(np.int32),
        "threshold": np.concatenate([tree.threshold for _, tree in trees] or none).astype(np.float64),
        "left": np.concatenate(lefts or none).astype(np.int32),
        "roots": roots[:-1].astype(np.int32),
        "tree_member": np.array([member for member, _ in trees], np.int32),
    }


def _perceptron(model: ScaledMLP | None) -> dict[str, Any]:
    if model is None:
        none = np.zeros(0)
        return {"mlp_mean": none, "mlp_scale": none, "mlp_sizes": np.zeros(0, np.int32), "mlp_weights": none}
    layers = list(zip(model.mlp_.coefs_, model.mlp_.intercepts_, strict=True))
    sizes = [layers[0][0].shape[0], *(len(bias) for _, bias in layers)]
    return {
        "mlp_mean": model.scaler_.mean_.astype(np.float64),
        "mlp_scale": model.scaler_.scale_.astype(np.float64),
        "mlp_sizes": np.array(sizes, np.int32),
        "mlp_weights": np.concatenate([part.ravel() for layer in layers for part in layer]).astype(np.float64),
    }
