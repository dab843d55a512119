"""On the twelve recorded pairs: a label is what the plan of a live position would have come to."""

import os
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from tests.kit.plan_walk import Walked, walk
from trader.adapters.parquet.candles import RecordedCandles
from trader.config.market import MarketSettings
from trader.config.risk import AtTarget, RiskSettings
from trader.config.schema import Settings
from trader.domain.candle_arrays import CandleArrays
from trader.domain.orders import Side
from trader.domain.signals import CONTEXT_COLUMNS, MarketContext, Regime
from trader.features import COLUMNS, WARM_UP, compute_matrix
from trader.risk.stops import Barriers, barriers, horizon_sigma_frac
from trader.strategy.regime import classify
from trader.training.labels import Distances, barrier_outcome

pytestmark = [
    pytest.mark.recorded,
    pytest.mark.skipif("TRADER_DATA" not in os.environ, reason="TRADER_DATA is not set"),
]
PAIRS = ("ADA", "BCH", "BNB", "BTC", "DOGE", "ETH", "INJ", "LTC", "SOL", "SUI", "XRP", "ZEC")
SETTINGS = Settings(market=MarketSettings(timeframe="15m", higher_timeframes=("1h", "4h")))
HORIZON = SETTINGS.model.horizon_candles
LENGTH_MS = 15 * 60_000
STEP = 20  # every 20th close of each pair is entered


class Pair(NamedTuple):
    candles: CandleArrays
    distances: Distances
    rows: list[int]


def at(pair: Pair, row: int) -> Barriers:
    return Barriers(*(float(column[row]) for column in pair.distances))


def of(symbol: str) -> Pair:
    """The last two months of a pair and where an entry at each close would have its exits."""
    recorded = RecordedCandles(Path(os.environ["TRADER_DATA"]) / "candles" / "binance")
    candles = recorded.read_arrays(f"{symbol}/USDT", "15m").take(slice(-6_000, None))
    matrix = compute_matrix(*candles, "15m", higher_timeframes=("1h", "4h"))
    context = matrix[:, [COLUMNS.index(name) for name in CONTEXT_COLUMNS]]
    found, previous = np.full((len(context), 3), np.nan), None
    for row in range(WARM_UP, len(context)):
        here = MarketContext(*context[row].tolist())
        previous = classify(here, previous, SETTINGS.strategy)
        found[row] = _barriers(here, previous)
    last = len(context) - 200
    return Pair(candles, Distances(*np.ascontiguousarray(found.T)), list(range(WARM_UP, last, STEP)))


def _barriers(here: MarketContext, regime: Regime) -> Barriers:
    rule, sigma = SETTINGS.strategy.regimes[regime], horizon_sigma_frac(here.annual_vol, HORIZON * LENGTH_MS)
    return barriers(here.atr_14 / here.close, rule.stop_loss_frac, rule.take_profit_frac, sigma, SETTINGS.risk)


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return [of(symbol) for symbol in PAIRS]


@pytest.mark.parametrize(
    ("horizon", "changes"),
    [
        (HORIZON, {}),
        (HORIZON, {"at_target": AtTarget.CLOSE, "partial_frac": 0.3}),
        (130, {}),  # beyond the day that a losing trade is given
    ],
)
def test_labels_are_what_live_plans_come_to(pairs: list[Pair], horizon: int, changes: dict[str, Any]) -> None:
    risk = RiskSettings(**changes)
    count, different, worst = 0, 0, 0.0
    for pair in pairs:
        for side in Side:
            label = barrier_outcome(pair.candles, pair.distances, horizon, 0.0, risk, side=side.sign)
            for row in pair.rows:
                live = walk(pair.candles, row, at(pair, row), side, horizon, risk)
                count += 1
                worst = max(worst, abs(live.gross - label.net[row]))
                different += live.last != label.exit_candle[row] or (live.gross > 0) != (label.net[row] > 0)
    assert count >= 4_000
    assert different == 0
    assert worst < 1e-12


def shares(trades: list[Walked]) -> dict[str, float]:
    """Share of the trades in which each rung fired."""
    found: Counter[str] = Counter()
    for trade in trades:
        found.update({reason.value for reason in trade.reasons})
        found["target"] += trade.trailed
    return {name: count / len(trades) for name, count in found.items()}


def trades_of(pairs: list[Pair], goes_on: bool) -> list[Walked]:
    """Long and short from every sampled close; with `goes_on` extended while the last day went the trade's way."""
    found = []
    for pair in pairs:
        close = pair.candles.close
        for side in Side:

            def extends(row: int, close: Any = close, sign: int = side.sign) -> bool:
                return goes_on and (close[row] - close[row - 96]) * sign > 0

            found += [
                walk(pair.candles, row, at(pair, row), side, HORIZON, SETTINGS.risk, extends=extends)
                for row in pair.rows
            ]
    return found


def test_every_rung_fires(pairs: list[Pair]) -> None:
    """In one horizon of 4 h nothing can lose for a day, and what comes back to the entry has little time for it."""
    one = shares(trades_of(pairs, goes_on=False))
    assert {name for name, share in one.items() if share >= 0.01} == {
        "stop", "partial", "target", "trailing_stop", "horizon",
    }  # fmt: skip
    extended = shares(trades_of(pairs, goes_on=True))
    assert {name for name, share in extended.items() if share >= 0.01} == {
        "stop", "partial", "break_even", "target", "trailing_stop", "horizon", "time",
    }  # fmt: skip
