"""`trader bench`: the speed of the parts that matter, measured on this machine now."""

import asyncio
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from timeit import default_timer
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from trader.domain.errors import Misconfigured

Measured = dict[str, Any]


def run_bench(only: list[str], *, as_json: bool) -> int:
    """Measure the named parts (by default all but the long ones) and print them as JSON or as a table.

    `only`: names, or lists of names with commas between.
    """
    every = {**PARTS, **LONG_PARTS}
    only = [name.strip() for names in only for name in names.split(",") if name.strip()]
    unknown = sorted(set(only) - every.keys())
    if unknown:
        raise Misconfigured(f"bench has no part {', '.join(unknown)}; allowed: {', '.join(every)}")
    results = {name: measure() for name, measure in every.items() if name in (only or PARTS)}
    console = Console()
    if as_json:
        console.print_json(msgspec.json.encode(results).decode())
        return 0
    table = Table("part", "what", "measured")
    for name, measured in results.items():
        for what, value in _flat(measured):
            table.add_row(
                name, what, f"{value:,.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
            )
    console.print(table)
    return 0


def _flat(measured: Measured, prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in measured.items():
        rows += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(f"{prefix}{key}", value)]
    return rows


def _features() -> Measured:
    from trader.bench.features import measure

    return measure()


def _models() -> Measured:
    from trader.bench.loop_lag import measure

    return measure()


def _model_rivals() -> Measured:
    """The compiled ensemble beside the six libraries, asked one by one."""
    from trader.service.learning.libraries import require_learning

    require_learning()
    from trader.bench.libraries import compare_with_libraries

    return compare_with_libraries()


def _model_fits() -> Measured:
    """CPU seconds of one fit of every member, per profile and number of rows. Takes half an hour."""
    from trader.service.learning.libraries import require_learning

    require_learning()
    from trader.bench.libraries import fit_seconds

    return {
        f"{profile}_{rows}_rows_cpu_s": fit_seconds(profile, rows)
        for rows in (10_000, 50_000)
        for profile in ("quick", "fast", "exact")
    }


def _engine() -> Measured:
    from trader.bench.engine import measure

    return measure()


def _replay() -> Measured:
    """Events against the simulated exchange without a loop, as a backtest runs."""
    from trader.bench.replay import measure

    return measure()


def _close() -> Measured:
    from trader.bench.close import measure

    return measure()


def _journal() -> Measured:
    """One durable write of a small batch: what an order waits for before it is sent."""
    from trader.adapters.sql.journal import SqlJournal
    from trader.domain.events import TimerFired
    from trader.domain.timers import TimerId, TimerKind

    async def durable_writes(path: Path) -> list[float]:
        journal = SqlJournal(path)
        spent = []
        for seq in range(1, 201):
            began = default_timer()
            await journal.write(
                [(TimerFired(timer=TimerId(TimerKind.STOP, "bench"), ts_ms=seq, seq=seq), [])], durable=True
            )
            spent.append((default_timer() - began) * 1e3)
        await journal.close()
        return spent

    with tempfile.TemporaryDirectory() as folder:
        spent = asyncio.run(durable_writes(Path(folder) / "bench.sqlite"))
    return {"durable_write_p50_ms": statistics.median(spent), "durable_write_p99_ms": sorted(spent)[-2]}


def _simulation() -> Measured:
    from trader.bench.matching import measure

    return measure()


def _sandbox() -> Measured:
    """A sandbox process with a listener to all of its streams."""
    from trader.bench.sandbox import measure

    return measure()


def _live() -> Measured:
    """A whole daemon on the bundled sandbox: seconds to ready, memory and event-loop lag while it trades."""
    from trader.bench.live import measure

    return measure()


PARTS: dict[str, Callable[[], Measured]] = {
    "engine": _engine,
    "close": _close,
    "replay": _replay,
    "features": _features,
    "models": _models,
    "journal": _journal,
    "simulation": _simulation,
    "sandbox": _sandbox,
    "live": _live,
}
LONG_PARTS: dict[str, Callable[[], Measured]] = {"model-rivals": _model_rivals, "model-fits": _model_fits}
