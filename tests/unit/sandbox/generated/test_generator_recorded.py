"""The generated market against recorded ones: the usual stylised facts, measured on both with the same ruler.

Recorded: BTC and ETH of ninety days in 2025, candles of a minute; the book of BTC of ten minutes. Generated: without an
edge, as the real ones have none that a line could see.
"""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.sandbox.generated.test_generator import Blobs, market
from trader.sandbox.generated.market import EPOCH_MS
from trader.sandbox.market.listing import listings_for
from trader.sandbox.market.planned import Grid, planned_symbols
from trader.sandbox.market.source import STEPS_PER_CANDLE
from trader.sandbox.recorded.book import RecordedBook
from trader.sandbox.recorded.book_files import read_book

pytestmark = [
    pytest.mark.recorded,
    pytest.mark.skipif("TRADER_DATA" not in os.environ, reason="TRADER_DATA is not set"),
]
Floats = NDArray[np.float64]
CANDLES = 60_000
SEEDS = (7, 21)
MINUTE_MS = 60_000
# time, open, high, low, close, volume: (n, 6) by symbol
Market = Mapping[str, Floats]


@cache
def recorded() -> Market:
    import pyarrow.parquet as pq

    found = {}
    for symbol in ("BTC/USDT", "ETH/USDT"):
        path = Path(os.environ["TRADER_DATA"]) / "candles" / "binance" / f"{symbol.replace('/', '')}-1m.parquet"
        table = pq.read_table(path)
        times = table["timestamp"].to_numpy().astype("datetime64[ms]").astype(np.float64)
        names = ("open", "high", "low", "close", "volume")
        found[symbol] = np.stack([times, *(table[name].to_numpy() for name in names)], axis=1)
    return found


@cache
def generated(seed: int) -> Market:
    made = market(edge=0.0, seed=seed, history=CANDLES).begin(EPOCH_MS)
    return {symbol: rows[:, :6] for symbol, rows in made.items()}


def returns(rows: Floats) -> Floats:
    moves: Floats = np.diff(np.log(rows[:, 4]))
    return moves


def kurtosis(moves: Floats) -> float:
    return float((((moves - moves.mean()) / moves.std()) ** 4).mean())


def correlation(first: Floats, second: Floats) -> float:
    return float(np.corrcoef(first, second)[0, 1])


def autocorrelation(values: Floats, lag: int) -> float:
    return correlation(values[lag:], values[:-lag])


def hourly_profile(rows: Floats) -> Floats:
    """Mean size of a move by hour of the day, 1 = average."""
    sizes, hours = np.abs(returns(rows)), rows[1:, 0] // 3_600_000 % 24
    profile: Floats = np.array([sizes[hours == hour].mean() for hour in range(24)])
    return np.asarray(profile / profile.mean(), dtype=np.float64)


def each(seed: int) -> list[Floats]:
    return list(generated(seed).values())


@pytest.mark.parametrize("seed", SEEDS)
def test_tails_are_as_fat_and_fade_with_the_horizon(seed: int) -> None:
    real = [kurtosis(returns(rows)) for rows in recorded().values()]
    made = [kurtosis(returns(rows)) for rows in each(seed)]
    assert min(real) > 10  # 3 would be normal
    assert 10 < min(made) <= max(made) < 1.5 * max(real)
    hours = [kurtosis(returns(rows[::60])) for rows in each(seed)]
    assert all(3.5 < hour < minute for hour, minute in zip(hours, made, strict=True))


@pytest.mark.parametrize("seed", SEEDS)
def test_past_moves_say_nothing_about_the_direction_of_the_next(seed: int) -> None:
    lags = (1, 2, 3, 5, 10, 20)
    real = max(abs(autocorrelation(returns(rows), lag)) for rows in recorded().values() for lag in lags)
    made = max(abs(autocorrelation(returns(rows), lag)) for rows in each(seed) for lag in lags)
    assert made <= max(real, 4 / np.sqrt(CANDLES))


@pytest.mark.parametrize("seed", SEEDS)
def test_volatility_comes_in_clusters_that_last_for_hours(seed: int) -> None:
    for lag, least_share in ((1, 0.45), (10, 0.5), (60, 0.5), (240, 0.3)):
        real = np.mean([autocorrelation(np.abs(returns(rows)), lag) for rows in recorded().values()])
        made = np.mean([autocorrelation(np.abs(returns(rows)), lag) for rows in each(seed)])
        assert least_share * real < made < 1.6 * real, lag


@pytest.mark.parametrize("seed", SEEDS)
def test_the_day_has_its_busy_and_its_quiet_hours(seed: int) -> None:
    real = np.mean([hourly_profile(rows) for rows in recorded().values()], axis=0)
    made = np.mean([hourly_profile(rows) for rows in each(seed)], axis=0)
    assert correlation(real, made) > 0.4
    assert 0.5 < np.ptp(made) / np.ptp(real) < 1.5
    assert abs(int(real.argmax()) - int(made.argmax())) <= 3  # when New York opens


@pytest.mark.parametrize("seed", SEEDS)
def test_symbols_move_together_as_closely(seed: int) -> None:
    first, second = (returns(rows) for rows in recorded().values())
    real = correlation(first, second)
    btc, *others = each(seed)
    made = [correlation(returns(btc), returns(rows)) for rows in others]
    assert max(made) == made[0] == pytest.approx(real, abs=0.1)  # ETH is the closest
    assert min(made) > 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_turnover_comes_with_moves(seed: int) -> None:
    real = [correlation(np.abs(returns(rows)), rows[1:, 5]) for rows in recorded().values()]
    made = [correlation(np.abs(returns(rows)), rows[1:, 5]) for rows in each(seed)]
    assert 0.5 * min(real) < min(made) <= max(made) < 1.2 * max(real)


def ranks_agree(first: Floats, second: Floats) -> float:
    """Rank correlation."""
    return correlation(first.argsort().argsort().astype(float), second.argsort().argsort().astype(float))


def recorded_book() -> tuple[Floats, Floats, Floats]:
    """(range, spread, depth within 3 bp) of every ten seconds of BTC on 2024-08-08."""
    recording = read_book(Path(os.environ["TRADER_DATA"]) / "books" / "binance_spot", "BTC/USDT", "20240808T2354")
    frames, book, seen = recording.frames, RecordedBook(), []
    for number, time_ms in enumerate(frames.time_ms.tolist()):
        start, end = frames.starts[number : number + 2]
        rows = zip(frames.keys[start:end].tolist(), frames.sizes[start:end].tolist(), strict=True)
        book.apply(0, 0, 0, rows)
        if number % 10 == 0:
            bids, asks = book.bids.levels(200), book.asks.levels(200)
            mid = (bids[0][0] + asks[0][0]) / 2
            depth = sum(q for p, q in (*bids, *asks) if abs(p - mid) < 0.0003 * mid)
            seen.append((time_ms // 10_000, mid, (asks[0][0] - bids[0][0]) / mid, depth))
    values = np.array(seen)
    windows = [values[values[:, 0] == number] for number in np.unique(values[:, 0])]
    ranges = np.array([np.ptp(rows[:, 1]) / rows[0, 1] for rows in windows])
    return ranges, np.array([rows[:, 2].mean() for rows in windows]), np.array([rows[:, 3].mean() for rows in windows])


def generated_book() -> tuple[Floats, Floats, Floats]:
    """The same of every quarter of an hour of ETH."""
    source = market(("ETH/USDT",), edge=0.0, history=1_500, blobs=Blobs())
    listings = listings_for(("ETH/USDT",))
    [symbol] = planned_symbols(listings, source.begin(EPOCH_MS), Grid(MINUTE_MS, 7, EPOCH_MS)).values()
    seen = []
    for number in range(1_500):
        plan = source.plan(EPOCH_MS + number * MINUTE_MS)["ETH/USDT"]
        symbol.open_candle(plan)
        for step in range(STEPS_PER_CANDLE):
            symbol.step(step, EPOCH_MS)
        bids, asks = symbol.levels_at(EPOCH_MS + number * MINUTE_MS)
        depth = sum(quantity for _, quantity in (*bids[:20], *asks[:20]))
        seen.append(((plan.row[2] - plan.row[3]) / plan.row[3], (asks[0][0] - bids[0][0]) / bids[0][0], depth))
        symbol.close_candle()
    ranges, spreads, depths = np.array(seen).reshape(-1, 15, 3).mean(axis=1).T
    return ranges, spreads, depths


def test_books_are_wider_and_thinner_when_prices_move() -> None:
    for ranges, spreads, depths in (recorded_book(), generated_book()):
        assert ranks_agree(ranges, spreads) > 0.25
        assert ranks_agree(ranges, depths) < -0.15
