"""The base learners: one construction, one fit, one importance for six libraries. One thread each."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler

from trader.domain.candle_arrays import Floats
from trader.training.profiles import Member

SCALED_INPUT_LIMIT = 10.0


class ScaledMLP(RegressorMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """A perceptron on standardised inputs, clipped to +-SCALED_INPUT_LIMIT so that a crash extrapolates mildly."""

    def __init__(
        self,
        hidden_layer_sizes: tuple[int, ...] = (100, 50, 25),
        activation: str = "relu",
        alpha: float = 0.001,
        max_iter: int = 500,
        batch_size: int | str = "auto",
        random_state: int | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.alpha = alpha
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.random_state = random_state

    def fit(self, X: Floats, y: Floats, sample_weight: Floats | None = None) -> "ScaledMLP":
        """X (n, n_features), y (n,)."""
        self.scaler_ = StandardScaler().fit(X)
        self.mlp_ = self._network(len(X))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # few epochs are the regularisation here
            self.mlp_.fit(self._scaled(X), y, sample_weight=sample_weight)
        self.n_features_in_ = X.shape[1]
        return self

    def best_rounds(
        self, X: Floats, y: Floats, weight: Floats, later: tuple[Floats, Floats, Floats], patience: int
    ) -> int:
        """Epochs, at most max_iter, after which the squared error on `later` (X, y, weight) was smallest."""
        self.scaler_ = StandardScaler().fit(X)
        network, seen, unseen = self._network(len(X)), self._scaled(X), self._scaled(later[0])
        errors: list[float] = []
        for _ in range(self.max_iter):
            network.partial_fit(seen, y, sample_weight=weight)
            errors.append(float(np.average((network.predict(unseen) - later[1]) ** 2, weights=later[2])))
            if len(errors) - int(np.argmin(errors)) > patience:
                break
        return int(np.argmin(errors)) + 1

    def predict(self, X: Floats) -> Floats:
        return np.asarray(self.mlp_.predict(self._scaled(X)), np.float64)

    def _network(self, n_rows: int) -> MLPRegressor:
        return MLPRegressor(
            hidden_layer_sizes=self.hidden_layer_sizes,
            activation=self.activation,
            alpha=self.alpha,
            max_iter=self.max_iter,
            batch_size=self.batch_size if isinstance(self.batch_size, str) else min(self.batch_size, n_rows),
            random_state=self.random_state,
        )

    def _scaled(self, X: Floats) -> Floats:
        scaled: Floats = np.clip(self.scaler_.transform(X), -SCALED_INPUT_LIMIT, SCALED_INPUT_LIMIT)
        return scaled


def make_member(member: Member, random_state: int, crowding: float = 1.0) -> Any:
    """An unfitted estimator of the member's library; `crowding`: how many labels say the same, see `Member`."""
    parameters = dict(member.parameters)
    for name in member.counts:
        counted = parameters[name] * max(1.0, crowding)
        parameters[name] = round(counted) if isinstance(parameters[name], int) else counted
    if member.kind == "xgboost":
        from xgboost import XGBRegressor

        return XGBRegressor(**parameters, n_jobs=1, random_state=random_state, verbosity=0)
    if member.kind == "lightgbm":
        from lightgbm import LGBMRegressor

        fixed = {"n_jobs": 1, "verbosity": -1, "deterministic": True, "force_row_wise": True}
        return LGBMRegressor(**{**parameters, **fixed, "random_state": random_state, "importance_type": "gain"})
    if member.kind == "catboost":
        from catboost import CatBoostRegressor

        fixed = {"thread_count": 1, "verbose": False, "allow_writing_files": False}
        return CatBoostRegressor(**parameters, **fixed, random_seed=random_state)
    if member.kind == "mlp":
        return ScaledMLP(**parameters, random_state=random_state)
    return _sklearn_trees(member.kind, parameters, random_state)


def _sklearn_trees(kind: str, parameters: dict[str, Any], random_state: int) -> Any:
    from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor, RandomForestRegressor

    if kind == "random_forest":
        return RandomForestRegressor(**parameters, n_jobs=1, random_state=random_state)
    if kind == "gradient_boosting":
        return GradientBoostingRegressor(**parameters, random_state=random_state)
    return HistGradientBoostingRegressor(**parameters, early_stopping=False, random_state=random_state)


def importance_of(model: Any, X: Floats, y: Floats, random_state: int) -> Floats:
    """(n_features,) non-negative importance summing to 1: the library's own by gain, else by permutation on X, y."""
    if hasattr(model, "get_feature_importance"):
        raw = model.get_feature_importance()
    elif hasattr(model, "feature_importances_"):
        raw = model.feature_importances_
    else:
        raw = _permutation(model, X, y, random_state)
    raw = np.maximum(np.nan_to_num(np.asarray(raw, np.float64)), 0.0)
    total = raw.sum()
    return np.asarray(raw / total if total > 0 else np.full(len(raw), 1 / len(raw)), np.float64)


def _permutation(model: Any, X: Floats, y: Floats, random_state: int) -> NDArray[np.float64]:
    """How much the squared error of up to 400 rows grows when a column is shuffled."""
    rng = np.random.default_rng(random_state)
    rows = rng.permutation(len(X))[:400]
    here, target = X[rows], y[rows]
    error = np.mean((model.predict(here) - target) ** 2)
    growth = np.empty(X.shape[1])
    for column in range(X.shape[1]):
        shuffled = here.copy()
        shuffled[:, column] = rng.permutation(shuffled[:, column])
        growth[column] = np.mean((model.predict(shuffled) - target) ** 2) - error
    return growth
