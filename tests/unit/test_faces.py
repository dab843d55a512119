"""The face of every room: its docstring lists what it offers, and every name in it is there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2] / "trader"
_OFFERS = re.compile(r"^(\w+(?:, \w+)*) {2,}\S", re.MULTILINE)
_NAMED = re.compile(r"`([a-z_]+)`")
_FEW = 2  # files that need no table of contents


def _face(room: Path) -> str:
    return (room / "__init__.py").read_text().split('"""')[1]


def _rooms() -> Iterator[Path]:
    for path in sorted(ROOT.rglob("__init__.py")):
        if path.parent != ROOT:
            yield path.parent


def _offered(room: Path) -> list[str]:
    return [name for names in _OFFERS.findall(_face(room)) for name in names.split(", ")]


def _is_there(room: Path, name: str) -> bool:
    return (room / f"{name}.py").exists() or (room / name / "__init__.py").exists()


def test_every_room_says_what_it_offers() -> None:
    silent = [
        str(room)
        for room in _rooms()
        if len([path for path in room.glob("*.py") if path.name != "__init__.py"]) > _FEW and not _offered(room)
    ]
    assert silent == []


def test_every_name_in_a_face_is_there() -> None:
    missing = []
    for room in _rooms():
        first = [n for sentence in re.findall(r"Begin with ([^.]*)\.", _face(room)) for n in _NAMED.findall(sentence)]
        missing += [f"{room}: {name}" for name in (*_offered(room), *first) if not _is_there(room, name)]
    assert missing == []


def test_the_words_of_the_house_are_explained() -> None:
    unexplained = []
    for path in sorted((ROOT / "domain").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ClassDef | ast.FunctionDef) or node.name.startswith("_"):
                continue
            if not ast.get_docstring(node):
                unexplained.append(f"{path.name}: {node.name}")
    assert unexplained == []
