"""Confirmations: each looks at its own numbers, at the signal's side, and can say no."""

import math

import pytest

from tests.kit.builders import a_context
from trader.config.strategy import Confirmation, RegimeRule, StrategySettings
from trader.domain.orders import Side
from trader.domain.reasons import Code
from trader.domain.signals import CONTEXT_COLUMNS, MarketContext, Regime
from trader.strategy.confirmations import CONFIRMATIONS, MEASURED, confirmed, gates_of, lacking

SETTINGS = StrategySettings()
ABOVE, BELOW = {"ema_9": 100.5}, {"ema_9": 99.5}

# name, context, confirms a long, confirms a short
BOUNDS: list[tuple[str, dict[str, float], bool, bool]] = [
    ("ma_crossover", {**ABOVE, "ema_cross_age": 0.0}, True, False),
    ("ma_crossover", {**ABOVE, "ema_cross_age": 7.0}, True, False),
    ("ma_crossover", {**ABOVE, "ema_cross_age": 8.0}, False, False),
    ("ma_crossover", {**BELOW, "ema_cross_age": 0.0}, False, True),
    ("ma_crossover", {**BELOW, "ema_cross_age": 7.0}, False, True),
    ("ma_crossover", {**BELOW, "ema_cross_age": 8.0}, False, False),
    ("ma_crossover", {"ema_cross_age": 0.0}, False, False),  # the two are equal again
    ("rsi_dip", {"rsi_14": 39.9}, True, False),
    ("rsi_dip", {"rsi_14": 40.0}, False, False),
    ("rsi_dip", {"rsi_14": 99.0}, False, False),
    ("rsi_peak", {"rsi_14": 60.1}, False, True),
    ("rsi_peak", {"rsi_14": 60.0}, False, False),
    ("rsi_peak", {"rsi_14": 1.0}, False, False),
    ("rsi_extreme", {"rsi_14": 29.9}, True, False),
    ("rsi_extreme", {"rsi_14": 30.0}, False, False),
    ("rsi_extreme", {"rsi_14": 70.0}, False, False),
    ("rsi_extreme", {"rsi_14": 70.1}, False, True),
    ("bollinger_extreme", {"bb_position": 0.2}, True, False),
    ("bollinger_extreme", {"bb_position": 0.21}, False, False),
    ("bollinger_extreme", {"bb_position": 0.79}, False, False),
    ("bollinger_extreme", {"bb_position": 0.8}, False, True),
    ("breakout", {"bb_position": 1.01}, True, False),
    ("breakout", {"bb_position": 1.0}, False, False),
    ("breakout", {"bb_position": 0.0}, False, False),
    ("breakout", {"bb_position": -0.01}, False, True),
    ("squeeze", {"squeeze_age": 0.0}, True, True),
    ("squeeze", {"squeeze_age": 4.0}, True, True),
    ("squeeze", {"squeeze_age": 5.0}, False, False),
    ("volume", {"volume_ratio": 1.01}, True, True),
    ("volume", {"volume_ratio": 1.0}, False, False),
    ("volume_spike", {"volume_ratio": 1.5}, True, True),
    ("volume_spike", {"volume_ratio": 1.49}, False, False),
    ("atr_expansion", {"atr_ratio": 1.01}, True, True),
    ("atr_expansion", {"atr_ratio": 1.0}, False, False),
]


@pytest.mark.parametrize(("name", "context", "long", "short"), BOUNDS)
def test_a_confirmation_holds_up_to_its_bound_and_on_its_side(
    name: str, context: dict[str, float], long: bool, short: bool
) -> None:
    code, holds = CONFIRMATIONS[Confirmation(name)]
    assert code == name
    found = tuple(holds(side, a_context(**context), SETTINGS) for side in (Side.BUY, Side.SELL))
    assert found == (long, short)


@pytest.mark.parametrize(
    ("name", "changed", "context"),
    [
        ("ma_crossover", {"crossover_candles": 1}, {**ABOVE, "ema_cross_age": 1.0}),
        ("rsi_dip", {"rsi_low": 20.0}, {"rsi_14": 25.0}),
        ("rsi_extreme", {"rsi_oversold": 20.0}, {"rsi_14": 25.0}),
        ("bollinger_extreme", {"bollinger_extreme": 0.05}, {"bb_position": 0.1}),
        ("squeeze", {"squeeze_candles": 1}, {"squeeze_age": 1.0}),
        ("volume", {"volume_above": 1.3}, {"volume_ratio": 1.2}),
        ("volume_spike", {"volume_spike": 3.0}, {"volume_ratio": 2.0}),
        ("atr_expansion", {"atr_expansion": 1.3}, {"atr_ratio": 1.2}),
    ],
)
def test_each_has_its_own_setting(name: str, changed: dict[str, float], context: dict[str, float]) -> None:
    _, holds = CONFIRMATIONS[Confirmation(name)]
    assert holds(Side.BUY, a_context(**context), SETTINGS)
    assert not holds(Side.BUY, a_context(**context), SETTINGS.model_copy(update=changed))


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
@pytest.mark.parametrize("name", list(Confirmation))
def test_what_is_not_known_confirms_nothing(name: Confirmation, side: Side) -> None:
    _, holds = CONFIRMATIONS[name]
    assert not holds(side, MarketContext(*[math.nan] * len(CONTEXT_COLUMNS)), SETTINGS)


def test_a_context_of_before_knows_of_no_cross_and_no_squeeze() -> None:
    of_before = MarketContext(*dict.fromkeys(CONTEXT_COLUMNS[:13], 1.0).values())
    assert not CONFIRMATIONS[Confirmation.SQUEEZE][1](Side.BUY, of_before, SETTINGS)
    assert (of_before.ema_cross_age, of_before.squeeze_age) == (math.inf, math.inf)


def a_rule(needed: str, *names: str) -> RegimeRule:
    usual = SETTINGS.regimes[Regime.RANGE_BOUND].model_dump()
    return RegimeRule.model_validate({**usual, "confirmations_needed": needed, "confirmations": names})


@pytest.mark.parametrize(
    ("rule", "found", "missing"),
    [
        (a_rule("any", "volume", "squeeze"), ("volume",), ()),
        (a_rule("all", "volume", "squeeze"), ("volume",), ("squeeze",)),
        (a_rule("all", "squeeze", "volume"), ("volume",), ("squeeze",)),
        (a_rule("any", "breakout", "squeeze"), (), ("breakout", "squeeze")),
        (a_rule("any"), (), ()),
        (a_rule("all"), (), ()),
    ],
)
def test_any_or_all_of_the_listed_ones_are_needed(
    rule: RegimeRule, found: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    held = confirmed(rule, Side.BUY, a_context(volume_ratio=1.2), SETTINGS)
    assert (held, lacking(rule, held)) == (tuple(map(_code, found)), tuple(map(_code, missing)))


def _code(name: str) -> Code:
    return CONFIRMATIONS[Confirmation(name)][0]


def test_every_name_is_there() -> None:
    assert set(CONFIRMATIONS) == set(Confirmation)


@pytest.mark.parametrize("name", Confirmation)
def test_the_numbers_of_a_confirmation_decide_it(name: Confirmation) -> None:
    """Of values on both sides of its bar, all those on one side confirm, and none on the other; without one, none."""
    grid = (-0.5, 0.0, 0.5, 0.9, 1.0, 1.5, 2.5, 4.0, 25.0, 29.0, 50.0, 71.0, 75.0, math.inf)
    names = ("rsi_14", "bb_position", "atr_ratio", "volume_ratio", "ema_9", "ema_cross_age", "squeeze_age")
    contexts = [a_context(**{"ema_9": 101.0, field: value}) for field in names for value in grid]
    for side in Side:
        found = {
            (value, _holds_for(name, side, context))
            for context in contexts
            for value, _ in [MEASURED[name](side, context, SETTINGS)]
        }
        bar = MEASURED[name](side, contexts[0], SETTINGS)[1]
        assert not any(holds for value, holds in found if value is None)
        above = {holds for value, holds in found if value is not None and value > bar}
        below = {holds for value, holds in found if value is not None and value < bar}
        assert (above, below) in [({True}, {False}), ({False}, {True}), (set(), set()), ({False}, set())]


def _holds_for(name: Confirmation, side: Side, context: MarketContext) -> bool:
    return CONFIRMATIONS[name][1](side, context, SETTINGS)


def test_what_was_asked_of_a_regime_stands_in_its_order() -> None:
    context = a_context(volume_ratio=1.2, squeeze_age=3.0)
    gates = gates_of(a_rule("any", "volume", "squeeze"), Side.BUY, context, SETTINGS)
    assert [gate.name for gate in gates] == ["volume", "squeeze"]
    assert [(gate.value, gate.bar) for gate in gates] == [
        (1.2, SETTINGS.volume_above),
        (3.0, SETTINGS.squeeze_candles),
    ]
    assert not any(gate.says_no for gate in gates)
