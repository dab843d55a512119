"""The libraries called one by one against the compiled ensemble, and what a fit takes; measured side by side."""

import time
import timeit
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # ships no types

from trader.domain.candle_arrays import Floats
from trader.models import CompiledEnsemble
from trader.models.artefact import constants_of
from trader.models.reference import make_reference
from trader.models.synthetic import synthetic_ensemble
from trader.training.compile import to_arrays
from trader.training.ensemble import StackedEnsemble
from trader.training.members import make_member
from trader.training.profiles import PROFILES

FEATURES = 120


def compare_with_libraries(profile: str = "exact", n_rows: int = 3_000, calls: int = 60) -> dict[str, dict[str, float]]:
    """p50 and p99 in microseconds for 1 and 20 rows: compiled in one call, and by the six libraries row by row."""
    X, y = made_up(n_rows)
    ensemble = StackedEnsemble(profile, n_splits=1).fit(X, y)
    compiled = compiled_of(ensemble, X)
    result: dict[str, dict[str, float]] = {
        "ensemble": {"trees": float(compiled.tree_count), "nodes": float(compiled.node_count)}
    }
    for n, repeats in ((1, calls), (20, calls // 6)):
        rows = [X[i * n : i * n + n] for i in range(n_rows // n)]
        fast = _percentiles(partial(_live, compiled), rows, 500)
        slow = _percentiles(partial(_row_by_row, ensemble), rows, repeats)
        result[f"compiled_{n}"], result[f"libraries_{n}"] = fast, slow
        result[f"ratio_{n}"] = {"p50": slow["p50_us"] / fast["p50_us"]}
    result["libraries_20_as_one_table"] = _percentiles(ensemble.predict_with_confidence, rows, calls // 2)
    for name, model in ensemble.members_.items():
        result[f"library_{name}_1"] = _percentiles(model.predict, [X[i : i + 1] for i in range(60)], calls)
    return result


def _live(compiled: CompiledEnsemble, rows: Floats) -> Any:
    return compiled.predict_rows(rows, np.full(len(rows), 0.004))


def _row_by_row(ensemble: StackedEnsemble, rows: Floats) -> None:
    """As a program does that asks for one symbol after the other."""
    for i in range(len(rows)):
        ensemble.predict_with_confidence(rows[i : i + 1])


def fit_seconds(profile: str, n_rows: int) -> dict[str, float]:
    """CPU seconds of one fit of each member on `n_rows` x FEATURES, on one thread."""
    X, y = made_up(n_rows)
    spent = {}
    with threadpool_limits(1):
        for name, member in PROFILES[profile].members.items():
            started = time.process_time()
            make_member(member, 42).fit(X, y)
            spent[name] = time.process_time() - started
    return spent


def made_up(n_rows: int) -> tuple[Floats, Floats]:
    """Slow and fast columns and a label with a little signal, as markets have."""
    rng = np.random.default_rng(42)
    X = rng.normal(size=(n_rows, FEATURES))
    X[:, ::2] = np.cumsum(X[:, ::2], axis=0) / np.sqrt(np.arange(1, n_rows + 1))[:, np.newaxis]
    return X, 0.1 * X[:, 1] + 0.05 * X[:, 3] * np.sign(X[:, 5]) + rng.normal(size=n_rows)


def compiled_of(ensemble: StackedEnsemble, X: Floats) -> CompiledEnsemble:
    """`ensemble` as it would trade, under a made-up manifest."""
    seen = np.column_stack((X, ensemble.predict(X)))
    arrays = to_arrays(ensemble, make_reference(seen, np.arange(len(X))))
    base = synthetic_ensemble(X.shape[1], ((1, 1),), (2,)).manifest
    manifest = msgspec.structs.replace(base, members=tuple(ensemble.members_), constants=constants_of(arrays))
    return CompiledEnsemble(arrays, manifest)


def _percentiles(call: Callable[[Floats], Any], rows: list[Floats], repeats: int) -> dict[str, float]:
    turn = iter(range(10**9))
    for part in rows[:3]:
        call(part)
    spent = np.array(timeit.repeat(lambda: call(rows[next(turn) % len(rows)]), number=1, repeat=repeats)) * 1e6
    return {"p50_us": float(np.percentile(spent, 50)), "p99_us": float(np.percentile(spent, 99))}
