"""Positions found without a plan and the plans that they get; the desk and the costs of orders beside them."""

from decimal import Decimal

import pytest

from tests.kit.builders import NOW_MS, SYMBOL, a_fill
from tests.kit.situations import MINUTE_MS, PERPETUAL, Scene, a_scene, coins, of, sent
from tests.unit.engine.test_strategies import Scripted
from trader.domain.account import Position
from trader.domain.decisions import Level, MarkExecution, Notify
from trader.domain.events import StreamState
from trader.domain.orders import Purpose, Side
from trader.engine import tca
from trader.engine.desk import Desk
from trader.engine.news import adoption
from trader.strategy import Enter, Keep
from trader.strategy.ensemble import Ensemble

OTHER = "XRP/USDT"


def desk_of(scene: Scene) -> Desk:
    strategies = {symbol: Ensemble(scene.settings.strategy) for symbol in scene.instruments}
    return Desk(scene.settings, scene.engine.state, strategies)


def found(*symbols: str, policy: str = "adopt") -> Scene:
    """Positions in `symbols` that no plan guards."""
    scene = a_scene({"risk": {"startup_policy": policy}}, instruments=coins("BTC", "XRP"))
    for symbol in symbols:
        scene.enter(symbol=symbol)
    for symbol in symbols:
        del scene.engine.state.positions.plans[symbol]
    scene.seen.clear()
    return scene


def test_each_is_named_once_whatever_was_found_before_it() -> None:
    scene = found(SYMBOL)
    desk, positions = desk_of(scene), scene.engine.state.positions
    positions.unplanned = {OTHER}  # it had none either, and has been closed since
    scene.engine.state.markets[SYMBOL].book = None  # so that no plan can be made yet
    adoption.answer(desk, is_asked_again=False)
    adoption.answer(desk, is_asked_again=True)
    assert [notice.symbol for notice in of(desk.out, Notify) if notice.event == "position.unplanned"] == [SYMBOL]
    assert positions.unplanned == {SYMBOL}


def test_one_that_is_being_closed_keeps_no_other_open_and_all_are_closed_at_once() -> None:
    scene = found(SYMBOL, OTHER, policy="flatten")
    desk, exits = desk_of(scene), scene.engine.state.positions.exits
    held = dict(scene.engine.state.account.ledger.positions)
    first, second = held
    scene.override(symbol=first, stance="close")
    adoption.answer(desk, is_asked_again=False)
    assert set(exits) == {first, second}
    assert exits[second].is_urgent
    assert exits[second].purpose is Purpose.FLATTEN


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("perpetual", [False, True])
def test_the_last_resort_is_a_stop_as_far_away_as_is_useful_and_nothing_else(side: Side, perpetual: bool) -> None:
    scene = a_scene(perpetual=perpetual)
    desk = desk_of(scene)
    position = Position(scene.symbol, side.sign * Decimal("0.5"), Decimal(100), NOW_MS)
    adoption.guard_barely(desk, position)
    plan = scene.plan()
    assert (plan.side, plan.entry_price, plan.take_profit_price) == (side, 100.0, None)
    assert plan.stop_price == pytest.approx(100.0 * (1 - 0.25 * side.sign))
    assert (plan.has_ladder, plan.is_adopted, plan.strategy_id) == (False, True, "ensemble")
    assert plan.decision_id == f"adopted-{'btc-usdt-usdt' if perpetual else 'btc-usdt'}-{scene.now_ms:x}"
    text = f"{position.quantity} with a stop at {plan.stop_price:.8g}, as far away as one may be"
    assert of(desk.out, Notify) == [Notify(Level.ALERT, "position.guarded", text, scene.symbol, plan.decision_id)]


def test_what_is_adopted_climbs_the_ladder_of_an_entry() -> None:
    """Without a measure of volatility R is the 1 % of the regime, the target 3 R."""
    scene = found(SYMBOL)
    scene.engine.state.markets[SYMBOL].context = None
    desk = desk_of(scene)
    adoption.answer(desk, is_asked_again=False)
    plan = scene.plan()
    assert (plan.has_ladder, plan.is_adopted) == (True, True)
    assert plan.r_frac == pytest.approx(0.01)
    assert plan.take_profit_price == pytest.approx(99.99 * 1.03)
    [told] = [notice for notice in of(desk.out, Notify) if notice.event == "position.adopted"]
    assert (told.symbol, told.ref) == (SYMBOL, plan.decision_id)


@pytest.mark.parametrize(("closes", "r_frac"), [(20, 0.01), (21, 0.04)])
def test_from_twenty_moves_on_closes_say_how_much_a_price_moves(closes: int, r_frac: float) -> None:
    """2 % each: R is twice that."""
    scene = found(SYMBOL)
    market = scene.engine.state.markets[SYMBOL]
    market.context = None
    market.closes.clear()
    market.closes.extend((number * MINUTE_MS, 100.0 if number % 2 else 102.0) for number in range(closes))
    adoption.answer(desk_of(scene), is_asked_again=False)
    assert scene.plan().r_frac == pytest.approx(r_frac, rel=0.02)


# --- what orders have cost ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("speed", "age_ms", "is_known"),
    [(1.0, 10_000, True), (1.0, 10_001, False), (10.0, 100_000, True), (10.0, 100_001, False)],
)
def test_the_book_of_a_stops_fill_is_that_of_now_where_it_was_heard_of_soon(
    speed: float, age_ms: int, is_known: bool
) -> None:
    scene = a_scene(speed=speed)
    scene.enter()
    [stop] = scene.resting()
    desk = desk_of(scene)
    tca.stop_filled(desk, scene.order(stop.client_id), a_fill(client_id=stop.client_id, ts_ms=scene.now_ms - age_ms))
    assert (scene.engine.state.orders.arrivals[stop.client_id].book is not None) is is_known


def test_a_mark_that_nobody_knows_hides_no_other() -> None:
    scene = a_scene(instruments=coins("BTC", "XRP"))
    for symbol in scene.instruments:
        scene.enter(symbol=symbol)
    marks = scene.engine.state.orders.marks
    first, second = [mark.report.symbol for mark in marks.values()]
    scene.engine.state.markets[first].stream = StreamState.STALE
    scene.engine.state.now_ms = max(mark.due_ms for mark in marks.values())
    desk = desk_of(scene)
    tca.mark_due(desk)
    assert [marked.report.symbol for marked in of(desk.out, MarkExecution)] == [second]
    assert marks == {}


# --- the desk -------------------------------------------------------------------------------------------------


def test_what_is_bought_on_spot_is_paid_in_full() -> None:
    scene = a_scene({"exchange": {"leverage": 5}})
    assert desk_of(scene).leverage(SYMBOL) == 1.0
    margined = a_scene({"exchange": {"leverage": 5}}, perpetual=True)
    assert desk_of(margined).leverage(PERPETUAL) == 5.0


def test_each_refusal_is_counted_and_names_its_order() -> None:
    scene = a_scene({"risk": {"max_order_notional_frac": 0.2}})
    scene.forecast()
    scene.wait(MINUTE_MS)
    scene.forecast()
    refused = [notice for notice in of(scene.seen, Notify) if notice.event == "order.refused"]
    assert scene.counted("refused") == (2,)
    assert len({notice.ref for notice in refused}) == 2
    assert all(notice.ref for notice in refused)


def test_an_entry_stands_in_for_no_other_order() -> None:
    scene = a_scene()
    scene.forecast()
    [entry] = sent(scene.seen)
    assert scene.order(entry.client_id).stands_in_for == ""


def test_stops_do_not_count_among_the_orders_of_a_minute_and_entries_do() -> None:
    scene = a_scene({"risk": {"max_orders_per_minute": 1}}, instruments=coins("BTC", "XRP"))
    scene.enter(symbol="BTC/USDT")
    assert list(scene.engine.state.orders.submitted_ms) == [NOW_MS]
    refused = scene.heard_forecast(symbol="XRP/USDT")
    assert "order.refused" in [notice.event for notice in of(refused, Notify)]


class ThreeCandles(Scripted):
    candles = 3


def test_no_more_candles_are_kept_than_a_strategy_asks_for() -> None:
    scene = a_scene(strategy=ThreeCandles(Enter(side=Side.BUY), Keep()), has_model=False)
    for close in range(5):
        scene.wait(MINUTE_MS)
        scene.candle(100.0 + close)
    assert [candle.close for candle in scene.engine.state.markets[SYMBOL].candles] == [102.0, 103.0, 104.0]
