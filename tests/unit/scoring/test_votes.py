"""A forecast says what each member of the ensemble says by itself."""

import numpy as np

from trader.domain.market import Candle
from trader.domain.signals import CONTEXT_COLUMNS
from trader.models.synthetic import SMALL_SHAPE, synthetic_ensemble
from trader.scoring.scoring import forecasts


def test_the_votes_of_a_forecast_are_named() -> None:
    width = len(CONTEXT_COLUMNS) + 5
    model = synthetic_ensemble(width, SMALL_SHAPE, (3,))
    row = np.linspace(0.5, 1.5, width)
    candle = Candle("BTC/USDT", 0, 60_000, 1.0, 1.0, 1.0, 1.0, 1.0)
    [made] = forecasts(model, np.arange(width), list(range(len(CONTEXT_COLUMNS))), {"BTC/USDT": (candle, row)})
    said = model.predict_row(row, atr_frac=made.context.atr_14 / made.context.close)
    assert list(made.members) == list(model.manifest.members)
    assert tuple(made.members.values()) == said.members
    assert made.prediction == said.prediction
