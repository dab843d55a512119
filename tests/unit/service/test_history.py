"""What a training learns from, of a folder of recordings."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trader.config.exchange import ExchangeSettings
from trader.config.schema import ModelSettings, Settings
from trader.domain.errors import Misconfigured
from trader.features import Extras
from trader.features.funding import KNOWN_AFTER_MS
from trader.service.history import recorded, recorded_funding
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


def test_funding_recorded_beside_the_candles_becomes_a_model_input(folder: Path) -> None:
    settled = [number * 8 * HOUR for number in range(40)]
    write(folder / "BTCUSDT-funding_8h.parquet", settled, funding_rate=[1e-4 * number for number in range(40)])
    candles, funding = recorded(folder, PERPETUAL), recorded_funding(folder, PERPETUAL)
    table = build_dataset(candles, PERPETUAL, extras=Extras(funding=funding))
    rate = table.X[:, table.feature_names.index("funding_rate")]
    newest = (table.start_ms - KNOWN_AFTER_MS) // (8 * HOUR)
    assert rate.tolist() == pytest.approx((1e-4 * newest).tolist())
    assert table.feature_groups == ("funding",)  # one symbol: no leader, no ranks


def test_without_recorded_funding_the_training_says_what_to_do(folder: Path) -> None:
    candles, funding = recorded(folder, PERPETUAL), recorded_funding(folder, PERPETUAL)
    with pytest.raises(Misconfigured, match=r"feature_groups has funding, but there is none of BTC/USDT:USDT.*leave"):
        build_dataset(candles, PERPETUAL, extras=Extras(funding=funding))
    spot = PERPETUAL.model_copy(update={"exchange": ExchangeSettings(symbols=(SYMBOL,))})
    assert recorded_funding(folder, spot) == {}
    assert build_dataset(recorded(folder, spot), spot).feature_groups == ()
