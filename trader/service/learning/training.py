"""`trader train`: history into a model, a model into the registry. Runs in a process of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from trader.adapters.ccxt.connect import connect
from trader.adapters.model_files import ModelFiles
from trader.adapters.observations import live_source, recorded_source
from trader.config.schema import Settings
from trader.domain.candle_arrays import CandleArrays
from trader.features import Extras
from trader.service.learning import session as training_session
from trader.service.learning.costs import costs_of
from trader.service.learning.history import download, observed, recorded, recorded_books
from trader.service.learning.searches import tuned_profile
from trader.service.learning.supply import models_dir
from trader.service.learning.view import TrainingView
from trader.service.process.access import MarketAccess
from trader.service.process.loop import run_loop
from trader.service.process.places import recordings_path
from trader.training.card_html import card_html
from trader.training.dataset import Costs
from trader.training.fit import train_and_register
from trader.training.profiles import Profile

Locate = Callable[[], Awaitable[MarketAccess]]
"""Finds the exchange, and starts it if it is the bundled one."""


class TrainingRequest(NamedTuple):
    """What becomes of the candles."""

    is_challenger: bool = False
    tuned: Profile | None = None


class Material(NamedTuple):
    """What is learned from, per symbol; `costs` is empty where the exchange was not asked."""

    candles: dict[str, CandleArrays]
    costs: dict[str, Costs]
    extras: Extras


def train(
    settings: Settings,
    market_id: str,
    locate: Locate,
    candles: Path | None,
    *,
    is_challenger: bool = False,
    tuned: str | None = None,
) -> None:
    """Train on candles of the exchange that `locate` finds, or of the folder `candles` at the usual costs
    (`dataset.Costs`); register the model and show what it is worth. `tuned` names a search of `trader tune`.
    """
    wanted = TrainingRequest(is_challenger, tuned_profile(settings, market_id, tuned) if tuned is not None else None)
    if candles is None:
        run_loop(_train_there(settings, locate, wanted))
        return
    with TrainingView() as view:
        _train(settings, market_id, from_folder(settings, candles), wanted, view)


async def _train_there(settings: Settings, locate: Locate, wanted: TrainingRequest) -> int:
    access = await locate()
    folds = models_dir(settings, access.market_id) / "folds"
    until_ms = training_session.begin(folds, settings, access.clock.now_ms())
    with TrainingView() as view:
        material = await from_exchange(settings, access, until_ms, view)
        await asyncio.to_thread(_train, settings, access.market_id, material, wanted, view)
    training_session.end(folds)
    return 0


async def from_exchange(settings: Settings, access: MarketAccess, until_ms: int, view: TrainingView) -> Material:
    """Candles until `until_ms`, and what trading there costs."""
    connection = await connect(access.settings.exchange, access.settings.market, access.clock)
    try:
        store = settings.storage.state_dir / "candles" / access.market_id
        candles = await download(connection.feed, settings, until_ms, store, view.downloaded)
        known = await observed(lambda name: live_source(name, connection.feed, settings), settings, until_ms)
    finally:
        await connection.close()
    costs = costs_of(settings, connection.instruments)
    books = recorded_books(recordings_path(settings), settings, until_ms)
    return Material(candles, costs, {**known, **books})


def from_folder(settings: Settings, folder: Path) -> Material:
    """What was recorded, at the usual costs."""
    candles = recorded(folder, settings)
    until_ms = max(int(arrays.open_ms[-1]) for arrays in candles.values() if len(arrays.open_ms))
    known = asyncio.run(observed(lambda name: recorded_source(name, folder), settings, until_ms))
    return Material(candles, {}, known)


def _train(settings: Settings, market_id: str, material: Material, wanted: TrainingRequest, view: TrainingView) -> None:
    root = models_dir(settings, market_id)
    files = ModelFiles(root)
    trained = train_and_register(
        material.candles,
        settings,
        files,
        progress=view.trained,
        costs=material.costs,
        extras=material.extras,
        tuned=wanted.tuned,
        checkpoint=root / "folds",
        is_challenger=wanted.is_challenger,
    )
    # nobody waits for a challenger's page: `trader models show --html` makes it when somebody asks
    page = None if wanted.is_challenger else files.keep_page(trained.manifest.info.model_id, card_html(trained.card))
    view.finish(trained.manifest, page)
