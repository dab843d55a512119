"""Rules of the house that no linter knows."""

import ast
import re
from pathlib import Path

import trader

ROOT = Path(trader.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))
LONGEST = 400


def test_broad_excepts_stand_only_at_the_marked_edge_of_a_task() -> None:
    broad = re.compile(r"except( Base)?Exception\b|except BaseException|except:")
    unmarked = [
        f"{path.relative_to(ROOT)}:{number} {line.strip()}"
        for path in SOURCES
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if broad.search(line) and "# edge:" not in line and not _reraises(path, number)
    ]
    assert unmarked == []


def _reraises(path: Path, number: int) -> bool:
    """Whether the handler on that line only cleans up and raises again: it swallows nothing."""
    handlers = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ExceptHandler))
    return any(node.lineno == number and isinstance(node.body[-1], ast.Raise) for node in handlers)


def test_a_file_is_one_topic() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in SOURCES}
    assert {path: length for path, length in lengths.items() if length > LONGEST} == {}


def test_nothing_unfinished_is_left() -> None:
    words = re.compile(r"\b(TODO|FIXME|XXX|placeholder)\b|raise NotImplementedError")
    assert [str(path) for path in SOURCES if words.search(path.read_text())] == []


def test_only_the_composition_root_asks_for_the_mode() -> None:
    asked = re.compile(r"\.mode\b\s*(==|!=|is |in )|is_paper|dry_run")
    rooms = [path for path in SOURCES if path.relative_to(ROOT).parts[0] not in ("app", "config")]
    assert [str(path) for path in rooms if asked.search(path.read_text())] == []


def test_no_assert_is_satisfied_by_either_of_two_things() -> None:
    """`assert a or b` says nothing about a where b holds; `if not b: assert a`, or two tests, say which."""
    tests = sorted(Path(__file__).parents[1].rglob("*.py"))
    assert len(tests) > 100
    either = [
        f"{path.name}:{node.lineno}"
        for path in tests
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assert) and _is_either(node.test)
    ]
    assert either == []


def _is_either(test: ast.expr) -> bool:
    match test:
        case ast.BoolOp(op=ast.Or()) | ast.IfExp():
            return True
        case ast.BoolOp(values=parts):
            return any(_is_either(part) for part in parts)
    return False
