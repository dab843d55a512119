"""`trader tune`: candles into one table, a search over it that can be stopped and continued, and what it found."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from trader.config.schema import Settings
from trader.domain.candle_arrays import CandleArrays
from trader.service.learning import session as training_session
from trader.service.learning.searches import search_dir
from trader.service.learning.training import Locate, Material, from_exchange, from_folder
from trader.service.learning.view import TrainingView
from trader.training.dataset import Dataset, build_dataset, sampled
from trader.training.fit import rules_of
from trader.training.profiles import PROFILES
from trader.training.tune import TrialDone, TuningReport, tune_in_parallel


class Search(NamedTuple):
    """What `trader tune` was asked for."""

    name: str
    trials: int
    workers: int
    rows: int  # most of them, evenly spread over time


def tune(
    settings: Settings, market_id: str, locate: Locate, candles: Path | None, wanted: Search, on_trial: TrialDone
) -> tuple[TuningReport, Path]:
    """Search on candles of the exchange that `locate` finds, or of the folder `candles`. Returns what was found and
    where it is kept.
    """
    if candles is not None:
        return search(settings, market_id, wanted, from_folder(settings, candles), on_trial)
    material = asyncio.run(_from_exchange(settings, locate, wanted))
    return search(settings, market_id, wanted, material, on_trial)


async def _from_exchange(settings: Settings, locate: Locate, wanted: Search) -> Material:
    """The candles the search began with, if that was within a day."""
    access = await locate()
    folder = search_dir(settings, access.market_id, wanted.name)
    until_ms = training_session.begin(folder, settings, access.clock.now_ms())
    with TrainingView() as view:
        return await from_exchange(settings, access, until_ms, view)


def search(
    settings: Settings, market_id: str, wanted: Search, material: Material, on_trial: TrialDone
) -> tuple[TuningReport, Path]:
    """Search on, and keep the best profile where `trader train --tuned NAME` finds it. Returns it and where.

    The study belongs to its data: other candles begin another study under the same name.
    """
    table = _table(settings, material, wanted.rows)
    folder = search_dir(settings, market_id, wanted.name)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    base = settings.model.profile
    study = f"{base}-{len(table.y)}-{int(table.start_ms[-1])}-{_fingerprint(material.candles)}"
    report = tune_in_parallel(
        table,
        rules_of(settings, PROFILES[base]),
        workers=wanted.workers,
        base=base,
        trials=wanted.trials,
        storage=folder / f"{study}.journal",
        name=wanted.name,
        seed=settings.model.random_state,
        on_trial=on_trial,
    )
    file = folder / "report.json"
    file.write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    return report, file


def _table(settings: Settings, material: Material, rows: int) -> Dataset:
    most = min(rows, PROFILES[settings.model.profile].largest_rows or rows)
    return sampled(build_dataset(material.candles, settings, material.costs, material.extras), most)


def _fingerprint(candles: Mapping[str, CandleArrays]) -> str:
    from trader.training.checkpoint import fingerprint

    return fingerprint(*(np.asarray(arrays.close) for arrays in candles.values()))[:8]
