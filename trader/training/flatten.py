"""Every library's trees as flat arrays with one meaning: x[feature] <= threshold goes left.

Feature numbers of members that compare in float32 are shifted by n_features (see `models.kernels.walk_forest`).
"""

import json
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trader.domain.candle_arrays import Floats

Ints = NDArray[np.int64]


class Tree(NamedTuple):
    """One tree in level order: the children of a node lie side by side. left 0 = leaf, its value in threshold."""

    feature: Ints
    threshold: Floats
    left: Ints


class FlatMember(NamedTuple):
    """A member's value is offset + scale * (sum of its trees' leaves); `is_single`: added up in float32."""

    trees: list[Tree]
    scale: float = 1.0
    offset: float = 0.0
    is_single: bool = False


def flatten(model: Any, n_features: int) -> FlatMember:
    """The trees of a fitted regressor of xgboost, lightgbm, catboost or scikit-learn.

    Raises TypeError for any other model.
    """
    name = type(model).__name__
    makers = {
        "XGBRegressor": _xgboost,
        "LGBMRegressor": _lightgbm,
        "CatBoostRegressor": _catboost,
        "RandomForestRegressor": _random_forest,
        "GradientBoostingRegressor": _gradient_boosting,
        "HistGradientBoostingRegressor": _hist_boosting,
    }
    if name not in makers:
        raise TypeError(f"{name} has no trees that are known here; known are {', '.join(makers)}")
    return makers[name](model, n_features)


def level_order(feature: Ints, threshold: Floats, left: Ints, right: Ints, value: Floats) -> Tree:
    """Renumber a tree (children by index, left < 0 = leaf, root 0) so that siblings are neighbours."""
    levels = [np.zeros(1, np.int64)]
    while True:
        inner = levels[-1][left[levels[-1]] >= 0]
        if len(inner) == 0:
            break
        levels.append(np.stack((left[inner], right[inner]), axis=1).ravel())
    order = np.concatenate(levels)
    is_inner = left[order] >= 0
    children = np.zeros(len(order), np.int64)
    children[is_inner] = 1 + 2 * np.arange(int(is_inner.sum()))
    return Tree(np.where(is_inner, feature[order], 0), np.where(is_inner, threshold[order], value[order]), children)


def _xgboost(model: Any, n_features: int) -> FlatMember:
    """x < t in float32, so x <= the float32 just below t. Leaf values stand in split_conditions."""
    learner = json.loads(bytes(model.get_booster().save_raw("json")))["learner"]
    trees = []
    for tree in learner["gradient_booster"]["model"]["trees"]:
        condition = np.array(tree["split_conditions"], np.float32)
        below = np.nextafter(condition, np.float32(-np.inf)).astype(np.float64)
        left = np.array(tree["left_children"], np.int64)
        right = np.array(tree["right_children"], np.int64)
        feature = np.array(tree["split_indices"], np.int64) + n_features
        trees.append(level_order(feature, below, left, right, condition.astype(np.float64)))
    base = learner["learner_model_param"]["base_score"].strip("[]")
    return FlatMember(trees, offset=float(np.float32(base)), is_single=True)


def _lightgbm(model: Any, _n_features: int) -> FlatMember:
    """x <= t in float64. Inner nodes and leaves are numbered apart; a negative child is leaf ~child."""
    trees = []
    for block in model.booster_.model_to_string().split("\nTree=")[1:]:
        lines = dict(line.split("=", 1) for line in block.split("\n\n")[0].splitlines()[1:] if "=" in line)
        leaves = _numbers(lines["leaf_value"])
        inner = int(lines["num_leaves"]) - 1
        if inner == 0:
            trees.append(Tree(np.zeros(1, np.int64), leaves[:1], np.zeros(1, np.int64)))
            continue
        children = [_numbers(lines[side]).astype(np.int64) for side in ("left_child", "right_child")]
        left, right = (np.where(child < 0, inner + ~child, child) for child in children)
        none = np.full(inner + 1, -1)
        feature = np.concatenate((_numbers(lines["split_feature"]).astype(np.int64), none))
        threshold = np.concatenate((_numbers(lines["threshold"]), np.zeros(inner + 1)))
        value = np.concatenate((np.zeros(inner), leaves))
        trees.append(level_order(feature, threshold, np.append(left, none), np.append(right, none), value))
    return FlatMember(trees)


def _numbers(text: str) -> Floats:
    return np.array([float(word) for word in text.split()])


def _catboost(model: Any, n_features: int) -> FlatMember:
    """Oblivious trees: split d gives bit d of the leaf's number, set when the float32 x > border."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json")
        stored = json.loads(path.read_text())
    flat = {item["feature_index"]: item["flat_feature_index"] for item in stored["features_info"]["float_features"]}
    scale, (bias,) = stored["scale_and_bias"]
    return FlatMember(
        [_oblivious(tree, flat, n_features) for tree in stored["oblivious_trees"]], float(scale), float(bias)
    )


def _oblivious(tree: dict[str, Any], flat: dict[int, int], n_features: int) -> Tree:
    splits = tree["splits"] or []
    depth = len(splits)
    feature = [np.full(2**d, flat[split["float_feature_index"]] + n_features) for d, split in enumerate(splits)]
    border = [np.full(2**d, float(np.float32(split["border"]))) for d, split in enumerate(splits)]
    places = np.arange(2**depth)
    leaf = np.zeros(2**depth, np.int64)
    for d in range(depth):
        leaf |= ((places >> (depth - 1 - d)) & 1) << d
    inner = np.arange(2**depth - 1)
    return Tree(
        np.concatenate([*feature, np.zeros(2**depth, np.int64)]),
        np.concatenate([*border, np.array(tree["leaf_values"], np.float64)[leaf]]),
        np.concatenate([1 + 2 * inner, np.zeros(2**depth, np.int64)]),
    )


def _sklearn_tree(tree: Any, n_features: int) -> Tree:
    """The float32 x <= a float64 threshold."""
    return level_order(
        tree.feature.astype(np.int64) + n_features,
        tree.threshold.astype(np.float64),
        tree.children_left.astype(np.int64),
        tree.children_right.astype(np.int64),
        tree.value[:, 0, 0].astype(np.float64),
    )


def _random_forest(model: Any, n_features: int) -> FlatMember:
    trees = [_sklearn_tree(estimator.tree_, n_features) for estimator in model.estimators_]
    return FlatMember(trees, scale=1 / len(trees))


def _gradient_boosting(model: Any, n_features: int) -> FlatMember:
    trees = [_sklearn_tree(estimator.tree_, n_features) for estimator in model.estimators_[:, 0]]
    return FlatMember(trees, float(model.learning_rate), float(np.ravel(model.init_.constant_)[0]))


def _hist_boosting(model: Any, _n_features: int) -> FlatMember:
    """x <= t in float64; the baseline is kept apart."""
    trees = []
    for (predictor,) in model._predictors:  # noqa: SLF001 - scikit-learn shows them nowhere else
        nodes = predictor.nodes
        left = np.where(nodes["is_leaf"], -1, nodes["left"].astype(np.int64))
        trees.append(
            level_order(
                nodes["feature_idx"].astype(np.int64),
                nodes["num_threshold"].astype(np.float64),
                left,
                nodes["right"].astype(np.int64),
                nodes["value"].astype(np.float64),
            )
        )
    baseline = model._baseline_prediction  # noqa: SLF001 - as above
    return FlatMember(trees, 1.0, float(np.ravel(baseline)[0]))
