"""How far a trade went before it was closed, worked by hand."""

from decimal import Decimal

import msgspec
import pytest

from tests.kit.builders import NOW_MS
from tests.unit.risk.test_stops import a_plan
from trader.config.risk import RiskSettings
from trader.domain.closing import CloseReason
from trader.domain.decisions import ClosedTrade
from trader.domain.orders import Side
from trader.risk.excursions import with_excursions
from trader.risk.exits import on_price
from trader.risk.stops import PositionPlan, with_entry

SETTINGS = RiskSettings()


def a_trade(side: Side, entry: str, exit: str, profit: str) -> ClosedTrade:
    return ClosedTrade(
        symbol="BTC/USDT",
        side=side,
        opened_ms=NOW_MS,
        closed_ms=NOW_MS,
        quantity=Decimal(2),
        entry_price=Decimal(entry),
        exit_price=Decimal(exit),
        profit_quote=Decimal(profit),
        fees_quote=Decimal("0.2"),
        reason=CloseReason.HORIZON,
    )


def seen(plan: PositionPlan, *prices: float) -> PositionPlan:
    for price in prices:
        plan, _ = on_price(plan, price, price, NOW_MS, SETTINGS)
    return plan


@pytest.mark.parametrize("has_ladder", [True, False])
@pytest.mark.parametrize(
    ("side", "prices", "exit", "best", "worst"),
    [
        (Side.BUY, (101.0, 103.0, 99.0, 100.5), "101", 0.03, -0.01),
        (Side.SELL, (101.0, 103.0, 98.0, 100.5), "101", 0.02, -0.03),
        (Side.BUY, (100.5,), "97", 0.005, -0.03),  # the price it was closed at was the worst
        (Side.BUY, (100.5,), "102", 0.02, 0.0),  # or the best
        (Side.SELL, (), "101", 0.0, -0.01),
    ],
)
def test_best_and_worst_price_as_fractions_of_the_entry(
    side: Side, prices: tuple[float, ...], exit: str, best: float, worst: float, *, has_ladder: bool
) -> None:
    plan = seen(msgspec.structs.replace(a_plan(side, stop=0.05, r=0.02), has_ladder=has_ladder), *prices)
    trade = with_excursions(a_trade(side, "100", exit, "1"), plan)
    assert (trade.best_frac, trade.worst_frac, trade.r_frac) == pytest.approx((best, worst, 0.02))


def test_what_was_kept_of_the_best() -> None:
    """2 x 100 put in, 3 won: 1.5 % of 3 %."""
    trade = with_excursions(a_trade(Side.BUY, "100", "101.6", "3"), seen(a_plan(), 103.0))
    assert trade.return_frac == pytest.approx(0.015)
    assert trade.capture == pytest.approx(0.5)


def test_nothing_is_kept_of_nothing() -> None:
    assert with_excursions(a_trade(Side.BUY, "100", "99", "-2"), seen(a_plan(), 99.5)).capture is None
    assert a_trade(Side.BUY, "100", "99", "-2").capture is None


def test_a_plan_of_the_other_side_says_nothing_about_a_trade() -> None:
    trade = a_trade(Side.SELL, "100", "99", "2")
    assert with_excursions(trade, a_plan(Side.BUY)) == trade


def test_coins_worth_less_than_one_go_somewhere_too() -> None:
    """From 0.5 to 0.51 and back to 0.48: 2 % and -4 %."""
    plan = seen(a_plan(entry=0.5, stop=0.05), 0.51)
    trade = with_excursions(a_trade(Side.BUY, "0.5", "0.48", "-1"), plan)
    assert (trade.best_frac, trade.worst_frac) == pytest.approx((0.02, -0.04))


@pytest.mark.parametrize(("entry", "exit"), [("0", "101"), ("100", "0")])
def test_a_trade_without_a_price_went_nowhere(entry: str, exit: str) -> None:
    trade = a_trade(Side.BUY, entry, exit, "0")
    assert with_excursions(trade, a_plan()) == trade


@pytest.mark.parametrize(
    ("average", "exit", "best", "worst"), [(103.0, "102", 0.0, -3 / 103), (99.0, "101", 2 / 99, 0.0)]
)
def test_a_trade_whose_average_moved_went_nowhere_but_from_there(
    average: float, exit: str, best: float, worst: float
) -> None:
    """Best and worst prices seen so far were all on one side of it."""
    plan = with_entry(a_plan(), average)
    trade = with_excursions(a_trade(Side.BUY, str(average), exit, "1"), plan)
    assert (trade.best_frac, trade.worst_frac) == pytest.approx((best, worst))
