"""The exits of a position's plan: a path of prices in R -> which exits are asked for, how much, how urgently."""

from collections.abc import Mapping
from decimal import Decimal

import pytest

from tests.kit.builders import a_context, a_model, a_perpetual, an_instrument
from tests.kit.situations import HOUR_MS, MINUTE_MS, Scene, a_scene, notices, of, sent, total
from trader.domain.decisions import Decision, Notify, RecordTrade, SubmitOrder
from trader.domain.instrument import Instrument
from trader.domain.orders import OrderStatus, OrderType, Purpose, Side, TimeInForce
from trader.domain.signals import Verdict

FAR_TARGET = {"target_at_r": 5.0}
CLOSES = {"at_target": "close"}


def holding(side: Side = Side.BUY, **risk: object) -> Scene:
    """Entered at the touch with R = 1 %: a long at 100.01 on spot, a short at 99.99 on a perpetual; the stop rests."""
    scene = a_scene({"risk": risk}, perpetual=side is Side.SELL)
    scene.wait(-scene.now_ms % MINUTE_MS)
    scene.enter(0.02 * side.sign)
    return scene


def reach(scene: Scene, r: float) -> list[Decision]:
    """The price at which the position could be closed is `r` times R in profit now."""
    plan = scene.plan()
    touch = plan.entry_price + plan.side.sign * r * plan.r_quote
    return scene.price(touch + 0.01 * plan.side.sign)


def asked(decisions: list[Decision]) -> list[str]:
    return [notice.message for notice in of(decisions, Notify) if notice.event == "exit.asked"]


PATHS: dict[str, tuple[Mapping[str, object], list[float], list[tuple[str, float]]]] = {
    "just short of the stop": ({}, [-0.999], []),
    "the stop": ({}, [-1.001], [("stop", 1.0)]),
    "far beyond the stop": ({}, [-7.0], [("stop", 1.0)]),
    "just short of 2 R": ({}, [1.999], []),
    "2 R: half": ({}, [2.001], [("partial", 0.5)]),
    "after the half, still above the entry": ({}, [2.001, 0.01], [("partial", 0.5)]),
    "after the half, back at the entry": ({}, [2.001, -0.001], [("partial", 0.5), ("break_even", 1.0)]),
    "after the half, at the target": (CLOSES, [2.001, 3.001], [("partial", 0.5), ("take_profit", 1.0)]),
    "after the half, short of the target": (CLOSES, [2.001, 2.99], [("partial", 0.5)]),
    "at once beyond the target: half comes first": (CLOSES, [3.5], [("partial", 0.5)]),
    "half again is not asked for": ({}, [2.001, 2.5, 2.001], [("partial", 0.5)]),
    "short of 3 R nothing trails": ({}, [2.001, 2.99, 0.1], [("partial", 0.5)]),
    "3 R trails by 1.5 %": ({}, [2.001, 3.001, 1.56], [("partial", 0.5)]),
    "3 R and back by 1.5 %": ({}, [2.001, 3.001, 1.4], [("partial", 0.5), ("trailing_stop", 1.0)]),
    "short of a further target nothing trails": (FAR_TARGET, [2.001, 4.99, 0.1], [("partial", 0.5)]),
    "what trails has no target": ({}, [2.001, 3.001, 6.0], [("partial", 0.5)]),
    "what trails follows the best price": ({}, [2.001, 3.001, 6.0, 4.0], [("partial", 0.5), ("trailing_stop", 1.0)]),
    "a nearer partial": ({"partial_at_r": 1.0}, [0.99, 1.001], [("partial", 0.5)]),
    "a third at the partial": ({"partial_frac": 0.33}, [2.001], [("partial", 0.33)]),
    "all of it at the partial": ({"partial_frac": 1.0}, [2.001], [("partial", 1.0)]),
    "none of it at the partial, but the stop follows": ({"partial_frac": 0.0}, [2.001, -0.001], [("break_even", 1.0)]),
}


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("name", PATHS)
def test_a_path_of_prices(name: str, side: Side) -> None:
    risk, path, expected = PATHS[name]
    scene = holding(side, **risk)
    found: list[str] = []
    wanted: list[str] = []
    for r in path:
        held, before = abs(scene.held()), len(found)
        found += asked([*reach(scene, r), *scene.oblige()])
        for reason, share in expected[before : len(found)]:
            whole = scene.instruments[scene.symbol].round_quantity(float(held) * share)
            wanted.append(f"{reason}: {whole}")
    assert found == wanted
    assert len(found) == len(expected)


@pytest.mark.parametrize("side", list(Side))
def test_a_stop_is_sold_at_once_whatever_the_book_holds(side: Side) -> None:
    """Urgent: one order for everything, through a book too thin for it."""
    scene = holding(side)
    held = scene.held()
    plan = scene.plan()
    decided = scene.price(plan.stop_price - side.sign * 0.05, size=0.5)
    [order] = sent(decided, Purpose.EXIT)
    assert (order.quantity, order.side) == (abs(held), side.opposite)
    assert (order.type, order.time_in_force) == (OrderType.LIMIT, TimeInForce.IOC)
    assert order.reduce_only is (side is Side.SELL)
    scene.oblige()
    [trade] = of(scene.seen, RecordTrade)
    assert (trade.trade.reason, trade.trade.profit_quote < 0) == ("stop", True)


def test_the_stop_at_the_exchange_wins_the_race() -> None:
    """It fills before the engine's own exit was answered: the position is closed once, and the trade says by what."""
    scene = holding()
    reach(scene, -1.1)
    [stop_id] = [o.client_id for o in sent(scene.seen, Purpose.STOP)]
    scene.ignore()
    scene.fill(stop_id, price=99.0)
    assert scene.held() == 0
    [trade] = of(scene.seen, RecordTrade)
    assert trade.trade.reason == "stop"
    assert not scene.has_plan()


def test_on_spot_a_full_exit_takes_the_stops_place_in_one_request() -> None:
    scene = holding()
    [stop] = sent(scene.seen, Purpose.STOP)
    decided = reach(scene, -1.001)
    [submit] = of(decided, SubmitOrder)
    assert submit.approved.intent.purpose is Purpose.EXIT
    assert submit.replaces is not None
    assert (submit.replaces.client_id, submit.replaces.is_stop) == (stop.client_id, True)


def test_on_a_perpetual_the_stop_stays_until_the_position_is_gone() -> None:
    scene = holding(Side.SELL)
    decided = reach(scene, -1.001)
    [submit] = of(decided, SubmitOrder)
    assert submit.replaces is None
    assert len(scene.stops()) == 1
    scene.oblige()
    assert scene.stops() == []


def test_on_spot_a_partial_exit_waits_until_the_stop_has_let_go_of_its_coins() -> None:
    scene = holding()
    held = scene.held()
    decided = reach(scene, 2.001)
    [smaller] = of(decided, SubmitOrder)  # only the stop, at break-even, for what stays
    half = scene.instruments[scene.symbol].round_quantity(held / 2)
    assert smaller.approved.intent.purpose is Purpose.STOP
    assert smaller.approved.intent.quantity == held - half
    assert smaller.approved.intent.stop_price == Decimal("100.01")
    assert smaller.replaces is not None
    assert reach(scene, 2.001) == []
    scene.report(smaller.replaces.client_id, OrderStatus.CANCELED)
    decided = scene.report(smaller.approved.intent.client_id, OrderStatus.OPEN)
    [order] = sent(decided)
    assert (order.purpose, order.quantity) == (Purpose.EXIT, half)
    scene.fill(order.client_id)
    assert scene.stops() == [(held - half, Decimal("100.01"))]


def test_on_a_perpetual_a_partial_exit_is_sent_at_once_beside_its_stop() -> None:
    scene = holding(Side.SELL, **FAR_TARGET)
    held = abs(scene.held())
    decided = reach(scene, 2.001)
    half = scene.instruments[scene.symbol].round_quantity(held / 2)
    assert [order.quantity for order in sent(decided, Purpose.EXIT)] == [half]
    scene.oblige()
    scene.tick()
    scene.oblige()
    assert scene.stops() == [(held - half, Decimal("99.99"))]


@pytest.mark.parametrize(
    ("instrument", "cap", "fraction", "sold"),
    [
        # spot, 18 coins, at least 1000 USDT each: neither half of 18 is large enough, nor are 17 and the 1 that stays
        (an_instrument(step="1", min_quantity="1", min_notional="1000"), 0.19, 0.5, 18),
        (an_instrument(step="1", min_quantity="1", min_notional="1000"), 0.19, 0.96, 18),
        (an_instrument(step="1", min_quantity="1", min_notional="500"), 0.19, 0.5, 9),
        # a perpetual's reducing orders have no least value, but a least quantity
        (a_perpetual(step="1", min_notional="90"), 0.011, 0.5, 1),
        (a_perpetual(step="1", min_notional="150"), 0.021, 0.5, 1),
    ],
)
def test_a_part_that_would_leave_too_little_takes_everything(
    instrument: Instrument, cap: float, fraction: float, sold: int
) -> None:
    side = Side.SELL if instrument.can_short else Side.BUY
    settings: dict[str, object] = {
        "risk": {"partial_frac": fraction},
        "sizing": {"position_notional_cap_frac": cap},
        "exchange": {"market": "perpetual" if instrument.can_short else "spot"},
    }
    scene = a_scene(settings, instruments=[instrument])
    scene.enter(0.02 * side.sign)
    decided = [*reach(scene, 2.001), *scene.oblige()]
    assert total(sent(decided, Purpose.EXIT)) == sold


# --- time -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize(("late_ms", "reasons"), [(0, []), (29_999, []), (30_000, ["horizon"])])
def test_the_horizon_ends_half_a_candle_late_without_a_forecast(side: Side, late_ms: int, reasons: list[str]) -> None:
    scene = holding(side)
    scene.wait(scene.plan().horizon_end_ms + late_ms - scene.now_ms)
    decided = scene.tick()
    assert [text.partition(":")[0] for text in asked(decided)] == reasons
    assert len(sent(decided, Purpose.EXIT)) == len(reasons)


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize(
    ("late_ms", "r", "reasons"),
    [(-1, -0.01, []), (0, -0.01, ["time"]), (0, 0.01, []), (10 * HOUR_MS, 0.01, []), (10 * HOUR_MS, -0.5, ["time"])],
)
def test_a_losing_position_is_closed_after_a_day(side: Side, late_ms: int, r: float, reasons: list[str]) -> None:
    scene = a_scene(model=a_model(horizon_candles=500, timeframe="1h"), perpetual=side is Side.SELL)
    calm = {"rsi_14": 30.0, "bb_position": 0.02} if side is Side.BUY else {"rsi_14": 70.0, "bb_position": 0.98}
    record = scene.forecast(0.1 * side.sign, context=a_context(hist_vol_20=0.21, atr_14=0.1, **calm))
    assert record.verdict is Verdict.ENTER
    scene.oblige()
    scene.wait(scene.plan().opened_ms + 24 * HOUR_MS + late_ms - scene.now_ms)
    assert [text.partition(":")[0] for text in asked(reach(scene, r))] == reasons


def test_a_tick_without_a_new_book_judges_the_newest_one() -> None:
    scene = holding()
    scene.price(99.5)
    scene.wait(MINUTE_MS)
    assert asked(scene.tick()) == []
    assert asked(scene.price(98.9)) == [f"stop: {scene.held()}"]


# --- the stop follows -------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize(
    ("close_r", "stop_r"),
    [
        (0.5, 0.5 - 1.005),  # a stop of the initial width (1 % of the close) behind the close
        (-0.5, -1.0),  # never back
        (1.5, 1.5 - 1.015),
    ],
)
def test_the_stop_follows_closes_at_its_initial_width(side: Side, close_r: float, stop_r: float) -> None:
    scene = holding(side)
    plan = scene.plan()
    scene.wait(MINUTE_MS)
    scene.candle(plan.entry_price + side.sign * close_r * plan.r_quote)
    width = -1.0 if close_r < 0 else stop_r
    if side is Side.SELL and close_r > 0:  # 1 % of a lower price is less
        width = close_r - (1 - close_r / 100)
    moved = scene.plan().stop_price
    assert (moved - plan.entry_price) * side.sign / plan.r_quote == pytest.approx(width, abs=1e-6)


def test_a_candle_that_began_before_the_position_says_nothing_about_it() -> None:
    scene = holding()
    before = scene.plan().stop_price
    scene.wait(MINUTE_MS)
    scene.candle(105.0, open_ms=scene.plan().opened_ms - 1)
    assert scene.plan().stop_price == before
    scene.candle(101.0, open_ms=scene.plan().opened_ms)
    assert scene.plan().stop_price > before
    scene.restart()
    assert scene.plan().stop_price > before


@pytest.mark.parametrize("side", list(Side))
def test_the_resting_stop_moves_when_the_move_is_worth_a_request(side: Side) -> None:
    """Moves below 0.05 % of the stop price wait; they add up."""
    scene = holding(side)
    plan = scene.plan()
    [(_, before)] = scene.stops()
    assert before is not None
    sent_before = len(sent(scene.seen))
    for share, moves in ((0.0003, 0), (0.0004, 0), (0.0007, 1)):
        scene.wait(MINUTE_MS)
        stop_price = float(before) * (1 + side.sign * share)
        scene.candle(stop_price / (1 - side.sign * plan.atr_width_frac))
        scene.oblige()
        assert len(sent(scene.seen)) == sent_before + moves
    [(quantity, after)] = scene.stops()
    assert after is not None
    assert (after - before) * side.sign > 0
    assert quantity == abs(scene.held())


def test_which_move_of_a_stop_is_worth_a_request_is_configured() -> None:
    for worth, moves in ((0.0002, 1), (0.002, 0)):
        scene = holding(stop_move_frac=worth)
        [(_, before)] = scene.stops()
        assert before is not None
        sent_before = len(sent(scene.seen))
        scene.wait(MINUTE_MS)
        scene.candle(float(before) * 1.0003 / (1 - scene.plan().atr_width_frac))
        scene.oblige()
        assert len(sent(scene.seen)) == sent_before + moves


def test_an_exit_on_a_position_that_is_gone_is_forgotten() -> None:
    scene = holding()
    reach(scene, 2.001)  # half is wanted, the stop has to shrink first
    [stop, _] = sent(scene.seen, Purpose.STOP)
    scene.fill(stop.client_id, price=99.0)  # stopped out instead
    assert not scene.is_leaving()
    scene.restart()
    assert not scene.is_leaving()


def test_what_an_exit_is_told_of() -> None:
    scene = holding()
    decided = reach(scene, -1.001)
    assert notices(decided) == ["exit.asked"]


@pytest.mark.parametrize("side", list(Side))
def test_a_closed_trade_tells_its_excursions_over_a_restart(side: Side) -> None:
    scene = holding(side)
    reach(scene, 1.5)
    reach(scene, -0.5)
    scene.restart()
    scene.price(100.0)
    scene.reconcile(is_startup=True)
    reach(scene, 0.8)
    scene.wait(20 * MINUTE_MS)
    scene.tick()
    scene.oblige()
    [closed] = of(scene.seen, RecordTrade)
    assert closed.trade.reason == "horizon"
    assert closed.trade.r_frac == pytest.approx(0.01)
    assert closed.trade.best_frac == pytest.approx(0.015, abs=1e-4)
    assert closed.trade.worst_frac == pytest.approx(-0.005, abs=1e-4)
    assert closed.trade.capture == pytest.approx(closed.trade.return_frac / 0.015, rel=0.01)
