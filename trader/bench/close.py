"""Twenty symbols close together, ten of them held: from candles over features, ensemble and engine to reviewed orders.

What the shell adds on the way (queue, thread, journal) is not in it; `trader bench --only live` has that. Times are
the thread's own.
"""

from statistics import median, quantiles
from time import thread_time

import msgspec
import numpy as np

from trader.bench.engine import MODEL, NOW_MS, SYMBOLS, holding_engine
from trader.domain.events import ForecastMade
from trader.domain.market import Candle
from trader.domain.units import MINUTE_MS
from trader.features import WARM_UP, FeatureSet
from trader.models import CompiledEnsemble
from trader.models.synthetic import FULL_LAYERS, FULL_SHAPE, synthetic_arrays, synthetic_ensemble
from trader.scoring.rounds import Round
from trader.scoring.scoring import Scoring, Work


def measure(closes: int = 100) -> dict[str, float]:
    """Milliseconds of each half and of both; the leader and the ranks are among the features."""
    features = FeatureSet("1m", ("15m", "1h"), SYMBOLS, ("leader", "peers"))
    scoring = Scoring(_model(features), features)
    candles = [_candles(symbol, number, WARM_UP + closes + 1) for number, symbol in enumerate(SYMBOLS)]
    for symbol, made in zip(SYMBOLS, candles, strict=True):
        scoring.learn_history(symbol, made[:WARM_UP])
    first, *rounds = ({c.symbol: c for c in close} for close in zip(*(made[WARM_UP:] for made in candles), strict=True))
    _scored(scoring, first)  # reads what is compiled
    spent = [_close(scoring, one) for one in rounds]
    whole = [score + decide for score, decide in spent]
    return {
        "inputs": float(len(features.inputs)),
        "features_and_model_p50_ms": median(score for score, _ in spent) * 1e3,
        "engine_p50_ms": median(decide for _, decide in spent) * 1e3,
        "candles_to_reviewed_p50_ms": median(whole) * 1e3,
        "candles_to_reviewed_p99_ms": quantiles(whole, n=100)[98] * 1e3 if len(whole) > 1 else whole[0] * 1e3,
    }


def _close(scoring: Scoring, one: Round) -> tuple[float, float]:
    """Seconds until the forecasts are there, and until an engine that holds ten has decided on all of them."""
    engine = holding_engine()
    seconds, forecasts = _scored(scoring, one)
    began = thread_time()
    for forecast in forecasts:
        engine.process(forecast)
    return seconds, thread_time() - began


def _scored(scoring: Scoring, one: Round) -> tuple[float, list[ForecastMade]]:
    began = thread_time()
    made = scoring.score(Work((), (one,), ()))
    seconds = thread_time() - began
    assert len(made) == len(SYMBOLS)
    # the made-up ensemble knows nothing: every third forecast is given an edge, so that there is something to review
    changes = [
        {"model_id": MODEL.model_id, "candle_open_ms": NOW_MS - MINUTE_MS, "candle_close_ms": NOW_MS}
        | ({"prediction": 0.02, "win_probability": 0.7} if n % 3 == 0 else {})
        for n in range(len(made))
    ]
    given = [msgspec.structs.replace(forecast, **change) for forecast, change in zip(made, changes, strict=True)]
    return seconds, [ForecastMade(forecast=forecast, ts_ms=NOW_MS) for forecast in given]


def _model(features: FeatureSet) -> CompiledEnsemble:
    count = len(features.inputs)
    manifest = msgspec.structs.replace(
        synthetic_ensemble(count).manifest,
        feature_names=features.inputs,
        feature_groups=features.groups,
        feature_set_hash=features.hash,
    )
    return CompiledEnsemble(synthetic_arrays(count, FULL_SHAPE, FULL_LAYERS), manifest)


def _candles(symbol: str, seed: int, count: int) -> list[Candle]:
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.001, count)))
    open_ = np.concatenate(([100.0], close[:-1]))
    high, low = np.maximum(open_, close) * 1.0002, np.minimum(open_, close) / 1.0002
    columns = zip(*(column.tolist() for column in (open_, high, low, close, rng.exponential(10.0, count))), strict=True)
    return [
        Candle(symbol, n * MINUTE_MS, (n + 1) * MINUTE_MS, o, h, lowest, c, v)
        for n, (o, h, lowest, c, v) in enumerate(columns)
    ]
