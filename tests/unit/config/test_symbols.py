"""What differs for one symbol: merged key by key, kept as it was given, refused where it concerns the account."""

import json
from typing import Any

import pytest

from trader.config.load import load
from trader.config.schema import Settings
from trader.config.symbols import OF_THE_ACCOUNT
from trader.domain.signals import Regime

SOL, BTC = "SOL/USDT", "BTC/USDT"


def with_sol(own: dict[str, Any], **more: Any) -> Settings:
    return load(None, {"symbols": {SOL: own}, **more}, {})


def test_only_the_given_keys_differ_and_only_for_that_symbol() -> None:
    settings = with_sol({"sizing": {"cap_frac": 0.02}, "risk": {"stop_atr": 3}}, sizing={"kelly_fraction": 0.25})
    own = settings.for_symbol(SOL)
    assert (own.sizing.cap_frac, own.sizing.kelly_fraction, own.risk.stop_atr) == (0.02, 0.25, 3.0)
    assert own.execution == settings.execution
    assert settings.for_symbol(BTC) is settings
    assert settings.sizing.cap_frac == 0.10


def test_a_default_that_is_given_differs_from_the_account_s_too() -> None:
    settings = with_sol({"sizing": {"cap_frac": 0.10}}, sizing={"cap_frac": 0.05})
    assert (settings.for_symbol(SOL).sizing.cap_frac, settings.sizing.cap_frac) == (0.10, 0.05)


@pytest.mark.parametrize(
    ("usual", "own", "expected"),
    [
        ({}, {"name": "ema-cross"}, ("ema-cross", None, {})),
        (
            {"name": "ema-cross", "parameters": {"slow": 30}},
            {"parameters": {"fast": 5}},
            ("ema-cross", None, {"fast": 5}),
        ),
        ({"name": "ema-cross", "parameters": {"slow": 30}}, {"name": "ensemble"}, ("ensemble", None, {})),
        ({"name": "ema-cross", "parameters": {"slow": 30}}, {"class": "a.py:B"}, ("ensemble", "a.py:B", {})),
        ({"class": "a.py:B", "parameters": {"x": 1}}, {"name": "ema-cross"}, ("ema-cross", None, {})),
        ({"class": "a.py:B", "parameters": {"x": 1}}, {"rsi_low": 20}, ("ensemble", "a.py:B", {"x": 1})),
    ],
)
def test_another_strategy_begins_without_the_parameters_of_the_usual_one(
    usual: dict[str, Any], own: dict[str, Any], expected: tuple[str, str | None, dict[str, Any]]
) -> None:
    strategy = with_sol({"strategy": own}, strategy=usual).for_symbol(SOL).strategy
    assert (strategy.name, strategy.own_class, strategy.parameters) == expected


def test_a_regime_s_rule_differs_key_by_key() -> None:
    usual = {"regimes": {"bull_trend": {"size_multiplier": 2.0}}}
    settings = with_sol({"strategy": {"regimes": {"bull_trend": {"stop_loss_frac": 0.03}}}}, strategy=usual)
    rule = settings.for_symbol(SOL).strategy.regimes[Regime.BULL_TREND]
    assert (rule.stop_loss_frac, rule.size_multiplier) == (0.03, 2.0)
    assert settings.for_symbol(SOL).strategy.regimes[Regime.BEAR_TREND] == settings.strategy.regimes[Regime.BEAR_TREND]
    assert settings.strategy.regimes[Regime.BULL_TREND].stop_loss_frac == 0.01


def test_a_child_process_is_given_the_same() -> None:
    settings = with_sol({"sizing": {"cap_frac": 0.02}, "strategy": {"class": "a.py:B"}}, sizing={"cap_frac": 0.05})
    dumped = settings.model_dump(mode="json")
    assert dumped["symbols"] == {SOL: {"sizing": {"cap_frac": 0.02}, "strategy": {"class": "a.py:B"}}}
    again = Settings.model_validate_json(json.dumps(dumped), strict=True)
    assert again.for_symbol(SOL) == settings.for_symbol(SOL)


def test_perpetuals_may_be_named_like_their_spot_pairs() -> None:
    settings = with_sol({"sizing": {"cap_frac": 0.02}}, exchange={"market": "perpetual"})
    assert settings.for_symbol("SOL/USDT:USDT").sizing.cap_frac == 0.02


def test_what_concerns_the_account_names_knobs_that_exist() -> None:
    for block, names in OF_THE_ACCOUNT.items():
        assert names <= getattr(Settings(), block).model_fields_set | set(type(getattr(Settings(), block)).model_fields)
