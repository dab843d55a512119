"""How fast inference is here, on a made-up ensemble of the size the full parameters give."""

import timeit
from collections.abc import Callable

import numpy as np

from trader.models.artefact import load_bytes, pack
from trader.models.compiled import CompiledEnsemble
from trader.models.synthetic import FULL_LAYERS, FULL_SHAPE, synthetic_arrays, synthetic_ensemble


def measure(n_features: int = 120, repeats: int = 300) -> dict[str, dict[str, float]]:
    """`{"predict_1_row": {"p50_us": ..., "p99_us": ...}, ..., "predict_1000_rows": ..., "load": {"ms": ...}}`."""
    ensemble = synthetic_ensemble(n_features)
    rng = np.random.default_rng(42)
    result = {"ensemble": {"nodes": float(ensemble.node_count), "trees": float(ensemble.tree_count)}}
    data = pack(synthetic_arrays(n_features, FULL_SHAPE, FULL_LAYERS), ensemble.manifest)
    spent = timeit.repeat(lambda: CompiledEnsemble(*load_bytes(data)), number=1, repeat=5)
    result["load"] = {"ms": min(spent) * 1e3, "megabytes": len(data) / 1e6}
    for n in (1, 20, 1000):
        X = rng.normal(size=(64, n, n_features))
        result[f"predict_{n}_row{'s' if n > 1 else ''}"] = _percentiles(ensemble, X, repeats if n < 1000 else 30)
    return result


def _percentiles(
    ensemble: CompiledEnsemble, X: np.ndarray[tuple[int, int, int], np.dtype[np.float64]], repeats: int
) -> dict[str, float]:
    turn = iter(range(1_000_000))
    atr = np.full(X.shape[1], 0.004)
    call: Callable[[], object] = lambda: ensemble.predict_rows(X[next(turn) % len(X)], atr)  # noqa: E731 - timeit takes a callable
    timeit.repeat(call, number=1, repeat=5)
    spent = np.array(timeit.repeat(call, number=1, repeat=repeats)) * 1e6
    return {"p50_us": float(np.percentile(spent, 50)), "p99_us": float(np.percentile(spent, 99))}
