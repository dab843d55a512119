"""How much training: the parameters of every member, per profile."""

from typing import Any, Literal

import msgspec


class Member(msgspec.Struct, frozen=True):
    """One base learner: the library's class by a short name, and its parameters.

    `counts` names the parameters that count labels (smallest leaf, penalties). Labels that overlap in time, or are of
    symbols that move together, say the same thing several times: these are multiplied by how many do. With
    `patience` the rounds given are the most; the newest rows tell how many are best (see `learn.best_rounds`).
    """

    kind: Literal["xgboost", "lightgbm", "catboost", "random_forest", "gradient_boosting", "hist_boosting", "mlp"]
    parameters: dict[str, Any]
    counts: tuple[str, ...] = ()
    patience: int = 0


class Profile(msgspec.Struct, frozen=True):
    """`members` by the name they are shown under; `largest_rows` 0 = all rows; `compared`: how many were tried."""

    members: dict[str, Member]
    n_splits: int
    largest_rows: int = 0
    compared: int = 1


EXACT = Profile(
    n_splits=5,
    members={
        "xgboost": Member(
            "xgboost",
            {"n_estimators": 200, "max_depth": 6, "learning_rate": 0.05, "subsample": 0.8, "colsample_bytree": 0.8},
        ),
        "lightgbm": Member("lightgbm", {"n_estimators": 200, "max_depth": 6, "learning_rate": 0.05, "num_leaves": 31}),
        "catboost": Member("catboost", {"iterations": 200, "depth": 6, "learning_rate": 0.05}),
        "random_forest": Member("random_forest", {"n_estimators": 100, "max_depth": 10, "min_samples_split": 10}),
        "gradient_boosting": Member("gradient_boosting", {"n_estimators": 100, "max_depth": 5, "learning_rate": 0.1}),
        "mlp": Member(
            "mlp", {"hidden_layer_sizes": (100, 50, 25), "activation": "relu", "alpha": 0.001, "max_iter": 500}
        ),
    },
)

FAST = Profile(
    n_splits=5,
    largest_rows=50_000,
    members={
        "xgboost": Member(
            "xgboost",
            {
                "n_estimators": 300,
                "max_depth": 5,
                "learning_rate": 0.04,
                "subsample": 0.5,
                "colsample_bytree": 0.4,
                "min_child_weight": 30,
                "reg_lambda": 10.0,
            },
            counts=("min_child_weight", "reg_lambda"),
            patience=25,
        ),
        "lightgbm": Member(
            "lightgbm",
            {
                "n_estimators": 300,
                "max_depth": 6,
                "learning_rate": 0.04,
                "num_leaves": 31,
                "subsample": 0.5,
                "subsample_freq": 1,
                "colsample_bytree": 0.4,
                "min_child_samples": 30,
                "reg_lambda": 10.0,
            },
            counts=("min_child_samples", "reg_lambda"),
            patience=25,
        ),
        "catboost": Member(
            "catboost",
            {"iterations": 300, "depth": 5, "learning_rate": 0.05, "l2_leaf_reg": 10.0, "rsm": 0.4, "border_count": 64},
            counts=("l2_leaf_reg",),
            patience=25,
        ),
        "random_forest": Member(
            "random_forest",
            {
                "n_estimators": 100,
                "max_depth": 10,
                "min_samples_split": 10,
                "min_samples_leaf": 30,
                "max_features": 0.1,
                "max_samples": 0.3,
            },
            counts=("min_samples_leaf",),
        ),
        "gradient_boosting": Member(
            "hist_boosting",
            {
                "max_iter": 200,
                "max_depth": 5,
                "learning_rate": 0.05,
                "max_features": 0.4,
                "min_samples_leaf": 30,
                "l2_regularization": 10.0,
                "max_bins": 63,
            },
            counts=("min_samples_leaf", "l2_regularization"),
            patience=25,
        ),
        "mlp": Member(
            "mlp",
            {
                "hidden_layer_sizes": (100, 50, 25),
                "activation": "relu",
                "alpha": 0.1,
                "max_iter": 12,
                "batch_size": 256,
            },
            counts=("alpha",),
            patience=3,
        ),
    },
)

QUICK = Profile(
    n_splits=3,
    largest_rows=4_000,
    members={
        "xgboost": Member(
            "xgboost",
            {
                "n_estimators": 60,
                "max_depth": 3,
                "learning_rate": 0.06,
                "subsample": 0.6,
                "colsample_bytree": 0.5,
                "min_child_weight": 10,
            },
            counts=("min_child_weight",),
        ),
        "lightgbm": Member(
            "lightgbm",
            {
                "n_estimators": 60,
                "max_depth": 4,
                "learning_rate": 0.06,
                "num_leaves": 12,
                "subsample": 0.6,
                "subsample_freq": 1,
                "colsample_bytree": 0.5,
                "min_child_samples": 10,
            },
            counts=("min_child_samples",),
        ),
        "catboost": Member(
            "catboost", {"iterations": 60, "depth": 3, "learning_rate": 0.08, "rsm": 0.5, "border_count": 32}
        ),
        "random_forest": Member(
            "random_forest",
            {"n_estimators": 40, "max_depth": 6, "min_samples_leaf": 10, "max_features": 0.2, "max_samples": 0.6},
            counts=("min_samples_leaf",),
        ),
        "gradient_boosting": Member(
            "gradient_boosting",
            {
                "n_estimators": 40,
                "max_depth": 3,
                "learning_rate": 0.08,
                "subsample": 0.5,
                "max_features": 0.2,
                "min_samples_leaf": 10,
            },
            counts=("min_samples_leaf",),
        ),
        "mlp": Member(
            "mlp",
            {"hidden_layer_sizes": (32, 16), "activation": "relu", "alpha": 1.0, "max_iter": 12, "batch_size": 128},
        ),
    },
)

PROFILES = {"quick": QUICK, "fast": FAST, "exact": EXACT}


def profile_named(name: str | Profile) -> Profile:
    """The profile itself, or the one of that name; raises ValueError for a name that is not in PROFILES."""
    if isinstance(name, Profile):
        return name
    if name not in PROFILES:
        raise ValueError(f"profile {name!r} is unknown; use one of {', '.join(PROFILES)}")
    return PROFILES[name]
