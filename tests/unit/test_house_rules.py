"""Rules of the house that no linter knows."""

import ast
import re
from pathlib import Path

import pytest

import trader

ROOT = Path(trader.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))
LONGEST = 400


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_broad_excepts_stand_only_at_the_marked_edge_of_a_task(path: Path) -> None:
    lines = path.read_text().splitlines()
    broad = [
        line.strip() for line in lines if re.search(r"except( Base)?Exception\b|except BaseException|except:", line)
    ]
    unmarked = [line for line in broad if "# edge:" not in line and not _reraises(path, line)]
    assert unmarked == []


def _reraises(path: Path, text: str) -> bool:
    """A handler that only cleans up and raises again swallows nothing."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ExceptHandler) and path.read_text().splitlines()[node.lineno - 1].strip() == text:
            return isinstance(node.body[-1], ast.Raise)
    return False


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_one_topic(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST


def test_nothing_unfinished_is_left() -> None:
    words = re.compile(r"\b(TODO|FIXME|XXX|placeholder)\b|raise NotImplementedError")
    assert [str(path) for path in SOURCES if words.search(path.read_text())] == []


def test_only_the_composition_root_asks_for_the_mode() -> None:
    asked = re.compile(r"\.mode\b\s*(==|!=|is |in )|is_paper|dry_run")
    rooms = [path for path in SOURCES if path.relative_to(ROOT).parts[0] not in ("app", "config")]
    assert [str(path) for path in rooms if asked.search(path.read_text())] == []
