"""The cost budget: what the bar of an entry is multiplied by, from the closed trades of the last months."""

from decimal import Decimal

import pytest

from trader.config.strategy import StrategySettings
from trader.domain.closing import CloseReason
from trader.domain.decisions import ClosedTrade
from trader.domain.orders import Side
from trader.domain.reasons import texts
from trader.domain.units import DAY_MS
from trader.risk.cost_budget import WITHIN, Budget, budget_of

NOW_MS = 1_700_000_000_000
SETTINGS = StrategySettings(cost_budget_trades=2, cost_budget_most=3.0)


def a_trade(net: float, fees: float, *, days_ago: float = 1, strategy_id: str = "ensemble") -> ClosedTrade:
    closed_ms, one = NOW_MS - round(days_ago * DAY_MS), Decimal(1)
    return ClosedTrade(
        symbol="BTC/USDT",
        side=Side.BUY,
        opened_ms=closed_ms,
        closed_ms=closed_ms,
        quantity=one,
        entry_price=one,
        exit_price=one,
        profit_quote=Decimal(str(net)),
        fees_quote=Decimal(str(fees)),
        reason=CloseReason.HORIZON,
        strategy_id=strategy_id,
    )


def judged(*trades: ClosedTrade, strategy_id: str = "ensemble") -> Budget:
    return budget_of(strategy_id, trades, NOW_MS, SETTINGS)


@pytest.mark.parametrize(
    ("net", "fees", "factor"),
    [
        (20.0, 10.0, 1.0),  # 20 of 60: a third
        (20.0, 9.0, 1.0),
        (10.0, 10.0, 1.5),  # 20 of 40: a half
        (5.0, 10.0, 2.0),  # 20 of 30: two thirds
        (1.0, 10.0, 30 / 11),
        (0.0, 10.0, 3.0),  # all of it
        (-1.0, 10.0, 3.0),  # more than all
        (-10.0, 10.0, 3.0),  # nothing was earned
        (-50.0, 10.0, 3.0),  # lost before costs
        (-5.0, 0.0, 1.0),  # losses without costs are not for this
    ],
)
def test_the_bar_rises_by_how_far_costs_are_above_a_third_of_the_gross(net: float, fees: float, factor: float) -> None:
    """Two trades of each."""
    assert judged(a_trade(net, fees), a_trade(net, fees)).factor == pytest.approx(factor)


def test_it_says_why() -> None:
    found = judged(a_trade(10.0, 10.0), a_trade(10.0, 10.0))
    assert texts(found.reasons) == ("costs took 50% of the gross of 2 trades, at most 33%: bar x 1.50",)
    assert judged(a_trade(20.0, 1.0), a_trade(20.0, 1.0)) == WITHIN


def test_too_few_trades_say_nothing() -> None:
    assert judged(a_trade(0.0, 10.0)) == WITHIN
    assert judged() == WITHIN


def test_what_is_older_than_the_window_counts_no_more() -> None:
    old = a_trade(1_000.0, 0.0, days_ago=90.01)
    assert judged(old, a_trade(0.0, 10.0), a_trade(0.0, 10.0)).factor == 3.0
    assert judged(old, a_trade(0.0, 10.0)) == WITHIN  # one is too few
    last = a_trade(1_000.0, 0.0, days_ago=90)
    assert judged(last, a_trade(0.0, 10.0), a_trade(0.0, 10.0)).factor == 1.0


def test_trades_of_other_strategies_count_for_theirs() -> None:
    others = [a_trade(0.0, 10.0, strategy_id="ema-cross")] * 5
    assert judged(*others, a_trade(10.0, 1.0), a_trade(10.0, 1.0)) == WITHIN
    assert judged(*others, strategy_id="ema-cross").factor == 3.0


def test_costs_of_exactly_their_share_are_within_the_budget() -> None:
    half = StrategySettings(cost_budget_trades=2, cost_budget_frac=0.5)
    assert budget_of("ensemble", [a_trade(10.0, 10.0)] * 2, NOW_MS, half) == WITHIN


def test_a_small_account_has_a_budget_too() -> None:
    """0.4 of 0.6, that is two thirds, and 0.4 of nothing."""
    assert judged(a_trade(0.1, 0.2), a_trade(0.1, 0.2)).factor == pytest.approx(2.0)
    assert judged(a_trade(-0.2, 0.2), a_trade(-0.2, 0.2)).factor == 3.0
