"""In a model's place: what the scorer shows to its model."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from trader.domain.signals import ModelInfo
from trader.features import FeatureSet
from trader.models.artefact import Manifest
from trader.models.compiled import RowForecast
from trader.models.synthetic import synthetic_ensemble

Floats = NDArray[np.float64]


class SeenRows:
    """A model that remembers the rows it was asked about."""

    def __init__(self, features: FeatureSet) -> None:
        made = synthetic_ensemble(3).manifest
        self.manifest: Manifest = msgspec.structs.replace(
            made,
            feature_names=features.inputs,
            feature_groups=features.groups,
            feature_set_hash=features.hash,
            info=msgspec.structs.replace(made.info, timeframe=features.timeframe),
        )
        self.rows: list[Floats] = []

    @property
    def info(self) -> ModelInfo:
        return self.manifest.info

    def predict_rows(self, X: Floats, atr_frac: Sequence[float], /) -> list[RowForecast]:
        assert len(X) == len(atr_frac)
        complete = [bool(np.isfinite(row).all()) for row in X]
        self.rows += [row for row, is_complete in zip(X, complete, strict=True) if is_complete]
        nothing = RowForecast(np.nan, np.nan, np.nan)
        return [RowForecast(0.0, 0.5, 1.0) if is_complete else nothing for is_complete in complete]
