"""CONTRIBUTING.md: its files are there, and adding something touches three of them at most."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
RECIPES = PAGE.partition("## How to add")[2].partition("\n## ")[0].split("\n### ")[1:]


def test_every_file_and_room_that_it_names_is_there() -> None:
    named = re.findall(r"`((?:trader|tests|docs|scripts)/[^`\s]*)`", PAGE)
    assert len(named) > 40
    assert [name for name in named if "<" not in name and not (ROOT / name).exists()] == []
    assert [name for name in named if "<" in name and not (ROOT / name).parent.exists() and "<room>" not in name] == []
    assert [name for name in re.findall(r"scripts/\w+", PAGE) if not (ROOT / name).exists()] == []


def test_adding_something_touches_three_files_at_most() -> None:
    assert len(RECIPES) >= 12
    for recipe in RECIPES:
        steps = re.findall(r"^(\d+)\. (.*)$", recipe, re.MULTILINE)
        assert 1 <= len(steps) <= 3, recipe.splitlines()[0]
        assert [int(number) for number, _ in steps] == list(range(1, len(steps) + 1))
        assert all("`" in step or "where it is used" in step for _, step in steps)


def test_the_names_that_it_gives_as_examples_are_there() -> None:
    for path, name in (
        ("trader/domain/orders.py", "class AlgorithmName"),
        ("trader/service/control/reports.py", "_LISTS"),
        ("trader/cli/look.py", "COMMANDS"),
        ("trader/cli/act.py", "COMMANDS"),
        ("trader/domain/events.py", "class CommandName"),
        ("trader/config/strategy.py", "class StrategyName"),
        ("trader/config/sizing.py", "class SizingRule"),
        ("trader/sizing/rules.py", "RULES"),
        ("trader/risk/breakers.py", "def _halting"),
        ("trader/risk/breakers.py", "def _reducing"),
        ("trader/risk/breakers.py", "class BreakerView"),
        ("trader/risk/stops.py", "def barriers"),
        ("trader/app/run.py", "outlets="),
    ):
        assert name in (ROOT / path).read_text(), f"{path}: {name}"
