"""Where no strategy goes by forecasts, every close is told without one; strategies see the columns they ask for."""

import math

import numpy as np
import pytest

from tests.kit.seen_rows import SeenRows
from trader.domain.market import Candle
from trader.domain.signals import Forecast
from trader.features import FeatureSet, FeatureStream
from trader.scoring.scoring import WITHOUT_MODEL, Scoring, Work

MINUTE_MS = 60_000
SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
FEATURES = FeatureSet("1m", ("15m", "1h"), SYMBOLS, ("leader", "peers"))
PAST = FEATURES.warm_up + 1  # candles before the first close


def candles(symbol: str, count: int) -> list[Candle]:
    rng = np.random.default_rng(SYMBOLS.index(symbol))
    closes = 100 * np.exp(np.cumsum(rng.normal(0, 0.001, count)))
    return [
        Candle(symbol, n * MINUTE_MS, (n + 1) * MINUTE_MS, close, close * 1.001, close * 0.999, close, 3.0)
        for n, close in enumerate(closes.tolist())
    ]


def expected(symbol: str, upto: int, name: str) -> float:
    stream = FeatureStream("1m")
    row = None
    for one in candles(symbol, upto):
        row = stream.update(one.open_ms, one.open, one.high, one.low, one.close, one.volume)
    assert row is not None
    return float(row[stream.columns.index(name)])


def warm(wanted: dict[str, tuple[str, ...]]) -> Scoring:
    scoring = Scoring(None, FEATURES, wanted)
    for symbol in SYMBOLS:
        scoring.learn_history(symbol, candles(symbol, PAST))
    return scoring


def closed(scoring: Scoring, number: int, *symbols: str) -> dict[str, Forecast]:
    """What is said at the `number`-th close after the warm-up."""
    one = {symbol: candles(symbol, PAST + 3)[PAST + number] for symbol in symbols or SYMBOLS}
    return {said.symbol: said for said in scoring.score(Work([], [one], []))}


def test_each_close_is_told_with_its_indicators_and_without_numbers_of_a_model() -> None:
    scoring = warm({})
    assert scoring.awaited == ()  # nobody needs the leader's candle, nobody waits for it
    said = closed(scoring, 0, "ETH/USDT")
    assert list(said) == ["ETH/USDT"]
    made = said["ETH/USDT"]
    assert (made.missing, made.model_id, made.features) == ((WITHOUT_MODEL,), "", {})
    assert math.isnan(made.prediction)
    assert made.context.rsi_14 == expected("ETH/USDT", PAST + 1, "rsi_14")


def test_strategies_see_the_columns_they_ask_for_now_and_at_the_close_before() -> None:
    scoring = warm({"ETH/USDT": ("macd", "rsi_15m"), "BTC/USDT": ()})
    first, second = closed(scoring, 0), closed(scoring, 1)
    assert first["BTC/USDT"].features == {}
    for number, made in enumerate((first["ETH/USDT"], second["ETH/USDT"])):
        upto = PAST + 1 + number
        assert made.features == {name: expected("ETH/USDT", upto, name) for name in ("macd", "rsi_15m")}
        assert made.features_before == {name: expected("ETH/USDT", upto - 1, name) for name in ("macd", "rsi_15m")}


def test_after_a_hole_the_close_before_is_not_known() -> None:
    scoring = warm({"ETH/USDT": ("macd",)})
    closed(scoring, 0)
    made = closed(scoring, 2)["ETH/USDT"]
    assert list(made.features) == ["macd"]
    assert made.features_before == {}


@pytest.mark.parametrize(
    ("name", "groups", "awaited"),
    [
        ("macd", (), ()),
        ("return_rank_15", ("peers",), SYMBOLS),
        ("leader_return_5", ("leader",), SYMBOLS[:1]),
    ],
)
def test_columns_beside_other_symbols_bring_their_group_and_wait_for_it(
    name: str, groups: tuple[str, ...], awaited: tuple[str, ...]
) -> None:
    scoring = Scoring(None, FEATURES, {"ETH/USDT": (name,)})
    assert (scoring.features.groups, scoring.awaited) == (groups, awaited)


def test_strategies_see_their_columns_beside_a_forecast_too() -> None:
    scoring = Scoring(SeenRows(FEATURES), FEATURES, {"ETH/USDT": ("macd",)})
    for symbol in SYMBOLS:
        scoring.learn_history(symbol, candles(symbol, PAST))
    made = closed(scoring, 0)
    assert made["ETH/USDT"].missing == made["BTC/USDT"].missing == ()
    assert made["ETH/USDT"].features == {"macd": expected("ETH/USDT", PAST + 1, "macd")}
    assert made["ETH/USDT"].features_before == {"macd": expected("ETH/USDT", PAST, "macd")}
    assert made["BTC/USDT"].features == {}
