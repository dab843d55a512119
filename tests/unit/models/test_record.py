"""The record of a strategy without a model: the gate's rule on its closed trades."""

import math
from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest

from trader.domain.closing import CloseReason
from trader.domain.decisions import ClosedTrade
from trader.domain.orders import Side
from trader.domain.reasons import Code, texts
from trader.domain.signals import ModelVerdict, Regime
from trader.domain.units import DAY_MS
from trader.models.record import judge_record

START_MS = 1_700_006_400_000  # 00:00 UTC
RANGE, BULL = Regime.RANGE_BOUND, Regime.BULL_TREND


def a_trade(
    day: int, profit: float, *, fees: float = 0.1, regime: Regime | None = RANGE, strategy_id: str = "dip-buyer"
) -> ClosedTrade:
    """Of 100 in quote, closed on that day: a profit of 1 is 1 %."""
    return ClosedTrade(
        symbol="BTC/USDT",
        side=Side.BUY,
        opened_ms=START_MS,
        closed_ms=START_MS + day * DAY_MS,
        quantity=Decimal(2),
        entry_price=Decimal(50),
        exit_price=Decimal(50),
        profit_quote=Decimal(str(profit)),
        fees_quote=Decimal(str(fees)),
        reason=CloseReason.HORIZON,
        strategy_id=strategy_id,
        regime=regime,
    )


def record(days: int, *, fees: float = 0.1, regimes: Sequence[Regime | None] = (RANGE, BULL)) -> list[ClosedTrade]:
    """A trade a day that makes 1 %, or every third day loses 0.5 %."""
    return [
        a_trade(day, -0.5 if day % 3 == 0 else 1.0, fees=fees, regime=regimes[day % len(regimes)])
        for day in range(days)
    ]


def missing(trades: Sequence[ClosedTrade]) -> tuple[str, ...]:
    return texts(judge_record("dip-buyer", trades, START_MS).reasons)


def test_sixty_days_that_earn_after_costs_are_enough() -> None:
    found = judge_record("dip-buyer", record(60), START_MS + 7)
    assert (found.verdict, found.reasons) == (ModelVerdict.TRADE, ())
    assert (found.strategy_id, found.trades, found.judged_ms) == ("dip-buyer", 60, START_MS + 7)
    assert found.net_bps == pytest.approx((40 * 100 - 20 * 50) / 60)  # 40 days of 1 %, 20 of -0.5 %


def test_fifty_nine_are_not() -> None:
    found = judge_record("dip-buyer", record(59), START_MS)
    assert (found.verdict, texts(found.reasons)) == (ModelVerdict.OBSERVE, ("active_days 59<60",))


def test_what_is_missing_is_named() -> None:
    assert missing([]) == ("no closed trade on record",)
    reasons = missing(record(10))
    assert "active_days 10<60" in reasons
    assert any(reason.startswith("effective_days") for reason in reasons)


def test_a_record_that_loses_is_no_evidence() -> None:
    lost = [a_trade(day, -0.1 if day % 2 else 0.05, regime=(RANGE, BULL)[day % 2]) for day in range(80)]
    reasons = missing(lost)
    assert any(reason.startswith("net_low_bps") for reason in reasons)
    assert any(reason.startswith("recent_net_bps") for reason in reasons)


def test_three_good_days_are_no_evidence() -> None:
    lucky = [a_trade(day, 20.0 if day < 3 else 0.01 * (-1) ** day, regime=(RANGE, BULL)[day % 2]) for day in range(80)]
    assert any(reason.startswith("net_low_without_best_3") for reason in missing(lucky))


@pytest.mark.parametrize("regimes", [(RANGE,), (RANGE, None)])
def test_one_regime_is_not_enough_and_an_unknown_one_is_none(regimes: tuple[Regime | None, ...]) -> None:
    assert missing(record(60, regimes=regimes)) == ("regimes 1<2",)


@pytest.mark.parametrize(
    ("fees", "reasons"),
    [(0.25, ()), (0.2499, ()), (0.26, ("costs_of_gross 0.34>0.33",))],
)
def test_costs_take_at_most_a_third_of_the_gross(fees: float, reasons: tuple[str, ...]) -> None:
    # 60 trades earn 30 after costs; fees of 0.25 each are 15, a third of 45
    assert missing(record(60, fees=fees)) == reasons


def test_costs_of_what_earned_nothing_are_too_much() -> None:
    lost = [a_trade(day, -1.0, regime=(RANGE, BULL)[day % 2]) for day in range(60)]
    assert "costs_of_gross inf>0.33" in missing(lost)


def test_only_the_strategys_own_trades_count() -> None:
    others = [a_trade(day, 1.0, strategy_id="ensemble") for day in range(100)]
    assert missing(others) == ("no closed trade on record",)
    assert judge_record("dip-buyer", [*others, *record(60)], START_MS).trades == 60


def test_without_a_trade_the_verdict_is_still_its_own() -> None:
    found = judge_record("dip-buyer", [], START_MS + 7)
    assert (found.strategy_id, found.trades, found.judged_ms) == ("dip-buyer", 0, START_MS + 7)


def test_trades_of_coins_worth_less_than_one_count_and_those_without_a_price_do_not() -> None:
    cheap = [msgspec.structs.replace(trade, entry_price=Decimal("0.5"), quantity=Decimal(200)) for trade in record(60)]
    nothing = msgspec.structs.replace(a_trade(3, -50.0), entry_price=Decimal(0))
    found = judge_record("dip-buyer", [*cheap, nothing], START_MS)
    assert (found.trades, found.verdict) == (60, ModelVerdict.TRADE)


@pytest.mark.parametrize(("net", "share"), [(0.2, 0.5), (-0.2, math.inf)])
def test_costs_of_a_small_account_have_their_share_too(net: float, share: float) -> None:
    """0.2 of fees of a gross of 0.4; and of one of nothing."""
    reasons = judge_record("dip-buyer", [a_trade(0, net, fees=0.2)], START_MS).reasons
    [costs] = [reason for reason in reasons if reason.code is Code.COST_SHARE]
    assert costs.numbers["share"] == pytest.approx(share)
