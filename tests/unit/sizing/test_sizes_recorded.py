"""Sizes at recorded closes: the cap on value decides few of them, and risk follows Kelly where a position is alone.

Over all closes (`scripts/sizes.py`, docs/sizing.md) risk ranks with the bare bet by 0.78 alone and 0.60 in a full
portfolio; the goal of 0.8 is held here for the bet with its regime's multiplier, and for each entry alone.
"""

import os
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from trader.config import Settings
from trader.models.statistics import rank_correlation

pytestmark = [
    pytest.mark.recorded,
    pytest.mark.skipif("TRADER_DATA" not in os.environ, reason="TRADER_DATA is not set"),
]
SCRIPTS = Path(__file__).parents[3] / "scripts"
CLOSES = 1_000  # of each of twelve pairs, up to 2025-10-17: the crash of 2025-10-10 is among them


@pytest.fixture(scope="module")
def sizes() -> ModuleType:
    sys.path.insert(0, str(SCRIPTS))
    try:
        return import_module("sizes")
    finally:
        sys.path.remove(str(SCRIPTS))


@pytest.fixture(scope="module")
def recorded(sizes: ModuleType) -> Any:
    return sizes.recorded(Path(os.environ["TRADER_DATA"]) / "candles" / "binance", CLOSES)


@pytest.mark.parametrize("is_alone", [True, False])
def test_the_cap_on_value_decides_less_than_three_sizes_in_ten(
    sizes: ModuleType, recorded: Any, is_alone: bool
) -> None:
    found = sizes.measured(list(sizes.entries(*recorded, Settings(), None, is_alone=is_alone)))
    assert found.entries > 200
    assert found.bound < 0.30


def test_alone_the_risk_taken_ranks_with_what_kelly_bets_in_its_regime(sizes: ModuleType, recorded: Any) -> None:
    made = list(sizes.entries(*recorded, Settings(), None, is_alone=True))
    risks = [entry.factors.whole_frac for entry in made]
    assert rank_correlation(risks, [entry.half_kelly * entry.factors.regime for entry in made]) >= 0.8


def test_without_the_share_of_the_budget_the_cap_would_decide(sizes: ModuleType, recorded: Any) -> None:
    """The measure can fail: it does as sizes were before."""
    settings = Settings.model_validate({"sizing": {"expected_positions": 1}})
    made = list(sizes.entries(*recorded, settings, None, is_alone=True))
    assert sizes.measured(made).bound > 0.5
    risks = [entry.factors.whole_frac for entry in made]
    assert rank_correlation(risks, [entry.half_kelly * entry.factors.regime for entry in made]) < 0.8
