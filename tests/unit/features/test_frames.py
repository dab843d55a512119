"""The data-frame call: every group beside the symbol's own candles, equal to the arrays' way, blind to the future."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.unit.features.candles import Candles, random_candles
from trader.domain.candle_arrays import CandleArrays
from trader.domain.market import Book, Trade
from trader.domain.observation import Observation
from trader.features import WARM_UP, column_names, compute_features, compute_market

COUNT, CUT, MINUTE = 2_060, 2_030, 60_000
GROUPS = ("leader", "funding", "books", "peers")
SYMBOLS = ("BTC", "ETH", "SOL")


def frame_of(candles: Candles) -> pd.DataFrame:
    times = pd.to_datetime(candles.open_ms, unit="ms", utc=True)
    return pd.DataFrame({name: getattr(candles, name) for name in ("open", "high", "low", "close", "volume")}, times)


def market(*, after_cut: int = 0) -> tuple[dict[str, Candles], pd.DataFrame, list[Book | Trade]]:
    """Candles of three symbols, funding and books; `after_cut` changes everything from candle CUT on."""
    candles = {}
    for number, symbol in enumerate(SYMBOLS):
        known, other = random_candles(COUNT, seed=number), random_candles(COUNT, seed=number + after_cut)
        columns = (np.concatenate((a[:CUT], b[CUT:])) for a, b in zip(known[1:], other[1:], strict=True))
        candles[symbol] = Candles(known.open_ms, *columns)
    opened = candles["BTC"].open_ms
    known_ms = opened[-1] - np.arange(60)[::-1] * 40 * MINUTE
    rates = np.where(known_ms > opened[CUT] + MINUTE, 1e-4 * (1 + after_cut), np.arange(60) * 1e-5)
    funding = pd.DataFrame({"funding_rate": rates}, pd.to_datetime(known_ms, unit="ms", utc=True))
    books: list[Book | Trade] = []
    for at in range(int(opened[WARM_UP - 2]), int(opened[-1]) + MINUTE, 20_000):
        lean = 1.0 + (at // 20_000) % 5 + (after_cut if at >= opened[CUT] else 0)
        books += [Book("ETH", at, ((99.0, lean),), ((101.0, 2.0),)), Trade("ETH", at + 1, str(at), 100.0, lean, True)]
    return candles, funding, books


def computed(made: tuple[dict[str, Candles], pd.DataFrame, list[Book | Trade]], **more: Any) -> pd.DataFrame:
    candles, funding, books = made
    frames = {symbol: frame_of(one) for symbol, one in candles.items()}
    own = frames.pop("ETH")
    return compute_features(own, "1m", leader=frames["BTC"], funding=funding, books=books, peers=frames, **more)


def test_all_groups_together_are_what_a_model_is_trained_on() -> None:
    candles, funding, books = made = market()
    features = computed(made)
    assert tuple(features.columns) == column_names(groups=GROUPS)
    known_ms = pd.DatetimeIndex(funding.index).as_unit("ms").asi8.tolist()
    settled = [
        Observation("funding", "", at, at, rate) for at, rate in zip(known_ms, funding["funding_rate"], strict=True)
    ]
    nobody: dict[str, list[Book | Trade]] = {"BTC": [], "SOL": []}
    rows = compute_market(
        {symbol: CandleArrays(*one) for symbol, one in candles.items()},
        "1m",
        GROUPS,
        extras={"funding": dict.fromkeys(SYMBOLS, settled), "books": {**nobody, "ETH": books}},
    )["ETH"]
    assert np.array_equal(features.to_numpy()[WARM_UP:], rows[WARM_UP:])
    assert np.isfinite(rows[WARM_UP:]).all()


def test_no_group_sees_the_future() -> None:
    before, after = computed(market()), computed(market(after_cut=50))
    assert np.array_equal(before.to_numpy()[WARM_UP:CUT], after.to_numpy()[WARM_UP:CUT])
    changed = (before.to_numpy()[CUT:] != after.to_numpy()[CUT:]).any(axis=0)
    groups = {name: bool(hit) for name, hit in zip(before.columns, changed, strict=True)}
    assert all(groups[name] for name in ("leader_return_1", "funding_mean_9", "return_rank_15", "book_imbalance_1"))


def test_what_is_not_built_is_refused() -> None:
    with pytest.raises(ValueError, match="enrichment was given"):
        computed(market(), enrichment=pd.DataFrame())
