"""`trader train`: history from the exchange, a model into the registry. Runs in a process of its own."""

import asyncio

from trader.adapters.ccxt.connect import connect
from trader.config.schema import Settings
from trader.service.history import download
from trader.service.supply import model_files
from trader.service.training_view import TrainingView
from trader.service.venue import Venue
from trader.training.dataset import Costs
from trader.training.fit import train_and_register


async def train_here(settings: Settings, venue: Venue) -> None:
    """Download what is missing, train, register, and show what the model is worth."""
    with TrainingView() as view:
        connection = await connect(venue.settings.exchange, venue.settings.market, venue.clock)
        try:
            store = settings.storage.state_dir / "candles" / venue.market_id
            candles = await download(connection.feed, settings, venue.clock, store, view.downloaded)
        finally:
            await connection.close()
        costs = {s: Costs(taker_fee_frac=instrument.taker_fee_frac) for s, instrument in connection.instruments.items()}
        files = model_files(settings, venue)
        trained = await asyncio.to_thread(
            train_and_register, candles, settings, files, progress=view.trained, costs=costs
        )
        view.finish(trained.manifest)
