"""What closed trades, people and the record say of a symbol, beside the market."""

import pytest

from tests.kit.situations import MINUTE_MS, Scene, a_scene, coins, of, quantity, sent, told
from trader.domain.decisions import CancelOrder, Notify, RecordTrade
from trader.domain.events import ModelWatched
from trader.domain.orders import Purpose
from trader.domain.signals import HealthAction, ModelHealth, Regime, Verdict
from trader.service.control.snapshot import snapshot


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


# --- what a person says of one symbol -----------------------------------------------------------------------

SMALL = {"sizing": {"rule": "fixed", "fixed_frac": 0.001}}  # so that no cap decides a size


def size(scene: Scene, symbol: str = "") -> float:
    record = scene.forecast(0.02, symbol)
    assert record.verdict is Verdict.ENTER, told(record)
    return float(quantity(record))


def test_a_factor_scales_new_positions_and_is_told_in_their_rows() -> None:
    usual = size(a_scene(SMALL))
    scene = a_scene(SMALL)
    assert scene.override(factor=0.5) == "BTC/USDT: size x 0.5"
    record = scene.forecast(0.02)
    assert float(quantity(record)) == pytest.approx(usual / 2, abs=1e-5)
    assert "override: size x 0.5 by test" in told(record)


def test_a_factor_of_one_symbol_leaves_others_alone() -> None:
    scene = a_scene(SMALL, instruments=coins("ADA", "DOT"))
    scene.override(symbol="ADA/USDT", factor=0.25)
    small = size(scene, "ADA/USDT")
    assert size(scene, "DOT/USDT") == pytest.approx(4 * small, rel=0.01)


@pytest.mark.parametrize(("factor", "share"), [(0.8, 0.5), (0.2, 0.2)])
def test_of_a_drifted_model_and_a_person_the_smaller_factor_counts(factor: float, share: float) -> None:
    usual = size(a_scene(SMALL))
    scene = a_scene(SMALL)
    scene.hear(ModelWatched(health=ModelHealth("model-1", HealthAction.SHRINK)))
    scene.override(factor=factor)
    assert size(scene) == pytest.approx(usual * share, abs=1e-5)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"factor": 0.0}, "size x 0"),
        ({"stance": "reduce-only"}, "reduce-only"),
        ({"stance": "close"}, "close"),
        ({"stance": "ban"}, "ban"),
    ],
)
def test_what_a_person_holds_back_is_not_opened_until_it_is_cleared(asked: dict[str, object], words: str) -> None:
    scene = a_scene()
    assert scene.override(**asked) == f"BTC/USDT: {words}"
    record = scene.forecast(0.02)
    assert (record.verdict, told(record)) == (Verdict.SKIP, (f"override: {words} by test",))
    assert scene.override(clear=True) == "BTC/USDT: traded as usual"
    scene.wait(MINUTE_MS)
    assert scene.forecast(0.02).verdict is Verdict.ENTER


@pytest.mark.parametrize(
    ("stance", "answer", "is_closed"),
    [
        ("reduce-only", "BTC/USDT: reduce-only", False),
        ("close", "BTC/USDT: close, closing the position", True),
        ("ban", "BTC/USDT: ban, closing the position", True),
    ],
)
def test_close_and_ban_close_what_is_held_and_reduce_only_does_not(stance: str, answer: str, is_closed: bool) -> None:
    scene = a_scene()
    scene.enter()
    assert scene.override(stance=stance) == answer
    scene.oblige()
    assert (scene.held() == 0) is is_closed
    assert [trade.trade.reason for trade in of(scene.seen, RecordTrade)] == (["flatten"] if is_closed else [])


def test_a_reduce_only_position_is_still_left_by_its_signal() -> None:
    scene = a_scene()
    scene.enter()
    scene.override(stance="reduce-only")
    scene.wait(MINUTE_MS)
    assert told(scene.forecast(0.02)) == ("edge holds",)
    scene.wait(MINUTE_MS)
    assert scene.forecast(-0.02).verdict is Verdict.EXIT


def test_an_entry_under_way_is_given_up() -> None:
    scene = a_scene({"execution": {"algorithm": "limit"}})
    scene.forecast(0.02)
    scene.oblige()
    before = len(of(scene.seen, CancelOrder))
    scene.override(stance="reduce-only")
    assert len(of(scene.seen, CancelOrder)) == before + 1
    scene.oblige()
    assert not scene.engine.state.positions.tickets


def test_what_turns_up_in_a_banned_symbol_is_closed_at_the_next_close_and_in_a_closed_one_is_not() -> None:
    for stance, verdict in (("ban", Verdict.EXIT), ("close", Verdict.HOLD)):
        scene = a_scene()
        scene.forecast(0.02)
        [entry] = sent(scene.seen, Purpose.ENTRY)
        scene.override(stance=stance)
        scene.fill(entry.client_id)  # it was filled before the cancel arrived
        scene.ignore()
        assert scene.held() > 0
        scene.wait(MINUTE_MS)
        record = scene.forecast(0.02)
        assert record.verdict is verdict, told(record)
        if verdict is Verdict.EXIT:
            assert told(record) == ("override: ban by test",)


def test_an_override_survives_a_restart_and_ends_for_good() -> None:
    scene = a_scene(SMALL)
    scene.override(stance="reduce-only")
    scene.restart()
    scene.reconcile()
    scene.tick()
    assert told(scene.forecast(0.02)) == ("override: reduce-only by test",)
    scene.override(clear=True)
    scene.restart()
    scene.reconcile()
    scene.tick()
    scene.wait(MINUTE_MS)
    assert scene.forecast(0.02).verdict is Verdict.ENTER


def test_a_person_may_end_a_lock() -> None:
    scene = a_scene({"locks": {"cooldown_candles": 10}})
    stopped_out(scene)
    scene.wait(MINUTE_MS)
    assert scene.override(unlock=True) == "BTC/USDT: traded as usual, unlocked"
    assert scene.forecast(0.02).verdict is Verdict.ENTER


def test_a_lock_of_after_the_unlocking_counts() -> None:
    scene = a_scene({"locks": {"cooldown_candles": 10}})
    scene.override(unlock=True)
    scene.wait(MINUTE_MS)
    stopped_out(scene)
    scene.wait(MINUTE_MS)
    assert told(scene.forecast(0.02)) == ("stopped out: locked for 9 more candles",)


def test_a_symbol_that_is_not_traded_changes_nothing() -> None:
    scene = a_scene()
    assert scene.override(symbol="DOGE/USDT", factor=0.5) == "nothing changed: DOGE/USDT is not traded"


def test_the_status_shows_what_holds() -> None:
    scene = a_scene({"locks": {"cooldown_candles": 4}}, instruments=coins("ADA", "DOT"))
    stopped_out(scene, "ADA/USDT")
    scene.override(symbol="DOT/USDT", factor=0.5)
    shown = snapshot(
        scene.settings, scene.engine.state, started_ms=0, market_ms=scene.now_ms, events=0, errors=0
    ).symbols
    assert [(row.override, row.locks) for row in shown] == [
        ("", ("stopped out: locked for 4 more candles",)),
        ("size x 0.5 by test", ()),
    ]


# --- costs, and what is worth trading -----------------------------------------------------------------------


def test_costs_above_a_third_of_the_gross_raise_the_bar_of_entries_through_a_restart() -> None:
    """A stop-out lost: nothing was earned before costs, so the bar of 22 bp is 66."""
    scene = a_scene({"locks": {"cooldown_candles": 0}, "strategy": {"cost_budget_trades": 1}})
    stopped_out(scene)
    for _ in range(2):
        scene.wait(MINUTE_MS)
        record = scene.forecast(0.0065)
        assert record.verdict is Verdict.SKIP
        assert told(record)[0].startswith("edge 65.0bp < needed 66.0bp (costs took inf% of the gross of 1 trades")
        scene.restart()
        scene.reconcile()
        scene.tick()
    scene.wait(MINUTE_MS)
    assert scene.forecast(0.0067).verdict is Verdict.ENTER


def test_a_raised_bar_is_not_asked_of_what_is_held() -> None:
    scene = a_scene({"locks": {"cooldown_candles": 0}, "strategy": {"cost_budget_trades": 1}})
    stopped_out(scene)
    scene.wait(MINUTE_MS)
    scene.enter(0.02)
    scene.wait(MINUTE_MS)
    assert told(scene.forecast(0.0001)) == ("edge holds",)
    scene.wait(MINUTE_MS)
    assert scene.forecast(-0.0023).verdict is Verdict.EXIT  # the bar of 22 bp, not of 66


@pytest.mark.parametrize(
    ("strategy", "reason"),
    [
        ({"widest_spread_bps": 1.9}, "only observed: spread 2.0bp, at most 1.9bp"),
        ({"coarsest_tick_atr": 0.09}, "only observed: a tick is 0.10 ATR, at most 0.09"),
    ],
)
def test_what_is_not_worth_trading_is_observed(strategy: dict[str, float], reason: str) -> None:
    scene = a_scene({"strategy": strategy})
    record = scene.forecast(0.02)
    assert (record.verdict, told(record)) == (Verdict.SKIP, (reason,))


def test_a_day_of_thin_volume_is_a_reason_once_it_is_known() -> None:
    """Six hours of 100 USDT a minute are 144,000 a day."""
    scene = a_scene()
    for minutes in range(359, 0, -1):
        scene.candle(100.0, open_ms=scene.now_ms - minutes * MINUTE_MS)
    assert scene.forecast(0.02).verdict is Verdict.ENTER
    thin = a_scene()
    for minutes in range(360, 0, -1):
        thin.candle(100.0, open_ms=thin.now_ms - minutes * MINUTE_MS)
    assert told(thin.forecast(0.02)) == ("only observed: 144,000 USDT traded a day, at least 500,000",)
