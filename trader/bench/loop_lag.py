"""Inference, and what the event loop feels while a model is trained beside it."""

import asyncio
import sys
from collections.abc import Coroutine
from timeit import default_timer
from typing import Any

import numpy as np

from trader.bench.inference import measure as measure_inference
from trader.models import CompiledEnsemble
from trader.models.synthetic import synthetic_ensemble
from trader.service.learning.libraries import missing_libraries
from trader.service.process.children import run_child
from trader.service.process.loop import run_loop

_PROBE_S = 0.005
_CLOSES_EVERY_S = 0.25  # 20 symbols close a candle: far more often than they do
_QUIET_S = 5.0
_LOWEST, _MEMORY_MB = 19, 4_096


def measure() -> dict[str, Any]:
    """`models.bench.measure`, and `loop_lag`: how late a timer of the loop is, alone and while a child trains."""
    return {**measure_inference(), "loop_lag": _lag()}


def _lag() -> dict[str, Any]:
    found: dict[str, Any] = {}

    async def main() -> int:
        scored = asyncio.ensure_future(_score(synthetic_ensemble()))
        try:
            found["alone"] = await _while(asyncio.sleep(_QUIET_S))
            if not missing_libraries():
                began = asyncio.get_running_loop().time()
                found["while_training"] = await _while(_training())
                found["training_s"] = asyncio.get_running_loop().time() - began
        finally:
            scored.cancel()
            await asyncio.gather(scored, return_exceptions=True)
        return 0

    run_loop(main())
    return found


async def _training() -> None:
    """As the daemon has it: the lowest priority, limited memory, one thread."""
    code = await run_child(["trader.bench.rehearsal"], _tell, niceness=_LOWEST, memory_mb=_MEMORY_MB)
    if code:
        raise RuntimeError(f"the training ended with exit code {code}")


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


async def _score(model: CompiledEnsemble) -> None:
    rows = np.random.default_rng(42).normal(size=(20, len(model.feature_names)))
    atr = np.full(20, 0.004)
    while True:
        await asyncio.sleep(_CLOSES_EVERY_S)
        await asyncio.to_thread(model.predict_rows, rows, atr)


async def _while(work: Coroutine[Any, Any, None]) -> dict[str, float]:
    """How late each tick of a timer was until `work` is done."""
    task = asyncio.ensure_future(work)
    late: list[float] = []
    while not task.done():
        due = default_timer() + _PROBE_S  # finer than the loop's own clock
        await asyncio.sleep(_PROBE_S)
        late.append((default_timer() - due) * 1e3)
    await task
    spent = np.array(late)
    return {
        "p50_ms": float(np.percentile(spent, 50)),
        "p99_ms": float(np.percentile(spent, 99)),
        "most_ms": float(spent.max()),
    }
