"""Whatever is done to a part of a state, going back to a mark makes it what it was there, order included."""

from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.domain.undo import Part, Undo


class Shelf(Part):
    """One attribute of each kind."""

    def __init__(self, undo: Undo | None) -> None:
        super().__init__(undo)
        self.number = 0
        self.books = {"a": 1, "b": 2, "c": 3}
        self.names = {"a", "b", "c"}
        self.queue: deque[int] = deque([1, 2, 3], maxlen=4)


def seen(shelf: Shelf) -> tuple[Any, ...]:
    return shelf.number, list(shelf.books.items()), set(shelf.names), list(shelf.queue), shelf.queue.maxlen


def _replace(shelf: Shelf, key: str, number: int) -> None:
    shelf.books, shelf.names, shelf.queue = {key: number}, {key}, deque([number], maxlen=2)


def _swap(shelf: Shelf, key: str, number: int) -> None:
    shelf.books, shelf.names = dict(shelf.books, **{key: number}), shelf.names | {key}


def _in_place(shelf: Shelf, key: str, number: int) -> None:
    shelf.names &= {key, "a"}
    shelf.names -= {"a"}
    shelf.names |= {key}
    shelf.names ^= {"b"}
    shelf.books |= {key: number}
    shelf.queue += [number]


CHANGES: dict[str, Callable[[Shelf, str, int], object]] = {
    "attribute": lambda shelf, key, number: setattr(shelf, "number", number),
    "new containers": _replace,
    "changed containers": _swap,
    "in place": _in_place,
    "set item": lambda shelf, key, number: shelf.books.__setitem__(key, number),
    "pop": lambda shelf, key, number: shelf.books.pop(key, None),
    "delete": lambda shelf, key, number: shelf.books.__delitem__(key) if key in shelf.books else None,
    "setdefault": lambda shelf, key, number: shelf.books.setdefault(key, number),
    "update": lambda shelf, key, number: shelf.books.update({key: number, "z": 0}),
    "popitem": lambda shelf, key, number: shelf.books.popitem() if shelf.books else None,
    "clear": lambda shelf, key, number: shelf.books.clear(),
    "add": lambda shelf, key, number: shelf.names.add(key),
    "discard": lambda shelf, key, number: shelf.names.discard(key),
    "remove": lambda shelf, key, number: shelf.names.remove(key) if key in shelf.names else None,
    "pop of a set": lambda shelf, key, number: shelf.names.pop() if shelf.names else None,
    "update of a set": lambda shelf, key, number: shelf.names.update((key, "y")),
    "append": lambda shelf, key, number: shelf.queue.append(number),
    "popleft": lambda shelf, key, number: shelf.queue.popleft() if shelf.queue else None,
    "appendleft": lambda shelf, key, number: shelf.queue.appendleft(number),
    "pop of a queue": lambda shelf, key, number: shelf.queue.pop() if shelf.queue else None,
    "rotate": lambda shelf, key, number: shelf.queue.rotate(number),
}
Change = tuple[str, str, int]
changes = st.lists(st.tuples(st.sampled_from(list(CHANGES)), st.sampled_from("abcdz"), st.integers(-2, 9)), max_size=12)


def carry_out(shelf: Shelf, steps: list[Change]) -> None:
    for name, key, number in steps:
        CHANGES[name](shelf, key, number)


@given(before=changes, kept=changes, undone=changes)
def test_going_back(before: list[Change], kept: list[Change], undone: list[Change]) -> None:
    undo = Undo()
    shelf = Shelf(undo)
    carry_out(shelf, before)
    undo.begin()
    first = seen(shelf)
    carry_out(shelf, kept)
    mark, second = undo.mark(), seen(shelf)
    carry_out(shelf, undone)
    undo.back_to(mark)
    assert seen(shelf) == second
    undo.back_to()
    assert seen(shelf) == first


@given(steps=changes)
def test_logging_changes_nothing_else(steps: list[Change]) -> None:
    logged, plain = Shelf(Undo()), Shelf(None)
    for step in steps:
        if step[0] != "pop of a set":  # which one goes is nobody's promise
            carry_out(logged, [step])
            carry_out(plain, [step])
    assert seen(logged) == seen(plain)


READING = {
    "dict": "copy fromkeys get items keys values",
    "set": "copy difference intersection isdisjoint issubset issuperset symmetric_difference union",
    "deque": "copy count index maxlen",
}


@pytest.mark.parametrize("kind", [dict, set, deque])
def test_every_way_to_change_a_container_is_logged(kind: type) -> None:
    """A mutating method that a container has and the log does not know would be a change that stays."""
    undo = Undo()
    shelf = Shelf(undo)
    container = next(each for each in (shelf.books, shelf.names, shelf.queue) if isinstance(each, kind))
    reading = set(READING[kind.__name__].split())
    named = {name for name in dir(kind) if not name.startswith("_")} - reading
    in_place = {"__setitem__", "__delitem__", "__ior__", "__iand__", "__isub__", "__ixor__", "__iadd__", "__imul__"}
    mutating = named | (in_place & set(dir(kind)))
    assert {name for name in mutating if name not in vars(type(container))} == set()
