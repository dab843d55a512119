"""The ensemble that trades: loads in milliseconds, answers in microseconds, needs no learning library."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trader.domain.candle_arrays import Floats
from trader.domain.signals import ModelInfo
from trader.models.arrays import EnsembleArrays, validate
from trader.models.artefact import Manifest, load
from trader.models.kernels import NODE, horizon_volatility, score_rows
from trader.models.reference import Reference


class RowForecast(NamedTuple):
    """What the ensemble says of one row. All NaN if the row had a value that is not finite: it abstains."""

    prediction: float  # expected log return over the horizon, as a fraction
    win_probability: float  # 0..1
    confidence: float  # 1 / (1 + std of members), 0..1
    members: tuple[float, ...] = ()  # what each says, as `prediction`, in the order of `manifest.members`

    @property
    def abstains(self) -> bool:
        """Whether there is no forecast."""
        return self.prediction != self.prediction


class CompiledEnsemble:
    """A trained ensemble as flat arrays. Never changes; safe to call from several threads.

    X is an array with the columns of `feature_names`, or a data frame that has them in any order.
    """

    def __init__(self, arrays: EnsembleArrays, manifest: Manifest) -> None:
        validate(arrays, len(manifest.feature_names))
        self.manifest = manifest
        self._arrays = arrays
        nodes = np.zeros(len(arrays.left), NODE)
        nodes["feature"], nodes["threshold"], nodes["left"] = arrays.feature, arrays.threshold, arrays.left
        self._trees = (nodes, arrays.roots, arrays.tree_member)
        self._member_rule = (arrays.member_scale, arrays.member_offset, arrays.member_single)
        self._mlp = (arrays.mlp_mean, arrays.mlp_scale, arrays.mlp_limit, arrays.mlp_sizes, arrays.mlp_weights)
        self._calibration = (
            arrays.calibration,
            arrays.two_sided,
            arrays.knots,
            arrays.levels,
            arrays.probability_low,
            arrays.probability_high,
        )

    @classmethod
    def load(
        cls, path: Path | str, *, expected_hash: str | None = None, feature_set_hash: str | None = None
    ) -> "CompiledEnsemble":
        """Read a model file; see `artefact.load` for what is refused (`Misconfigured`)."""
        return cls(*load(Path(path), expected_hash=expected_hash, feature_set_hash=feature_set_hash))

    @property
    def info(self) -> ModelInfo:
        """What was measured out of fold at training."""
        return self.manifest.info

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The columns of X, in order."""
        return self.manifest.feature_names

    @property
    def feature_set_hash(self) -> str:
        """Hash of the feature definitions the model was trained on."""
        return self.manifest.feature_set_hash

    @property
    def reference(self) -> Reference:
        """What inputs and predictions looked like in training; give it to a `drift.DriftMonitor`."""
        return self._arrays.reference

    @property
    def tree_count(self) -> int:
        """Trees of all members."""
        return len(self._arrays.roots)

    @property
    def node_count(self) -> int:
        """Nodes of all trees."""
        return len(self._arrays.left)

    def predict(self, X: ArrayLike) -> Floats:
        """(n_rows, n_features) -> (n_rows,) in units of the label: log return / expected volatility of the horizon."""
        return self._score(X)[1]

    def predict_members(self, X: ArrayLike) -> Floats:
        """(n_rows, n_features) -> (n_rows, n_members), in the order of `manifest.members`, in units of the label."""
        return self._score(X)[0]

    def predict_with_confidence(self, X: ArrayLike) -> tuple[Floats, Floats]:
        """`predict`, and 1 / (1 + standard deviation of the members); measured to say nothing about being right."""
        _, prediction, spread, _ = self._score(X)
        return prediction, 1.0 / (1.0 + spread)

    def win_probability(self, X: ArrayLike) -> Floats:
        """(n_rows, n_features) -> (n_rows,) calibrated probability that a trade ends net positive, clipped."""
        return self._score(X)[3]

    def predict_row(self, row: ArrayLike, *, atr_frac: float) -> RowForecast:
        """One row (n_features,) in the order of `feature_names`; `atr_frac` is the row's atr_14 / close.

        The label was scaled by `horizon_volatility(atr_frac, horizon)`; here the prediction is scaled back to
        the expected log return over the horizon.
        """
        return self.predict_rows(np.asarray(row, np.float64)[np.newaxis, :], [atr_frac])[0]

    def predict_rows(self, X: ArrayLike, atr_frac: ArrayLike) -> list[RowForecast]:
        """`predict_row` for (n_rows, n_features) and (n_rows,) at once."""
        members, prediction, spread, probability = self._score(X)
        scale = horizon_volatility(np.asarray(atr_frac, np.float64), self.info.horizon_candles)
        said = map(tuple, (members * scale[:, np.newaxis]).tolist())
        confidence = 1.0 / (1.0 + spread)
        return [
            RowForecast(*values)
            for values in zip(
                (prediction * scale).tolist(), probability.tolist(), confidence.tolist(), said, strict=True
            )
        ]

    def _score(self, X: Any) -> tuple[Floats, Floats, Floats, Floats]:
        if hasattr(X, "columns"):  # a data frame: by name, whatever its order
            missing = [name for name in self.feature_names if name not in X.columns]
            if missing:
                raise ValueError(
                    f"X lacks the columns {', '.join(missing[:5])}; the model takes {len(self.feature_names)}"
                )
            X = X[list(self.feature_names)].to_numpy(np.float64)
        rows: NDArray[np.float64] = np.ascontiguousarray(X, np.float64)
        if rows.ndim != 2 or rows.shape[1] != len(self.feature_names):
            raise ValueError(f"X has shape {rows.shape}, the model takes (n_rows, {len(self.feature_names)})")
        arrays = self._arrays
        members, prediction, spread, probability = score_rows(
            rows,
            self._trees,
            self._member_rule,
            arrays.mlp_member,
            self._mlp,
            arrays.weights,
            arrays.intercept,
            self._calibration,
        )
        return members, prediction, spread, probability
