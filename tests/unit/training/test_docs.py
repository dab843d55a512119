"""docs/models.md names things that exist and reasons that are given."""

import importlib
import re
from pathlib import Path

import numpy as np
import pytest

from trader.models.gate import GateRules, Trades, judge
from trader.training.profiles import PROFILES

PAGE = (Path(__file__).parents[3] / "docs" / "models.md").read_text()


def test_every_name_exists() -> None:
    names = re.findall(r"`((?:training|models|scoring|risk)\.[a-z_.A-Z]+)(?:\([^`]*\))?`", PAGE)
    assert len(names) >= 8
    for name in names:
        module, *rest = name.split(".")
        found = importlib.import_module(f"trader.{module}.{rest[0]}")
        for part in rest[1:]:
            found = getattr(found, part)


@pytest.mark.parametrize("name", list(PROFILES))
def test_every_profile_is_described(name: str) -> None:
    assert f"| `{name}` |" in PAGE


def test_every_reason_of_the_gate_is_explained() -> None:
    nothing = Trades(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64))
    losing = Trades(np.arange(100), np.full(100, -0.01), np.zeros(100, np.int64))
    given = judge(nothing, 10, 0.0, GateRules()).reasons + judge(losing, 100, 0.0, GateRules()).reasons
    for reason in given:
        assert f"| `{str(reason).split()[0]} " in PAGE
    assert "`no_edge`" in PAGE
    assert "`leak_alarm " in PAGE
