"""What closed trades, people and the record say of a symbol, beside the market."""

import pytest

from tests.kit.situations import MINUTE_MS, Scene, a_scene, coins, of, told
from trader.domain.decisions import Notify, RecordTrade
from trader.domain.signals import Regime, Verdict


def stopped_out(scene: Scene, symbol: str = "") -> None:
    """A long is entered, and the stop that rests for it fills."""
    name = symbol or scene.symbol
    scene.enter(0.02, name)
    [stop] = scene.resting(name)
    scene.fill(stop.client_id, price=stop.stop_price)
    scene.oblige()


def locked(scene: Scene) -> list[str]:
    """What was told of locks so far."""
    return [notice.message for notice in of(scene.seen, Notify) if notice.event == "symbol.locked"]


def test_a_stopped_symbol_cools_down_and_is_traded_again() -> None:
    scene = a_scene({"locks": {"cooldown_candles": 2}})
    stopped_out(scene)
    scene.wait(MINUTE_MS)
    record = scene.forecast(0.02)
    assert (record.verdict, told(record)) == (Verdict.SKIP, ("stopped out: locked for 1 more candles",))
    assert locked(scene) == ["stopped out: locked for 2 more candles"]  # told when it began, and only then
    scene.wait(MINUTE_MS)
    assert scene.forecast(0.02).verdict is Verdict.ENTER


def test_a_lock_survives_a_restart_and_is_not_told_again() -> None:
    scene = a_scene({"locks": {"cooldown_candles": 3}})
    stopped_out(scene)
    scene.restart()
    scene.reconcile()
    scene.tick()
    scene.wait(2 * MINUTE_MS)
    assert told(scene.forecast(0.02)) == ("stopped out: locked for 1 more candles",)
    assert len(locked(scene)) == 1


@pytest.mark.parametrize(("scope", "verdict"), [("all", Verdict.SKIP), ("symbol", Verdict.ENTER)])
def test_a_row_of_stops_locks_the_symbol_or_all(scope: str, verdict: Verdict) -> None:
    """Two symbols of two are stopped; a third waits with them, or does not."""
    guard = {"cooldown_candles": 0, "stop_guard_stops": 2, "stop_guard_lock_candles": 5, "stop_guard_scope": scope}
    scene = a_scene({"locks": guard}, instruments=coins("ADA", "DOT", "SOL"))
    for symbol in ("ADA/USDT", "DOT/USDT"):
        stopped_out(scene, symbol)
    assert scene.forecast(0.02, "SOL/USDT").verdict is verdict


def test_a_lock_holds_back_entries_only() -> None:
    """A position of before the lock is left as ever."""
    guard = {"stop_guard_stops": 1, "cooldown_candles": 0}
    scene = a_scene({"locks": guard}, instruments=coins("ADA", "DOT"))
    scene.enter(0.02, "DOT/USDT")
    stopped_out(scene, "ADA/USDT")
    scene.wait(MINUTE_MS)
    assert told(scene.forecast(0.02, "DOT/USDT")) == ("edge holds",)
    scene.wait(MINUTE_MS)
    assert scene.forecast(-0.02, "DOT/USDT").verdict is Verdict.EXIT


def test_a_trade_is_recorded_with_its_strategy_and_regime() -> None:
    scene = a_scene()
    stopped_out(scene)
    [recorded] = of(scene.seen, RecordTrade)
    assert (recorded.trade.strategy_id, recorded.trade.regime) == ("ensemble", Regime.RANGE_BOUND)
    assert list(scene.engine.state.standing.trades) == [recorded.trade]
    scene.restart()
    assert list(scene.engine.state.standing.trades) == [recorded.trade]
