"""docs/one-candle.md: its files and functions are there, nine at most, each to be read from top to bottom."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/one-candle.md").read_text()
CHAPTERS = re.findall(r"^## \d+\. `([^`]+)`\n\nRead ([^.]*(?:\.\w[^.]*)*)\.\n", PAGE, re.MULTILINE)


def _lines(path: Path) -> dict[str, int]:
    """Where each function is, methods as Class.method."""
    found: dict[str, int] = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found[node.name] = node.lineno
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    found[f"{node.name}.{inner.name}"] = inner.lineno
    return found


def test_the_story_has_nine_chapters_at_most_and_every_one_is_understood() -> None:
    assert len(re.findall(r"^## ", PAGE, re.MULTILINE)) == len(CHAPTERS) <= 9
    assert len({path for path, _ in CHAPTERS}) == len(CHAPTERS)  # no step back into a file


def test_what_is_to_be_read_is_there_and_in_the_order_of_its_file() -> None:
    for path, names in CHAPTERS:
        lines, named = _lines(ROOT / path), re.findall(r"`([^`]+)`", names)
        assert named
        assert [name for name in named if name not in lines] == []
        assert [lines[name] for name in named] == sorted(lines[name] for name in named), path


def test_the_rooms_behind_are_there() -> None:
    behind = [name for line in re.findall(r"^\*Behind it: .*\*$", PAGE, re.MULTILINE) for name in line.split("`")[1::2]]
    paths = [name for name in behind if "/" in name or name.endswith(".py") or name.islower()]
    missing = [name for name in paths if not (ROOT / "trader" / name).exists() and "_" not in name]
    assert missing == []
