"""Generated and recorded perpetuals: how they follow their spot pair, and what mark prices and funding come of it."""

from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.sandbox.generated.test_generator import Blobs
from trader.domain.errors import Misconfigured
from trader.sandbox.generated.market import EPOCH_MS, GeneratedMarket
from trader.sandbox.market.listing import listings_for
from trader.sandbox.market.mark import PremiumPricing, mark_price
from trader.sandbox.market.premium import GeneratedPremium, RecordedPremium
from trader.sandbox.recorded.candle_files import read_funding, read_recordings
from trader.simulation.derivatives.funding import FUNDING_MS, funding_rate

MINUTE = 60_000
SPOT, PERPETUAL = "BTC/USDT", "BTC/USDT:USDT"


def market(*symbols: str, blobs: Blobs | None = None, history: int = 3_000) -> GeneratedMarket:
    return GeneratedMarket(
        listings_for(symbols), seed=7, edge=1.0, base_ms=MINUTE, history_candles=history, blobs=blobs or Blobs()
    )


def test_a_perpetual_is_the_same_whether_its_spot_pair_is_listed_or_not() -> None:
    alone, beside = market(PERPETUAL), market(SPOT, PERPETUAL, "ETH/USDT:USDT")
    history, both = alone.begin(EPOCH_MS), beside.begin(EPOCH_MS)
    assert set(history) == {PERPETUAL}
    assert np.array_equal(history[PERPETUAL], both[PERPETUAL])
    assert np.array_equal(both[SPOT], market(SPOT).begin(EPOCH_MS)[SPOT])
    for minute in range(3):
        plan = alone.plan(EPOCH_MS + minute * MINUTE)
        assert set(plan) == {PERPETUAL}
        assert plan == {PERPETUAL: beside.plan(EPOCH_MS + minute * MINUTE)[PERPETUAL]}


def test_history_live_path_and_restart_agree_bit_for_bit() -> None:
    blobs = Blobs()
    live = market(SPOT, PERPETUAL, blobs=blobs)
    live.begin(EPOCH_MS)
    rows = [live.plan(EPOCH_MS + minute * MINUTE)[PERPETUAL].row for minute in range(50)]
    again = market(SPOT, PERPETUAL, blobs=blobs).begin(EPOCH_MS + 50 * MINUTE)[PERPETUAL]
    assert np.array_equal(again[-50:], np.array(rows))
    # a perpetual that is listed later has a past as well
    later = market(PERPETUAL, blobs=blobs).begin(EPOCH_MS + 50 * MINUTE)[PERPETUAL]
    assert np.array_equal(later, again)


def test_candles_of_a_perpetual_are_whole_and_close_to_spot() -> None:
    both = market(SPOT, PERPETUAL).begin(EPOCH_MS)
    rows, spot = both[PERPETUAL], both[SPOT]
    assert np.all(rows[:, 2] >= rows[:, [1, 4]].max(axis=1))
    assert np.all(rows[:, 3] <= rows[:, [1, 4]].min(axis=1))
    assert np.all(rows[:, 5] > 0)
    ticks = rows[:, 1:5] / 0.1
    assert np.allclose(ticks, np.rint(ticks))
    premium = rows[:, 4] / spot[:, 4] - 1
    assert np.abs(premium).max() < 0.0015
    assert premium.std() > 0.0001
    returns = [np.diff(np.log(each[:, 4])) for each in (rows, spot)]
    assert np.corrcoef(returns[0], returns[1])[0, 1] > 0.97


def test_the_premium_is_a_function_of_time_that_comes_back_to_its_mean() -> None:
    premium = GeneratedPremium(7, PERPETUAL)
    times = EPOCH_MS + np.arange(60 * 1_440, dtype=np.int64) * MINUTE
    values = premium.at(times)
    assert np.array_equal(values[100:200], premium.at(times[100:200]))
    assert not np.array_equal(values, GeneratedPremium(8, PERPETUAL).at(times))
    assert np.abs(values).max() < 0.0015
    assert abs(values.mean()) < 0.0003
    assert np.abs(np.diff(values)).max() < 0.0002
    assert np.abs(values - premium.smooth(times)).max() <= 0.0001
    halves = values.reshape(60, 1_440).mean(axis=1)
    assert np.sign(halves).min() != np.sign(halves).max()  # both sides within two months


def test_funding_follows_from_the_premium_of_its_eight_hours() -> None:
    premium = GeneratedPremium(7, PERPETUAL)
    due = EPOCH_MS + 5 * FUNDING_MS
    times = np.arange(due - FUNDING_MS, due, MINUTE, dtype=np.int64)
    assert premium.rate(due) == funding_rate(float(premium.at(times).mean()))
    assert premium.running_rate(due) == premium.rate(due)
    rates = {premium.rate(EPOCH_MS + number * FUNDING_MS) for number in range(300)}
    assert Decimal("0.0001") in rates
    assert len(rates) > 50
    assert min(rates) < 0 < max(rates)


def test_mark_and_index_lie_around_the_last_price() -> None:
    premium = GeneratedPremium(7, PERPETUAL)
    now_ms = EPOCH_MS + 12_345_678
    price = mark_price(95_000.0, PremiumPricing(premium), now_ms)
    moment = np.array([now_ms])
    assert price.index * (1 + premium.at(moment)[0]) == pytest.approx(95_000.0, abs=1e-6)
    assert price.mark == pytest.approx(price.index * (1 + premium.smooth(moment)[0]), abs=1e-6)
    assert price.next_funding_ms == EPOCH_MS + FUNDING_MS


def candles(path: Path, symbol: str = "BTCUSDT") -> None:
    path.mkdir(parents=True, exist_ok=True)
    count = 100
    table = {"timestamp": EPOCH_MS + np.arange(count) * MINUTE, "volume": np.ones(count)}
    pq.write_table(
        pa.table({**table, **{name: np.full(count, 100.5) for name in ("open", "high", "low", "close")}}),
        path / f"{symbol}-1m.parquet",
    )


def test_recorded_perpetuals_come_from_their_own_folder_with_their_own_funding(tmp_path: Path) -> None:
    candles(tmp_path)
    with pytest.raises(Misconfigured, match="'perpetual'"):
        read_recordings(tmp_path, (SPOT, PERPETUAL), "1m")
    candles(tmp_path / "perpetual")
    rates = {"timestamp": [EPOCH_MS, EPOCH_MS + FUNDING_MS], "funding_rate": [0.0003, -0.00012345]}
    pq.write_table(pa.table(rates), tmp_path / "perpetual" / "BTCUSDT-funding_8h.parquet")
    base_ms, found = read_recordings(tmp_path, (SPOT, PERPETUAL), "1m")
    assert (base_ms, set(found)) == (MINUTE, {SPOT, PERPETUAL})
    assert found[PERPETUAL].listing.instrument.symbol == PERPETUAL
    premium = RecordedPremium(read_funding(tmp_path, PERPETUAL))
    assert premium.rate(EPOCH_MS + FUNDING_MS) == Decimal("-0.00012345")
    assert premium.running_rate(EPOCH_MS + 1) == Decimal("-0.00012345")
    assert premium.rate(EPOCH_MS + 2 * FUNDING_MS) == Decimal("0.0001")
    assert mark_price(100.5, PremiumPricing(premium), EPOCH_MS).mark == 100.5
    assert read_funding(tmp_path / "perpetual", "ETH/USDT:USDT") == {}


def test_perpetuals_alone_may_be_in_the_folder_itself(tmp_path: Path) -> None:
    candles(tmp_path)
    assert set(read_recordings(tmp_path, (PERPETUAL,), "1m")[1]) == {PERPETUAL}
    (tmp_path / "BTCUSDT-funding_8h.parquet").write_bytes(b"no table")
    with pytest.raises(Misconfigured, match="funding rates"):
        read_funding(tmp_path, PERPETUAL)
