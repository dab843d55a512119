"""One definition per feature, two drivers: batch and stream.

`compute_features` and `compute_matrix` step through whole histories, `FeatureStream` takes candle by candle; both
call the same compiled step. `CATALOGUE` says what every column is; `MODEL_INPUTS` are the ones a model sees.
"""

from trader.features.batch import compute_matrix
from trader.features.catalogue import (
    CATALOGUE,
    COLUMNS,
    FEATURE_SET_HASH,
    GROUPS,
    MODEL_INPUTS,
    WARM_UP,
    catalogue,
    column_names,
    feature_set_hash,
    model_inputs,
    warm_up,
)
from trader.features.columns import Feature
from trader.features.feature_set import FeatureSet
from trader.features.frames import compute_features
from trader.features.market import NO_EXTRAS, Extras, MarketStream, compute_market, market_matrices
from trader.features.setup import compile_kernels
from trader.features.stream import FeatureStream

__all__ = [
    "CATALOGUE",
    "COLUMNS",
    "FEATURE_SET_HASH",
    "GROUPS",
    "MODEL_INPUTS",
    "NO_EXTRAS",
    "WARM_UP",
    "Extras",
    "Feature",
    "FeatureSet",
    "FeatureStream",
    "MarketStream",
    "catalogue",
    "column_names",
    "compile_kernels",
    "compute_features",
    "compute_market",
    "compute_matrix",
    "feature_set_hash",
    "market_matrices",
    "model_inputs",
    "warm_up",
]
