"""Stop distance and the position's plan."""

import math
from decimal import Decimal

import msgspec
import pytest

from tests.kit.builders import NOW_MS, an_instrument
from trader.config.risk import RiskSettings
from trader.domain.orders import Side
from trader.domain.signals import Regime
from trader.risk.stops import (
    PositionPlan,
    barriers,
    horizon_sigma_frac,
    initial_stop_frac,
    open_plan,
    resting_stop_price,
    tighten,
    with_entry,
)

SETTINGS = RiskSettings()


def a_plan(
    side: Side = Side.BUY, *, entry: float = 100.0, stop: float = 0.02, target: float = 0.06, r: float | None = None
) -> PositionPlan:
    """Entered at 100 with R and stop at 2 %, half out at 104 and the target at 106."""
    return open_plan(
        symbol="BTC/USDT",
        side=side,
        entry_price=entry,
        stop_frac=stop,
        take_profit_frac=target,
        opened_ms=NOW_MS,
        horizon_end_ms=NOW_MS + 3_600_000,
        decision_id="d-1",
        regime=Regime.BULL_TREND,
        r_frac=r,
    )


def test_the_widest_of_three_distances() -> None:
    assert initial_stop_frac(0.01, 0.01, 0.001, SETTINGS) == pytest.approx(0.02)
    assert initial_stop_frac(0.001, 0.015, 0.001, SETTINGS) == pytest.approx(0.015)
    assert initial_stop_frac(0.001, 0.01, 0.01, SETTINGS) == pytest.approx(0.03)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -0.01])
@pytest.mark.parametrize(("place", "name"), [(0, "atr"), (1, "regime stop"), (2, "sigma")])
def test_a_stop_that_cannot_be_computed_is_refused(place: int, name: str, bad: float) -> None:
    given = [0.01, 0.01, 0.01]
    given[place] = bad
    with pytest.raises(ValueError, match=rf"^{name} {bad} must be a fraction of the price, 0 or more$"):
        initial_stop_frac(given[0], given[1], given[2], SETTINGS)


def test_two_of_three_distances_may_be_nothing() -> None:
    assert initial_stop_frac(0.0, 0.015, 0.0, SETTINGS) == 0.015


def test_sigma_grows_with_the_root_of_time() -> None:
    assert horizon_sigma_frac(0.6, 365 * 86_400_000) == pytest.approx(0.6)
    assert horizon_sigma_frac(0.6, 4 * 60_000) == pytest.approx(2 * horizon_sigma_frac(0.6, 60_000))
    assert horizon_sigma_frac(0.6, 0) == 0.0


@pytest.mark.parametrize(
    ("atr", "stop", "target", "sigma", "expected"),
    [
        (0.01, 0.01, 0.03, 0.0, (0.02, 0.02, 0.06)),  # 2 ATR is the unit, 3 of it the target
        (0.001, 0.01, 0.05, 0.0, (0.01, 0.01, 0.05)),  # the regime's stop is the unit, its target is further than 3 R
        (0.004, 0.01, 0.03, 0.012, (0.036, 0.01, 0.03)),  # 3 sigma widens the stop and nothing else
        (0.0, 0.0, 0.03, 0.01, (0.03, 0.03, 0.09)),  # nothing but sigma is known: it is the unit too
    ],
)
def test_the_ladder_has_its_own_unit(
    atr: float, stop: float, target: float, sigma: float, expected: tuple[float, float, float]
) -> None:
    assert barriers(atr, stop, target, sigma, SETTINGS) == pytest.approx(expected)


def test_a_plan_keeps_r_apart_from_its_stop() -> None:
    plan = a_plan(stop=0.05, r=0.01)
    assert (plan.stop_price, plan.r_frac, plan.atr_width_frac) == (95.0, 0.01, 0.05)
    assert plan.profit_in_r(103.0) == pytest.approx(3.0)
    assert with_entry(plan, 102.0).stop_price == pytest.approx(102 * 0.95)


def test_a_plan_has_its_stop_on_the_losing_side() -> None:
    long, short = a_plan(), a_plan(Side.SELL)
    assert (long.stop_price, long.take_profit_price) == pytest.approx((98.0, 106.0))
    assert (short.stop_price, short.take_profit_price) == pytest.approx((102.0, 94.0))
    assert long.profit_in_r(104.0) == pytest.approx(2.0)
    assert short.profit_in_r(104.0) == pytest.approx(-2.0)


@pytest.mark.parametrize(("entry", "stop"), [(0.0, 0.02), (100.0, 0.0), (100.0, 1.0), (math.nan, 0.02)])
def test_a_plan_without_a_stop_is_refused(entry: float, stop: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        a_plan(entry=entry, stop=stop)


def test_a_plan_is_the_ensembles_with_its_ladder_unless_told_otherwise() -> None:
    plan = a_plan()
    assert (plan.strategy_id, plan.has_ladder, plan.is_adopted) == ("ensemble", True, False)
    other = open_plan(
        symbol="BTC/USDT",
        side=Side.BUY,
        entry_price=100.0,
        stop_frac=0.02,
        take_profit_frac=None,
        opened_ms=NOW_MS,
        horizon_end_ms=NOW_MS,
        decision_id="d-1",
        regime=Regime.BULL_TREND,
        strategy_id="ema-cross",
        has_ladder=False,
        is_adopted=True,
    )
    assert (other.strategy_id, other.has_ladder, other.is_adopted) == ("ema-cross", False, True)
    assert other.take_profit_price is None


def test_a_plan_survives_encoding() -> None:
    plan = a_plan(Side.SELL)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(plan), type=PositionPlan) == plan


def test_a_moving_average_entry_moves_the_target_and_never_loosens_the_stop() -> None:
    plan = a_plan()
    higher, lower = with_entry(plan, 101.0), with_entry(plan, 99.0)
    assert higher.stop_price == pytest.approx(98.98)
    assert higher.take_profit_price == pytest.approx(107.06)
    assert lower.stop_price == plan.stop_price
    assert lower.entry_price == 99.0
    with pytest.raises(ValueError, match="above 0"):
        with_entry(plan, 0.0)


def test_tighten_moves_one_way() -> None:
    assert tighten(a_plan(), 99.0).stop_price == 99.0
    assert tighten(a_plan(), 97.0).stop_price == pytest.approx(98.0)
    assert tighten(a_plan(Side.SELL), 101.0).stop_price == 101.0
    assert tighten(a_plan(Side.SELL), 103.0).stop_price == pytest.approx(102.0)


def test_the_resting_stop_is_on_the_tick_and_never_wider_than_the_plan() -> None:
    instrument = an_instrument(tick="0.5")
    assert resting_stop_price(a_plan(stop=0.0173), instrument) == Decimal("98.5")
    assert resting_stop_price(a_plan(Side.SELL, stop=0.0173), instrument) == Decimal("101.5")
    assert resting_stop_price(a_plan(stop=0.018), instrument) == Decimal("98.5")  # 98.2: nearer to 98
    assert resting_stop_price(a_plan(Side.SELL, stop=0.018), instrument) == Decimal("101.5")


def test_coins_worth_less_than_one_have_plans_too() -> None:
    plan = a_plan(entry=0.5)
    moved = with_entry(plan, 0.4)
    assert moved.entry_price == 0.4
    assert moved.stop_price == pytest.approx(0.49)
    with pytest.raises(ValueError, match="must be above 0"):
        with_entry(plan, 0.0)
