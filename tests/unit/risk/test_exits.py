"""Exits, in the order stop, partial, target, trail, horizon, time."""

import math
from typing import Any

import msgspec
import pytest

from tests.kit.builders import NOW_MS
from tests.unit.risk.test_stops import a_plan
from trader.config.risk import AtTarget, RiskSettings
from trader.domain.closing import CloseReason
from trader.domain.orders import Side
from trader.risk.exits import (
    Exit,
    extend,
    horizon_wait_ms,
    on_candle,
    on_price,
    quiet_between,
    quiet_until_ms,
)
from trader.risk.stops import PositionPlan

SETTINGS = RiskSettings()
HOUR = 3_600_000


def at(plan: PositionPlan, price: float, now_ms: int = NOW_MS + 1) -> tuple[PositionPlan, Exit | None]:
    return on_price(plan, price, price, now_ms, SETTINGS)


def through(plan: PositionPlan, *prices: float) -> tuple[PositionPlan, list[CloseReason]]:
    """The plan and the reasons of all exits along a path of prices; stops at the first full exit."""
    reasons: list[CloseReason] = []
    for price in prices:
        plan, exit = at(plan, price)
        if exit is not None:
            reasons.append(exit.reason)
            if exit.fraction == 1:
                break
    return plan, reasons


def test_nothing_happens_between_stop_and_first_target() -> None:
    assert through(a_plan(), 100.0, 99.0, 98.01, 103.9)[1] == []


@pytest.mark.parametrize(("side", "price"), [(Side.BUY, 98.0), (Side.SELL, 102.0)])
def test_the_stop_closes_everything(side: Side, price: float) -> None:
    assert at(a_plan(side), price)[1] == Exit(CloseReason.STOP, 1.0)


def test_a_long_leaves_at_the_bid_and_a_short_at_the_ask() -> None:
    assert on_price(a_plan(), 97.9, 98.5, NOW_MS, SETTINGS)[1] == Exit(CloseReason.STOP)
    assert on_price(a_plan(), 98.1, 97.9, NOW_MS, SETTINGS)[1] is None
    assert on_price(a_plan(Side.SELL), 101.5, 102.1, NOW_MS, SETTINGS)[1] == Exit(CloseReason.STOP)
    assert on_price(a_plan(Side.SELL), 102.1, 101.9, NOW_MS, SETTINGS)[1] is None


@pytest.mark.parametrize(("side", "price"), [(Side.BUY, 104.0), (Side.SELL, 96.0)])
def test_half_is_taken_at_two_r_once_and_the_stop_goes_to_break_even(side: Side, price: float) -> None:
    plan, exit = at(a_plan(side), price)
    assert exit == Exit(CloseReason.PARTIAL, 0.5)
    assert plan.stop_price == 100.0
    plan, again = at(plan, price)
    assert again is None
    assert at(plan, 100.0)[1] == Exit(CloseReason.BREAK_EVEN, 1.0)


CLOSING = SETTINGS.model_copy(update={"at_target": AtTarget.CLOSE})


@pytest.mark.parametrize("side", list(Side))
def test_the_target_closes_the_remainder_only_where_it_is_to(side: Side) -> None:
    plan, exit = on_price(a_plan(side), 100 + 6 * side.sign, 100 + 6 * side.sign, NOW_MS, CLOSING)
    assert exit == Exit(CloseReason.PARTIAL, 0.5)
    assert on_price(plan, 100 + 5.9 * side.sign, 100 + 5.9 * side.sign, NOW_MS, CLOSING) == (plan, None)
    assert on_price(plan, 100 + 6 * side.sign, 100 + 6 * side.sign, NOW_MS, CLOSING)[1] == Exit(CloseReason.TAKE_PROFIT)


def test_at_the_target_the_stop_trails_and_the_target_is_dropped() -> None:
    plan, reasons = through(a_plan(), 104.0, 105.9)
    assert (reasons, plan.trailing, plan.stop_price) == (["partial"], False, 100.0)
    plan, reasons = through(a_plan(), 104.0, 106.0)
    assert reasons == ["partial"]
    assert plan.trailing
    assert plan.take_profit_price is None
    assert plan.stop_price == pytest.approx(106.0 * 0.985)
    plan, reasons = through(plan, 130.0, 129.0, 128.1)
    assert reasons == []
    assert plan.stop_price == pytest.approx(130.0 * 0.985)
    assert through(plan, 128.0)[1] == ["trailing_stop"]


def test_a_short_trails_too() -> None:
    plan, _ = through(a_plan(Side.SELL), 96.0, 94.0, 80.0)
    assert plan.stop_price == pytest.approx(80.0 * 1.015)
    assert through(plan, 81.3)[1] == ["trailing_stop"]


def test_one_price_beyond_both_is_one_rung_after_the_other() -> None:
    plan, reasons = through(a_plan(), 107.0)
    assert (reasons, plan.trailing) == (["partial"], False)
    plan, reasons = through(plan, 107.0)
    assert reasons == []
    assert plan.trailing
    assert plan.stop_price == pytest.approx(107 * 0.985)


@pytest.mark.parametrize(
    ("side", "half_at", "trails_at", "stop"), [(Side.BUY, 102.0, 104.0, 95.0), (Side.SELL, 98.0, 96.0, 105.0)]
)
def test_the_rungs_do_not_wait_for_the_width_of_the_stop(
    side: Side, half_at: float, trails_at: float, stop: float
) -> None:
    """Worked by hand: entry 100, stop 5 % away, R 1 %, the regime's target 4 %, which is further than 3 R."""
    plan = a_plan(side, stop=0.05, target=0.04, r=0.01)
    assert plan.stop_price == stop
    short_of = 100 + (half_at - 100) * 0.999
    assert through(plan, short_of, stop + 0.01 * side.sign)[1] == []
    plan, reasons = through(plan, short_of, half_at)
    assert (reasons, plan.stop_price) == (["partial"], 100.0)
    plan, _ = through(plan, 100 + (trails_at - 100) * 0.999)
    assert not plan.trailing
    plan, _ = through(plan, trails_at)
    assert plan.trailing
    assert plan.stop_price == pytest.approx(trails_at * (1 - 0.015 * side.sign))


def test_the_horizon_closes_unless_extended() -> None:
    plan = a_plan()
    assert at(plan, 101.0, NOW_MS + HOUR - 1)[1] is None
    assert at(plan, 101.0, NOW_MS + HOUR)[1] == Exit(CloseReason.HORIZON)
    longer = extend(plan, NOW_MS + 2 * HOUR)
    assert at(longer, 101.0, NOW_MS + HOUR)[1] is None
    assert extend(longer, NOW_MS) == longer


def test_a_losing_position_closes_after_a_day_and_a_winning_one_does_not() -> None:
    plan = extend(a_plan(), NOW_MS + 100 * HOUR)
    assert at(plan, 99.5, NOW_MS + 24 * HOUR - 1)[1] is None
    assert at(plan, 99.5, NOW_MS + 24 * HOUR)[1] == Exit(CloseReason.TIME)
    assert at(plan, 100.5, NOW_MS + 48 * HOUR)[1] is None


def test_the_order_of_checks() -> None:
    late = NOW_MS + 100 * HOUR
    assert at(a_plan(), 97.0, late)[1] == Exit(CloseReason.STOP)
    assert at(a_plan(), 104.0, late)[1] == Exit(CloseReason.PARTIAL, 0.5)
    assert at(a_plan(), 99.0, late)[1] == Exit(CloseReason.HORIZON)
    done = msgspec.structs.replace(a_plan(), partial_done=True)
    assert on_price(done, 106.0, 106.0, late, CLOSING)[1] == Exit(CloseReason.TAKE_PROFIT)
    trailing, exit = at(done, 106.0, late)
    assert (trailing.trailing, exit) == (True, Exit(CloseReason.HORIZON))


def test_without_a_partial_share_only_the_stop_moves() -> None:
    settings = SETTINGS.model_copy(update={"partial_frac": 0.0})
    plan, exit = on_price(a_plan(), 104.0, 104.0, NOW_MS, settings)
    assert exit is None
    assert (plan.partial_done, plan.stop_price) == (True, 100.0)


def test_a_stop_of_the_initial_width_follows_closes_and_only_tightens() -> None:
    plan = on_candle(a_plan(), 101.0)
    assert plan.stop_price == pytest.approx(101.0 * 0.98)
    assert on_candle(plan, 99.0) == plan
    assert on_candle(a_plan(Side.SELL), 99.0).stop_price == pytest.approx(99.0 * 1.02)


@pytest.mark.parametrize("side", list(Side))
def test_a_position_at_its_entry_is_not_losing(side: Side) -> None:
    plan = msgspec.structs.replace(a_plan(side), horizon_end_ms=NOW_MS + 100 * HOUR)
    late_ms = NOW_MS + 24 * HOUR
    assert at(plan, 100.0, late_ms)[1] is None
    assert at(plan, 100.0 - 0.001 * side.sign, late_ms)[1] == Exit(CloseReason.TIME)


@pytest.mark.parametrize("side", list(Side))
def test_without_the_ladder_the_target_closes_all_of_it_where_it_is(side: Side) -> None:
    plan = msgspec.structs.replace(a_plan(side), has_ladder=False)
    target = plan.take_profit_price
    assert target is not None
    assert at(plan, target - 0.001 * side.sign)[1] is None
    assert at(plan, target)[1] == Exit(CloseReason.TAKE_PROFIT)
    assert at(plan, target, plan.horizon_end_ms)[1] == Exit(CloseReason.TAKE_PROFIT)
    assert at(plan, 100.0, plan.horizon_end_ms)[1] == Exit(CloseReason.HORIZON)
    assert at(plan, 100.0, plan.horizon_end_ms - 1)[1] is None


@pytest.mark.parametrize("side", list(Side))
def test_of_a_coin_worth_less_than_one_the_best_price_is_remembered_too(side: Side) -> None:
    plan, _ = at(a_plan(side, entry=0.5), 0.5 + 0.005 * side.sign)
    assert plan.best_price == 0.5 + 0.005 * side.sign
    assert at(plan, 0.5)[0].best_price == plan.best_price


def test_a_price_that_changes_nothing_leaves_the_same_plan() -> None:
    plan = a_plan()
    assert at(plan, 100.0)[0] is plan
    seen, _ = at(plan, 99.0)
    assert (seen.worst_price, seen.best_price) == (99.0, 100.0)
    assert at(seen, 99.5)[0] is seen


@pytest.mark.parametrize("side", list(Side))
def test_without_the_ladder_the_stop_is_the_plans_own(side: Side) -> None:
    plan = msgspec.structs.replace(a_plan(side), has_ladder=False)
    assert at(plan, 100 - 2.0 * side.sign)[1] == Exit(CloseReason.STOP)
    assert at(plan, 100 - 1.99 * side.sign)[1] is None


@pytest.mark.parametrize("has_ladder", [True, False])
def test_a_horizon_may_wait(*, has_ladder: bool) -> None:
    plan = msgspec.structs.replace(a_plan(), has_ladder=has_ladder)
    for now_ms, exit in ((NOW_MS + HOUR + 29_999, None), (NOW_MS + HOUR + 30_000, Exit(CloseReason.HORIZON))):
        assert on_price(plan, 100.5, 100.5, now_ms, SETTINGS, wait_ms=30_000)[1] == exit


@pytest.mark.parametrize(
    ("past_close_ms", "has_ladder", "waits_ms"),
    [
        (0, True, 30_000),  # ends with a close: half a candle for its forecast
        (0, False, 30_000),
        (1_000, True, 59_000 + 30_000),  # ends a second after one: that of the next, and half a candle
        (1_000, False, 0),  # who has no ladder has said when
    ],
)
def test_how_long_a_horizon_waits_for_the_forecast_of_its_close(
    past_close_ms: int, waits_ms: int, *, has_ladder: bool
) -> None:
    """On one-minute candles."""
    plan = msgspec.structs.replace(a_plan(), horizon_end_ms=60_000 * 1_000 + past_close_ms, has_ladder=has_ladder)
    assert horizon_wait_ms(plan, 60_000, SETTINGS) == waits_ms


@pytest.mark.parametrize(
    ("horizon_h", "has_ladder", "quiet_ms"),
    [
        (1, True, HOUR + 500),
        (100, True, 24 * HOUR),  # a losing trade is closed after a day, which waits for nothing
        (100, False, 100 * HOUR + 500),
    ],
)
def test_until_when_time_alone_ends_nothing(horizon_h: int, quiet_ms: int, *, has_ladder: bool) -> None:
    plan = msgspec.structs.replace(a_plan(), horizon_end_ms=NOW_MS + horizon_h * HOUR, has_ladder=has_ladder)
    assert quiet_until_ms(plan, SETTINGS, 500) == NOW_MS + quiet_ms


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize(
    ("changes", "best"),
    [
        ({"best_price": 103.0}, 103.0),  # no further than the best price: beyond it that one would move
        ({"best_price": 104.0}, math.nextafter(104.0, 0)),  # half is sold at 104
        ({"best_price": 104.0, "partial_done": True}, 104.0),
        ({"best_price": 107.0, "partial_done": True}, math.nextafter(106.0, 0)),  # the target
        ({"best_price": 107.0, "partial_done": True, "take_profit_price": None}, 107.0),
        ({"best_price": 105.0, "has_ladder": False}, 105.0),
        ({"best_price": 107.0, "has_ladder": False}, math.nextafter(106.0, 0)),
    ],
)
def test_between_which_prices_a_plan_stays_as_it_is(side: Side, changes: dict[str, Any], best: float) -> None:
    """Down to the worst price seen, here 99, or to just above the stop."""
    prices = {name: value for name, value in changes.items() if name.endswith("price") and value is not None}
    own = {**changes, **{name: 100 + (value - 100) * side.sign for name, value in prices.items()}}
    plan = msgspec.structs.replace(a_plan(side), worst_price=100 - side.sign, **own)
    ends = (100 - side.sign, 100 + (best - 100) * side.sign)
    assert quiet_between(plan, SETTINGS) == pytest.approx((min(ends), max(ends)), abs=1e-13)
    tight = msgspec.structs.replace(plan, stop_price=100 - 0.5 * side.sign)
    edge = quiet_between(tight, SETTINGS)[0 if side is Side.BUY else 1]
    assert (edge - tight.stop_price) * side.sign == pytest.approx(0.0, abs=1e-13)
    assert (edge - tight.stop_price) * side.sign > 0
    for price in quiet_between(plan, SETTINGS):
        assert at(plan, price)[0] is plan
