"""The knobs of the hedge: what they allow."""

from typing import Any

import pytest

from trader.config.load import load
from trader.config.schema import Settings
from trader.domain.errors import Misconfigured

PERPETUAL = {"market": "perpetual", "symbols": ["BTC/USDT", "ETH/USDT"]}


def with_risk(**risk: Any) -> Settings:
    return load(None, {"exchange": PERPETUAL, "risk": risk}, {})


def test_the_defaults_are_sevens() -> None:
    risk = Settings().risk
    assert (risk.hedge, risk.hedge_beta_above, risk.hedge_frac, risk.hedge_symbol) == (True, 1.2, 0.2, None)
    assert risk.hedge_beta_below == 1.0


def test_its_symbol_may_be_named_short() -> None:
    assert with_risk(hedge_symbol="ETH/USDT").risk.hedge_symbol == "ETH/USDT:USDT"
    assert with_risk(hedge_symbol="ETH/USDT:USDT").risk.hedge_symbol == "ETH/USDT:USDT"
    assert with_risk().risk.hedge_symbol is None


def test_its_symbol_is_one_that_has_data() -> None:
    allowed = "given SOL/USDT:USDT; allowed: BTC/USDT:USDT, ETH/USDT:USDT"
    with pytest.raises(Misconfigured, match=allowed):
        with_risk(hedge_symbol="SOL/USDT")


def test_one_bound_may_be_the_other_but_not_above_it() -> None:
    assert with_risk(hedge_beta_below=1.2).risk.hedge_beta_below == 1.2
    with pytest.raises(Misconfigured, match=r"hedge_beta_below 1\.3 is above hedge_beta_above 1\.2"):
        with_risk(hedge_beta_below=1.3)


def test_it_concerns_the_account_and_no_symbol() -> None:
    with pytest.raises(Misconfigured, match="hedge_frac"):
        load(None, {"exchange": PERPETUAL, "symbols": {"ETH/USDT": {"risk": {"hedge_frac": 0.1}}}}, {})
