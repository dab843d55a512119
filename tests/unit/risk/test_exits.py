"""Exits, in the order stop, partial, target, trail, horizon, time."""

import msgspec
import pytest

from tests.kit.builders import NOW_MS
from tests.unit.risk.test_stops import a_plan
from trader.config.risk import AtTarget, RiskSettings
from trader.domain.closing import CloseReason
from trader.domain.orders import Side
from trader.risk.exits import Exit, extend, on_candle, on_price
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
