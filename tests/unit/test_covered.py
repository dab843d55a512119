"""The coverage gate of scripts/test, and what is left out of it."""

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.kit.covered import DECIDING, Counted, Covered, covered, failures, percent

ROOT = Path(__file__).parents[2]


def files(**percents: int) -> dict[str, Covered]:
    """One file of 100 lines in every deciding room, seen to `percents`, else all of it."""
    return {f"trader/{room}/one.py": Covered(percents.get(room, 100), 100, ()) for room in (*DECIDING, "cli")}


def test_lines_and_branches_count_alike_and_branches_to_what_is_not_counted_do_not() -> None:
    counted = Counted([1, 2], [3], executed_branches=[(2, 1)], missing_branches=[(2, 3), (1, 0), (2, 9)])
    assert covered(counted) == Covered(seen=3, there=6, missing=("3", "1->exit"))
    assert percent([covered(counted)]) == 50.0


@pytest.mark.parametrize("room", DECIDING)
def test_a_deciding_room_below_95_percent_fails(room: str) -> None:
    assert list(failures(files(**{room: 95}), least=85)) == []
    assert list(failures(files(**{room: 94}), least=85)) == [f"{room} is covered to 94.0 %, must be to 95 %"]


def test_a_deciding_room_that_was_not_counted_fails() -> None:
    counted = files()
    del counted["trader/risk/one.py"]
    assert list(failures(counted, least=85)) == ["risk is covered to 0.0 %, must be to 95 %"]


def test_everything_together_below_its_least_fails() -> None:
    assert list(failures(files(cli=0), least=85)) == []
    assert list(failures(files(cli=0), least=86)) == ["all of it is covered to 85.7 %, must be to 86 %"]


def test_only_what_is_compiled_to_machine_code_is_left_out() -> None:
    left_out = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["slipcover"]["omit"]
    kernel = re.compile(r"^@(kernel|part|entry_point|njit)\b", re.MULTILINE)
    sources = {str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / "trader").rglob("*.py")}
    compiled = {name for name, source in sources.items() if kernel.search(source)} | {"trader/risk/ladder.py"}
    omitted = {name for name in sources if any(fnmatch(name, pattern) for pattern in left_out)}
    assert len(compiled) > 15
    assert compiled - omitted == set()
    assert {name for name in omitted - compiled if "families/" not in name} == set()
