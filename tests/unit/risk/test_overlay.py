"""What the rest of a portfolio leaves to one more position, by hand."""

import math

import msgspec
import pytest

from trader.config.risk import RiskSettings
from trader.domain.commitments import Commitment, Commitments
from trader.domain.reasons import Code
from trader.domain.sizing import Beside
from trader.risk.correlation import Correlations, mean_correlation
from trader.risk.overlay import Vols, beside

BTC, ETH, SOL = "BTC/USDT", "ETH/USDT", "SOL/USDT"
VOLS = {BTC: Vols(0.5, 1.0), ETH: Vols(0.8, 1.6), SOL: Vols(1.0, 1.2)}
MEASURED = Correlations({(BTC, ETH): 0.5, (BTC, SOL): 0.4, (ETH, SOL): 0.6})
LOOSE = RiskSettings(portfolio_vol_target=10.0)


def held(**values: float) -> Commitments:
    """Of 10,000 quote."""
    names = {f"{base}/USDT": Commitment(abs(value), 0.0, value) for base, value in values.items()}
    return Commitments(10_000.0, 1.0, names)


def of_sol(
    committed: Commitments,
    sign: int = 1,
    risk: RiskSettings = LOOSE,
    correlations: Correlations = MEASURED,
    most_gross: float = 10.0,
) -> Beside:
    return beside(SOL, sign, committed, VOLS, correlations, 0.8, most_gross=most_gross, risk=risk)


def test_the_volatility_of_a_portfolio_with_one_more() -> None:
    """BTC .4 x .5 = .2, ETH .2 x .8 = .16, SOL .1 x 1 = .1 with correlations .5, .4, .6:
    .04 + .0256 + .01 + 2 (.5 x .2 x .16 + .4 x .2 x .1 + .6 x .16 x .1) = .1428.
    """
    found = of_sol(held(BTC=4_000.0, ETH=2_000.0))
    assert found.usual.with_one(0.1) == pytest.approx(math.sqrt(0.1428))
    assert found.stacked == pytest.approx(0.36)
    assert found.gross == pytest.approx(0.6)


def test_in_a_shock_every_volatility_is_at_its_quantile() -> None:
    """.4, .32 and .12: .16 + .1024 + .0144 + 2 (.5 x .4 x .32 + .4 x .4 x .12 + .6 x .32 x .12) = .48928."""
    assert of_sol(held(BTC=4_000.0, ETH=2_000.0)).shocked.with_one(0.1) == pytest.approx(math.sqrt(0.48928))


def test_a_hedge_takes_from_the_volatility_and_not_from_the_sum() -> None:
    """BTC +.2, SOL -.1: .04 + .01 - 2 x .4 x .2 x .1 = .034; as one .2 + .1."""
    found = of_sol(held(BTC=4_000.0), sign=-1)
    assert found.usual.with_one(-0.1) == pytest.approx(math.sqrt(0.034))
    assert found.stacked + 0.1 * found.usual.vol == pytest.approx(0.3)


def test_what_is_held_of_the_symbol_itself_is_left_out() -> None:
    assert of_sol(held(BTC=4_000.0, SOL=1_000.0)) == of_sol(held(BTC=4_000.0))


@pytest.mark.parametrize(("sign", "variance"), [(1, 0.04 + 0.01 + 2 * 0.8 * 0.2 * 0.1), (-1, 0.05)])
def test_an_unknown_correlation_adds_and_never_hedges(sign: int, variance: float) -> None:
    found = of_sol(held(BTC=4_000.0), sign, correlations=Correlations())
    assert found.usual.with_one(sign * 0.1) == pytest.approx(math.sqrt(variance))


@pytest.mark.parametrize(
    ("risk", "most_gross", "share", "code"),
    [
        (RiskSettings(portfolio_vol_target=0.3), 10.0, 0.3 / math.sqrt(0.1428), Code.OVERLAY_VOLATILITY),
        (
            RiskSettings(portfolio_vol_target=0.4, portfolio_vol_shocked=1.5),
            10.0,
            0.6 / math.sqrt(0.48928),
            Code.OVERLAY_SHOCKED,
        ),
        (RiskSettings(portfolio_vol_target=0.4, portfolio_vol_stacked=1.0), 10.0, 0.4 / 0.46, Code.OVERLAY_STACKED),
        (LOOSE, 0.5, 0.5 / 0.7, Code.OVERLAY_GROSS),
        (LOOSE, 0.7, 1.0, None),
    ],
)
def test_the_smallest_of_limit_by_measure_is_what_is_left(
    risk: RiskSettings, most_gross: float, share: float, code: Code | None
) -> None:
    """.378 of volatility, .699 in a shock, .46 as one, .7 of equity."""
    left, told = of_sol(held(BTC=4_000.0, ETH=2_000.0), risk=risk, most_gross=most_gross).share(0.1)
    assert left == pytest.approx(share)
    assert (told and told.code) == code


def test_of_two_measures_beyond_their_limits_the_worse_counts() -> None:
    risk = RiskSettings(portfolio_vol_target=0.3, portfolio_vol_stacked=1.0)  # .3 / .378 = .794, .3 / .46 = .652
    left, told = of_sol(held(BTC=4_000.0, ETH=2_000.0), risk=risk).share(0.1)
    assert left == pytest.approx(0.3 / 0.46)
    assert told is not None
    assert str(told) == "portfolio volatility 46% if all moved as one, at most 30%"


def test_alone_a_position_swings_by_itself() -> None:
    found = of_sol(held(), risk=RiskSettings(portfolio_vol_target=0.3))
    assert found.share(0.25) == (1.0, None)
    assert found.share(0.6)[0] == pytest.approx(0.5)
    assert msgspec.structs.replace(found, most_gross=0.3).share(-0.6)[0] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("sign", "values", "expected"),
    [
        (1, {}, 0.8),
        (1, {SOL: 5.0}, 0.8),
        (1, {BTC: 5.0}, 0.4),
        (1, {BTC: 5.0, ETH: 1.0}, 0.5),
        (1, {BTC: 5.0, ETH: -1.0}, 0.0),  # .4 - .6, never below 0
        (-1, {BTC: -5.0, ETH: -1.0}, 0.5),
        (1, {BTC: 5.0, "XRP/USDT": 1.0}, 0.6),  # .4 and what is not known
    ],
)
def test_the_mean_correlation_of_a_position_with_the_others(
    sign: int, values: dict[str, float], expected: float
) -> None:
    assert mean_correlation(SOL, sign, values, MEASURED, 0.8) == pytest.approx(expected)
