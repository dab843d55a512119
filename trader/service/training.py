"""`trader train`: history into a model, a model into the registry. Runs in a process of its own."""

import asyncio
from pathlib import Path
from typing import NamedTuple

from trader.adapters.ccxt.connect import connect
from trader.adapters.model_files import ModelFiles
from trader.config.schema import Settings
from trader.domain.candle_arrays import CandleArrays
from trader.service import training_session
from trader.service.history import download, recorded
from trader.service.supply import models_dir
from trader.service.training_view import TrainingView
from trader.service.venue import Venue
from trader.training.card_html import card_html
from trader.training.dataset import Costs
from trader.training.fit import train_and_register
from trader.training.profiles import Profile


class Wanted(NamedTuple):
    """What `trader train` was asked for."""

    is_challenger: bool = False
    tuned: Profile | None = None


class Material(NamedTuple):
    """What is learned from, per symbol; `costs` is empty where the exchange was not asked."""

    candles: dict[str, CandleArrays]
    costs: dict[str, Costs]


async def train_here(settings: Settings, venue: Venue, wanted: Wanted) -> None:
    """Download what is missing, train, register, and show what the model is worth."""
    folds = models_dir(settings, venue.market_id) / "folds"
    until_ms = training_session.begin(folds, settings, venue.clock.now_ms())
    with TrainingView() as view:
        material = await from_exchange(settings, venue, until_ms, view)
        await asyncio.to_thread(_train, settings, venue.market_id, material, wanted, view)
    training_session.end(folds)


def train_recorded(settings: Settings, market_id: str, folder: Path, wanted: Wanted) -> None:
    """The same from a folder of recorded candles, at the usual costs (`dataset.Costs`)."""
    with TrainingView() as view:
        _train(settings, market_id, Material(recorded(folder, settings), {}), wanted, view)


async def from_exchange(settings: Settings, venue: Venue, until_ms: int, view: TrainingView) -> Material:
    """Candles until `until_ms`, and what the exchange charges."""
    connection = await connect(venue.settings.exchange, venue.settings.market, venue.clock)
    try:
        store = settings.storage.state_dir / "candles" / venue.market_id
        candles = await download(connection.feed, settings, until_ms, store, view.downloaded)
    finally:
        await connection.close()
    costs = {s: Costs(taker_fee_frac=instrument.taker_fee_frac) for s, instrument in connection.instruments.items()}
    return Material(candles, costs)


def _train(settings: Settings, market_id: str, material: Material, wanted: Wanted, view: TrainingView) -> None:
    root = models_dir(settings, market_id)
    files = ModelFiles(root)
    trained = train_and_register(
        material.candles,
        settings,
        files,
        progress=view.trained,
        costs=material.costs,
        tuned=wanted.tuned,
        checkpoint=root / "folds",
        is_challenger=wanted.is_challenger,
    )
    page = files.keep_page(trained.manifest.info.model_id, card_html(trained.card))
    view.finish(trained.manifest, page)
