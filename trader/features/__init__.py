"""One definition per feature, two drivers: batch and stream.

`compute_features` and `compute_matrix` step through whole histories, `FeatureStream` takes candle by candle; both
call the same compiled step. `CATALOGUE` says what every column is; `MODEL_INPUTS` are the ones a model sees.

step       one candle in, one row out: what both drivers call
families   one file per family of columns made from the symbol's own candles
groups     what needs more than those: the leader, other symbols, books, observations; `groups.registry` lists them
columns    what a column is; `catalogue` all of them in order; `feature_set` what one model sees
stream     the live driver; `batch` and `frames` those of whole histories; `market` all symbols together
history    the last candles and what several families derive from them; `windows` sums over them
compiled   how kernels are compiled; `setup` compiles all of them once
page       writes docs/features.md: `python -m trader.features.page > docs/features.md`

Begin with `step` and one file of `families`.
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
