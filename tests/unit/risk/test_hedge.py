"""When a portfolio is hedged, on which side, and with how much."""

import math

import pytest

from trader.config.risk import RiskSettings
from trader.domain.commitments import Commitment, Commitments
from trader.domain.orders import Side
from trader.risk.hedge import hedge_notional, hedge_side, is_wanted, portfolio_beta

RISK = RiskSettings()
BTC, ETH, SOL, XRP = "BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT", "XRP/USDT:USDT"
BETAS = {BTC: 1.0, ETH: 1.5, SOL: 1.8, XRP: 1.2}


def an_account(equity: float = 10_000.0, hedge: float = 0.0, **net: float) -> Commitments:
    """Net values by base, and the hedge's."""
    held = {f"{base}/USDT:USDT": Commitment(abs(value), 0.0, value) for base, value in net.items()}
    return Commitments(equity, 0.0, held, Commitment(abs(hedge), 0.0, hedge))


def test_a_worked_example() -> None:
    """Long 4,000 with beta 1.5 and 5,000 with 1.8, short 1,000 with 1.2, of 10,000: (6,000 + 9,000 - 1,200) / 10,000.

    That is 1.38: a fifth of equity is sold, 2,000 of BTC, which leaves 1.18.
    """
    account = an_account(ETH=4_000.0, SOL=5_000.0, XRP=-1_000.0)
    beta = portfolio_beta(account, BETAS)
    assert beta == pytest.approx(1.38)
    assert beta is not None
    assert is_wanted(beta, is_held=False, settings=RISK)
    assert hedge_side(BETAS[BTC], can_short=True) is Side.SELL
    notional = hedge_notional(beta, BETAS[BTC], account.equity, RISK)
    assert notional == pytest.approx(2_000.0)
    assert beta - notional * BETAS[BTC] / account.equity == pytest.approx(1.18)


def test_the_hedge_itself_is_left_out() -> None:
    assert portfolio_beta(an_account(ETH=4_000.0, hedge=-2_000.0), BETAS) == pytest.approx(0.6)
    assert portfolio_beta(an_account(hedge=-2_000.0), {}) == 0.0


def test_what_is_leaving_counts_as_gone() -> None:
    account = an_account(ETH=4_000.0, SOL=5_000.0)
    assert portfolio_beta(account, BETAS, {SOL}) == pytest.approx(0.6)
    assert portfolio_beta(account, {ETH: 1.5}, {SOL}) == pytest.approx(0.6)  # whatever its beta is


def test_a_beta_that_nobody_knows_makes_the_whole_unknown() -> None:
    assert portfolio_beta(an_account(ETH=1.0, SOL=1.0), {ETH: 1.5}) is None
    assert portfolio_beta(an_account(ETH=1.0, SOL=0.0), {ETH: 1.5}) is not None


def test_an_account_below_one_of_its_quote_has_a_beta_too() -> None:
    assert portfolio_beta(an_account(0.5, ETH=0.1), BETAS) == pytest.approx(0.3)


@pytest.mark.parametrize("equity", [0.0, -1.0, math.nan, math.inf])
def test_without_equity_there_is_no_beta(equity: float) -> None:
    assert portfolio_beta(an_account(equity, ETH=1.0), BETAS) is None


@pytest.mark.parametrize(
    ("beta", "is_held", "wanted"),
    [(1.2, False, False), (1.2001, False, True), (1.0, True, True), (0.9999, True, False), (1.1, False, False),
     (1.1, True, True), (-2.0, False, False), (-2.0, True, False)],
)  # fmt: skip
def test_it_opens_above_one_bound_and_goes_below_another(beta: float, is_held: bool, wanted: bool) -> None:
    assert is_wanted(beta, is_held=is_held, settings=RISK) is wanted
    assert not is_wanted(beta, is_held=is_held, settings=RISK.model_copy(update={"hedge": False}))


@pytest.mark.parametrize(
    ("own_beta", "can_short", "side"),
    [(1.0, True, Side.SELL), (1.0, False, None), (-0.5, False, Side.BUY), (-0.5, True, Side.BUY), (0.0, True, None)],
)
def test_what_moves_with_the_leader_is_sold_and_what_moves_against_it_bought(
    own_beta: float, can_short: bool, side: Side | None
) -> None:
    assert hedge_side(own_beta, can_short=can_short) is side


@pytest.mark.parametrize(
    ("beta", "own_beta", "notional"),
    [(1.3, 1.0, 2_000.0), (1.3, 6.5, 2_000.0), (1.3, 13.0, 1_000.0), (1.3, -13.0, 1_000.0), (1.3, -1.0, 2_000.0),
     (-0.1, 1.0, 0.0)],
)  # fmt: skip
def test_it_is_a_share_of_equity_and_never_turns_the_portfolio(beta: float, own_beta: float, notional: float) -> None:
    assert hedge_notional(beta, own_beta, 10_000.0, RISK) == pytest.approx(notional)


def test_the_share_is_configured_and_no_larger_than_one_order_may_be() -> None:
    assert hedge_notional(3.0, 1.0, 10_000.0, RiskSettings(hedge_frac=0.4)) == pytest.approx(4_000.0)
    small = RiskSettings(hedge_frac=0.4, max_order_notional_frac=0.1)
    assert hedge_notional(3.0, 1.0, 10_000.0, small) == pytest.approx(1_000.0)
