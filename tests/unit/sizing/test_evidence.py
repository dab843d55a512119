"""What a model's record and its own closed trades say of a bet: means, counts, and the lower bound of the edge."""

import math
from decimal import Decimal

import pytest

from tests.kit.builders import a_model
from trader.domain.closing import CloseReason
from trader.domain.decisions import ClosedTrade
from trader.domain.orders import Side
from trader.domain.signals import ModelInfo, Outcomes, Regime
from trader.sizing import kelly_fraction
from trader.sizing.evidence import Odds, Own, lower_probability, odds_of, own_record, proven

BULL, RANGE = Regime.BULL_TREND, Regime.RANGE_BOUND
POOLED = Outcomes(count=400, win_share=0.5, win_frac=0.02, loss_frac=0.01, win_sd=0.01, loss_sd=0.005)


def a_recorded_model(**by_regime: Outcomes) -> ModelInfo:
    regimes = {Regime(name): outcomes for name, outcomes in by_regime.items()}
    return a_model(average_win_frac=0.02, average_loss_frac=0.01, pooled=POOLED, by_regime=regimes)


def a_trade(
    net_frac: float, regime: Regime | None = BULL, strategy_id: str = "ensemble", opened_ms: int = 5
) -> ClosedTrade:
    return ClosedTrade(
        symbol="BTC/USDT",
        side=Side.BUY,
        opened_ms=opened_ms,
        closed_ms=opened_ms + 1,
        quantity=Decimal(1),
        entry_price=Decimal(100),
        exit_price=Decimal(100),
        profit_quote=Decimal(str(net_frac)) * 100,
        fees_quote=Decimal(0),
        reason=CloseReason.HORIZON,
        strategy_id=strategy_id,
        regime=regime,
    )


def test_without_anything_else_the_odds_are_those_of_the_whole_record() -> None:
    assert odds_of(a_recorded_model(), BULL, Own(), weight=60) == Odds(0.02, 0.01, 400, 0.01, 0.005)


def test_a_regime_counts_by_how_many_of_its_outcomes_there_are() -> None:
    """100 outcomes, 60 % won: 60 wins at 4 % against 60 of the pooled 2 %, 40 losses at 2 % against 60 of 1 %."""
    bull = Outcomes(count=100, win_share=0.6, win_frac=0.04, loss_frac=0.02, win_sd=0.0, loss_sd=0.0)
    found = odds_of(a_recorded_model(bull_trend=bull), BULL, Own(), weight=60)
    assert (found.win_frac, found.loss_frac) == pytest.approx((0.03, (60 * 0.01 + 40 * 0.02) / 100))
    assert odds_of(a_recorded_model(bull_trend=bull), RANGE, Own(), weight=60).win_frac == 0.02


def test_own_trades_of_the_regime_count_beside_the_record() -> None:
    """20 won at 1 %: (60 x 2 % + 20 x 1 %) / 80 = 1.75 %; 10 lost at 3 %: (60 x 1 % + 10 x 3 %) / 70."""
    trades = [a_trade(0.01)] * 20 + [a_trade(-0.03)] * 10 + [a_trade(0.5, RANGE)]
    found = odds_of(a_recorded_model(), BULL, own_record(trades, "ensemble", 0), weight=60)
    assert (found.win_frac, found.loss_frac) == pytest.approx((0.0175, 0.9 / 70))
    assert found.count == 431  # every own trade says something of the edge


def test_own_trades_are_those_of_the_strategy_since_its_model_came() -> None:
    trades = [
        a_trade(0.01, opened_ms=4),
        a_trade(0.02, opened_ms=5),
        a_trade(-0.01, None),
        a_trade(0.03, strategy_id="x"),
    ]
    own = own_record(trades, "ensemble", 5)
    assert own.trades == 2
    assert own.net_frac == pytest.approx(0.01)
    assert own.by_regime[BULL].wins == 1
    assert own.by_regime.keys() == {BULL}


# p 0.55 of 400: edge .55 x 2 % - .45 x 1 % = 0.65 %. Variance of one outcome: .2475 x .03^2 + .55 x .01^2
# + .45 x .005^2 = 2.2275e-4 + 5.5e-5 + 1.125e-5 = 2.89e-4; standard error .017 / 20 = .00085; x 1.6449 = 0.139813 %


def test_the_lower_bound_of_an_edge_worked_by_hand() -> None:
    low = lower_probability(0.55, Odds(0.02, 0.01, 400, 0.01, 0.005))
    edge = low * 0.02 - (1 - low) * 0.01
    assert edge == pytest.approx(0.0065 - 0.00139813, abs=1e-7)
    # a quarter of Kelly on it: .25 x .00510187 / .02; half of Kelly on the estimate would be .5 x .0065 / .02 = 16.25 %
    assert kelly_fraction(low, 0.02, 0.01, fraction=0.25) == pytest.approx(0.0637734, abs=1e-6)


@pytest.mark.parametrize("count", [0.0, 1e-9])
def test_no_evidence_bounds_nothing(count: float) -> None:
    assert lower_probability(0.99, Odds(0.02, 0.01, count, 0.0, 0.0)) == 0.0


def test_a_bound_is_a_probability_and_rises_with_the_count() -> None:
    bounds = [lower_probability(0.6, Odds(0.02, 0.01, count, 0.01, 0.005)) for count in (1, 10, 100, 1e4, 1e9)]
    assert bounds == sorted(bounds)
    assert 0 <= bounds[0] < bounds[-1] < 0.6
    assert bounds[-1] == pytest.approx(0.6, abs=1e-3)


@pytest.mark.parametrize(
    ("nets", "share"),
    [([], 0.0), ([0.01] * 15, 0.25), ([0.01] * 60, 1.0), ([0.01] * 90, 1.0), ([0.01] * 30 + [-0.02] * 30, 0.0)],
)
def test_evidence_comes_with_own_trades_that_earn(nets: list[float], share: float) -> None:
    assert proven(own_record([a_trade(net) for net in nets], "ensemble", 0), 60) == pytest.approx(share)


def test_an_own_trade_without_a_number_says_nothing() -> None:
    assert not math.isnan(own_record([a_trade(0.01)], "ensemble", 0).net_frac)
