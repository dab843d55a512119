"""Whether a symbol is worth trading: volume a day, spread, tick against ATR, each with its numbers."""

import math
from typing import Any

import pytest

from tests.kit.builders import a_book, an_instrument
from trader.config.strategy import StrategySettings
from trader.domain.reasons import texts
from trader.domain.workings import Asked
from trader.risk.suitability import unsuitable

SETTINGS = StrategySettings(least_day_volume_quote=1_000.0, widest_spread_bps=10.0, coarsest_tick_atr=0.5)


def found(*, day_quote: float | None = 1_000.0, spread: float = 0.05, atr: float = 0.02) -> tuple[str, ...]:
    """At a price of 100 with a tick of 0.01; nothing is wrong unless said."""
    book = a_book("BTC/USDT", bid=100 - spread / 2, ask=100 + spread / 2)
    return texts(unsuitable(an_instrument(), book, atr, day_quote, SETTINGS, Asked()))


def test_what_just_passes_is_worth_trading() -> None:
    assert found(spread=0.0999) == ()  # 9.99 bp; a tick of half an ATR; exactly the volume


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"day_quote": 999.0}, "only observed: 999 USDT traded a day, at least 1,000"),
        ({"spread": 0.101}, "only observed: spread 10.1bp, at most 10.0bp"),
        ({"atr": 0.0199}, "only observed: a tick is 0.50 ATR, at most 0.50"),
        ({"atr": 0.005}, "only observed: a tick is 2.00 ATR, at most 0.50"),
        ({"atr": 0.0}, "only observed: a tick is inf ATR, at most 0.50"),
    ],
)
def test_each_has_its_bound_and_its_numbers(given: dict[str, float], reason: str) -> None:
    assert found(**given) == (reason,)


def test_a_volume_that_is_not_known_is_no_reason() -> None:
    assert found(day_quote=None) == ()


def test_all_reasons_are_told() -> None:
    assert len(found(day_quote=0.0, spread=1.0, atr=0.001)) == 3


@pytest.mark.parametrize(
    ("given", "gates"),
    [
        (
            {},
            [("day_volume", True, 1_000.0, 1_000.0), ("spread", True, 0.01, 0.01), ("tick", True, 0.5, 0.5)],
        ),
        (
            {"day_quote": 999.0, "widest": 99.9, "atr": 0.01},
            [("day_volume", False, 999.0, 1_000.0), ("spread", False, 0.01, 0.00999), ("tick", False, 1.0, 0.5)],
        ),
        (
            {"day_quote": None, "atr": 0.0},
            [("day_volume", True, None, 1_000.0), ("spread", True, 0.01, 0.01), ("tick", False, math.inf, 0.5)],
        ),
    ],
)
def test_what_was_asked_is_noted_with_its_numbers(given: dict[str, Any], gates: list[tuple[object, ...]]) -> None:
    """A spread of 1 %, a tick of 0.01."""
    asked = Asked()
    settings = SETTINGS.model_copy(update={"widest_spread_bps": given.get("widest", 100.0)})
    book, atr = a_book("BTC/USDT", bid=99.5, ask=100.5), given.get("atr", 0.02)
    reasons = unsuitable(an_instrument(), book, atr, given.get("day_quote", 1_000.0), settings, asked)
    assert [(gate.name, gate.passed, gate.value, pytest.approx(gate.bar)) for gate in asked.gates] == gates
    assert [gate.code for gate in asked.gates if gate.code] == [reason.code for reason in reasons]
