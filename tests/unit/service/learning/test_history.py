"""What a training learns from, of a folder of recordings."""

import asyncio
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.kit.market_inputs import packed
from trader.adapters.observations import recorded_source
from trader.adapters.parquet.spool import Recorded, Unpacker
from trader.config.exchange import ExchangeSettings
from trader.config.model import ModelSettings
from trader.config.recorder import RecorderSettings
from trader.config.schema import Settings
from trader.domain.errors import Misconfigured
from trader.domain.events import BookUpdated, TradePrinted
from trader.domain.market import Book, Trade
from trader.domain.observation import Observation
from trader.features import Extras
from trader.features.groups.funding import KNOWN_AFTER_MS
from trader.service.learning.history import observed, recorded, recorded_books
from trader.service.recording.keeper import Keeper
from trader.training.dataset import build_dataset

MINUTE, HOUR = 60_000, 3_600_000
COUNT = 2_200
SYMBOL = "BTC/USDT:USDT"
PERPETUAL = Settings(
    exchange=ExchangeSettings.model_validate({"market": "perpetual", "symbols": (SYMBOL,)}),
    model=ModelSettings(training_candles=1_000),
)


def write(path: Path, times_ms: list[int], **columns: list[float]) -> None:
    table = pa.table({"timestamp": pa.array(times_ms, pa.timestamp("ms", tz="UTC")), **columns})
    pq.write_table(table, path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    close = (100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 1e-3, COUNT)))).tolist()
    times = [number * MINUTE + 200 * HOUR for number in range(COUNT)]
    prices = dict.fromkeys(("open", "high", "low", "close"), close)
    write(tmp_path / "BTCUSDT-1m.parquet", times, **prices, volume=[1.0] * COUNT)
    return tmp_path


def recorded_beside(folder: Path, settings: Settings) -> Extras:
    until_ms = COUNT * MINUTE + 200 * HOUR
    return asyncio.run(observed(lambda name: recorded_source(name, folder), settings, until_ms))


def test_funding_recorded_beside_the_candles_becomes_a_model_input(folder: Path) -> None:
    settled = [number * 8 * HOUR for number in range(40)]
    write(folder / "BTCUSDT-funding_8h.parquet", settled, funding_rate=[1e-4 * number for number in range(40)])
    candles, known = recorded(folder, PERPETUAL), recorded_beside(folder, PERPETUAL)
    table = build_dataset(candles, PERPETUAL, extras=known)
    rate = table.X[:, table.feature_names.index("funding_rate")]
    newest = (table.start_ms - KNOWN_AFTER_MS) // (8 * HOUR)
    assert rate.tolist() == pytest.approx((1e-4 * newest).tolist())
    assert table.feature_groups == ("funding",)  # one symbol: no leader, no ranks


def test_without_recorded_funding_the_training_says_what_to_do(folder: Path) -> None:
    candles, known = recorded(folder, PERPETUAL), recorded_beside(folder, PERPETUAL)
    with pytest.raises(Misconfigured, match=r"feature_groups has funding, but there is none of BTC/USDT:USDT.*leave"):
        build_dataset(candles, PERPETUAL, extras=known)
    spot = PERPETUAL.model_copy(update={"exchange": ExchangeSettings(symbols=(SYMBOL,))})
    assert recorded_beside(folder, spot) == {}
    assert build_dataset(recorded(folder, spot), spot).feature_groups == ()


# --- recorded books -----------------------------------------------------------------------------------------------

BOOKS = Settings(
    exchange=ExchangeSettings(symbols=("BTC/USDT",)),
    model=ModelSettings(training_candles=1_000, feature_groups=("books",)),
)


def keep(root: Path, events: list[Recorded]) -> None:
    """As the recorder's child does."""
    keeper = Keeper(root, RecorderSettings(), lambda *_args, **_fields: None)
    for frame, raw in Unpacker().feed(packed(1, 0, events)):
        keeper.take(frame, raw)
    keeper.close()


def test_books_the_daemon_recorded_come_with_their_trades_in_the_markets_order(tmp_path: Path) -> None:
    noon = 43_200_000 + 86_400_000 * 20_000
    books = [
        BookUpdated(book=Book("BTC/USDT", noon + at, ((99.0, 1.0),), ((101.0, 1.0),)), ts_ms=noon + at, seq=at)
        for at in (1, 3, 5)
    ]
    trades = [TradePrinted(trade=Trade("BTC/USDT", noon + at, str(at), 100.0, 1.0, True)) for at in (2, 4)]
    keep(tmp_path, [*books, *trades])
    found = recorded_books(tmp_path, BOOKS, noon + HOUR)
    events = [event for event in found["books"]["BTC/USDT"] if not isinstance(event, Observation)]
    assert [event.ts_ms - noon for event in events] == [1, 2, 3, 4, 5]
    assert recorded_books(tmp_path, BOOKS, noon + 4_000 * HOUR) == {"books": {}}  # too old to matter
    assert recorded_books(tmp_path, PERPETUAL, noon + HOUR) == {}  # no model sees them
