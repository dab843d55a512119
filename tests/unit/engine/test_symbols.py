"""Settings of one symbol: what differs for it, and that the others stay as they are."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from tests.kit.builders import NOW_MS
from tests.kit.situations import MINUTE_MS, Scene, a_scene, coins, of, quantity, sent, told
from trader.domain.account import Position
from trader.domain.decisions import Notify
from trader.domain.orders import OrderType, Purpose
from trader.domain.signals import DecisionRecord, Verdict
from trader.strategy import EmaCross, Ensemble
from trader.strategy.loading import load_strategies

OWN, OTHER = "SOL/USDT", "ETH/USDT"


def scene_with(own: Mapping[str, Any]) -> Scene:
    return a_scene(
        {"exchange": {"symbols": [OTHER, OWN]}, "symbols": {OWN: own}}, instruments=coins("ETH", "SOL"), quote="100000"
    )


def both(own: Mapping[str, Any], prediction: float = 0.02) -> tuple[Scene, DecisionRecord, DecisionRecord]:
    """The scene and the rows of the same forecast for the symbol with settings of its own, and for another."""
    scene = scene_with(own)
    return scene, scene.forecast(prediction, OWN), scene.forecast(prediction, OTHER)


def test_its_size_is_by_its_own_rules() -> None:
    _, own, other = both({"sizing": {"position_notional_cap_frac": 0.05}})
    assert float(quantity(own)) == pytest.approx(float(quantity(other)) / 5, rel=1e-3)


def test_its_algorithm_is_its_own() -> None:
    scene, own, other = both({"execution": {"algorithm": "limit"}})
    assert (own.algorithm, other.algorithm) == ("limit", "market")
    entries = {intent.symbol: intent for intent in sent(scene.seen, Purpose.ENTRY)}
    assert (entries[OWN].post_only, entries[OTHER].post_only) == (True, False)
    assert entries[OWN].type is OrderType.LIMIT


def test_how_far_its_orders_reach_is_its_own() -> None:
    scene, *_ = both({"execution": {"protected_market_frac": 0.01}})
    limits = {intent.symbol: intent.price for intent in sent(scene.seen, Purpose.ENTRY)}
    assert {symbol: float(price or 0) for symbol, price in limits.items()} == {
        OWN: pytest.approx(100.01 * 1.01, abs=0.01), OTHER: pytest.approx(100.01 * 1.003, abs=0.01)
    }  # fmt: skip


def test_its_stop_is_by_its_own_rules() -> None:
    scene, *_ = both({"risk": {"stop_atr": 40.0}})
    scene.oblige()
    assert [scene.plan(symbol).r_frac for symbol in (OWN, OTHER)] == pytest.approx([0.04, 0.01])


def test_its_exits_are_by_its_own_rules() -> None:
    scene, *_ = both({"risk": {"losing_time_exit_h": 0.05}, "execution": {"algorithm": "market"}})
    scene.oblige()
    for symbol in (OWN, OTHER):
        scene.price(99.9, symbol)
    scene.wait(4 * MINUTE_MS)
    scene.tick()
    assert [n.symbol for n in of(scene.seen, Notify) if n.event == "exit.asked"] == [OWN]


def test_its_stop_follows_a_close_by_its_own_rules() -> None:
    scene, *_ = both({"risk": {"target_at_r": 1.0, "trail_frac": 0.001}})
    scene.oblige()
    for symbol in (OWN, OTHER):
        scene.price(101.7, symbol)
        scene.candle(101.7, symbol)
    assert (scene.plan(OWN).trailing, scene.plan(OTHER).trailing) == (True, False)


def test_the_edge_it_needs_is_its_own() -> None:
    _, own, other = both({"strategy": {"minimum_edge_bps": 300.0}})
    assert (own.verdict, told(own)) == (Verdict.SKIP, ("edge 200.0bp < needed 300.0bp",))
    assert other.verdict is Verdict.ENTER


def test_its_regime_is_by_its_own_thresholds() -> None:
    _, own, other = both({"strategy": {"high_volatility": 0.25, "low_volatility": 0.1}})
    assert (own.regime, other.regime) == ("high_volatility", "range_bound")


def test_a_forecast_may_be_as_old_as_it_says() -> None:
    scene = scene_with({"strategy": {"max_forecast_age_candles": 5.0}})
    own, other = (scene.forecast(0.02, symbol, age_ms=2 * MINUTE_MS) for symbol in (OWN, OTHER))
    assert own.verdict is Verdict.ENTER
    assert told(other) == ("forecast is 120 s old",)


def test_the_review_is_by_its_own_limits() -> None:
    scene, *_ = both({"risk": {"max_order_notional_frac": 0.1}})
    refused = [notice for notice in of(scene.seen, Notify) if notice.event == "order.refused"]
    assert [notice.symbol for notice in refused] == [OWN]
    assert refused[0].message.startswith("order ")


def test_the_stop_of_a_position_that_is_adopted_is_by_its_own_rules() -> None:
    own, other = "SOL/USDT:USDT", "ETH/USDT:USDT"
    scene = a_scene(
        {"exchange": {"symbols": [other, own]}, "symbols": {own: {"risk": {"stop_sigma": 12.0}}}},
        instruments=coins("ETH", "SOL", perpetual=True),
        perpetual=True,
    )
    for _ in range(2):
        scene.reconcile(positions=[Position(symbol, Decimal(1), Decimal(100), NOW_MS) for symbol in (own, other)])
    a_sigma = 0.6 * (16 / 525_600) ** 0.5  # of 16 minutes in a market that just counts as volatile
    assert [scene.plan(symbol).atr_width_frac for symbol in (own, other)] == pytest.approx([12 * a_sigma, 0.02])


def test_its_strategy_is_its_own() -> None:
    settings = scene_with({"strategy": {"name": "ema-cross", "parameters": {"slow": 30}}}).settings
    strategies = load_strategies(settings, tuple)
    assert isinstance(strategies[OTHER], Ensemble)
    own = strategies[OWN]
    assert isinstance(own, EmaCross)
    assert own.parameters.slow == 30
