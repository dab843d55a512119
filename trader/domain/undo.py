"""An undo log: what changed since a mark, so that what fails halfway has changed nothing.

A `Part` of a state logs each attribute that is set; dicts, sets and deques given to it become ones that log too. What
is in them must be immutable: a change inside of a value is not seen. One log serves all parts of a state.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

Step = tuple[Any, ...]
"""A function and its arguments, which take one change back."""

_ABSENT = object()
_set = object.__setattr__


class Undo:
    """The changes of one state, oldest first."""

    __slots__ = ("steps",)

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def begin(self) -> None:
        """What was changed until now stays."""
        if self.steps:
            self.steps.clear()

    def mark(self) -> int:
        """What `back_to` goes back to."""
        return len(self.steps)

    def back_to(self, mark: int = 0) -> None:
        """Everything is as it was at `mark`, the order of dicts included."""
        steps = self.steps
        while len(steps) > mark:
            undo, *arguments = steps.pop()
            undo(*arguments)

    def note(self, owner: object, name: str) -> None:
        """The attribute `name` of `owner`, which is no `Part`, is about to change."""
        self.steps.append((_set, owner, name, getattr(owner, name)))


class Part:
    """An object that is changed only by setting its attributes. Without a log it is an ordinary one."""

    __slots__ = ("_undo",)
    _undo: Undo | None

    def __init__(self, undo: Undo | None = None) -> None:
        object.__setattr__(self, "_undo", undo)

    def __setattr__(self, name: str, value: Any) -> None:
        undo = self._undo
        if undo is not None:
            before = getattr(self, name, _ABSENT)
            if before is value:
                return
            if before is not _ABSENT:
                undo.steps.append((_set, self, name, before))
            logged = _LOGGED.get(type(value))
            if logged is not None:
                value = logged(value, undo)
        _set(self, name, value)


class UndoDict(dict[K, V]):
    """A dict that logs."""

    __slots__ = ("_steps",)

    def __init__(self, values: Mapping[K, V], undo: Undo) -> None:
        super().__init__(values)
        self._steps = undo.steps

    def __setitem__(self, key: K, value: V) -> None:
        if key in self:
            self._steps.append((dict.__setitem__, self, key, self[key]))
        else:
            self._steps.append((dict.__delitem__, self, key))
        dict.__setitem__(self, key, value)

    def __delitem__(self, key: K) -> None:
        self._going(key)
        dict.__delitem__(self, key)

    def pop(self, key: K, *default: Any) -> Any:
        """As of any dict."""
        self._going(key)
        return dict.pop(self, key, *default)

    def setdefault(self, key: K, default: Any = None) -> Any:
        """As of any dict."""
        if key not in self:
            self[key] = default
        return self[key]

    def _going(self, key: K) -> None:
        """`key` is about to go: the first and the last are put back where they were, in between all are."""
        if key not in self:
            return
        if next(reversed(self)) == key:
            self._steps.append((dict.__setitem__, self, key, self[key]))
        elif next(iter(self)) == key:
            self._steps.append((_put_first, self, key, self[key]))
        else:
            self._steps.append((_as_before, self, dict(self)))


class UndoSet(set[K]):
    """A set that logs."""

    __slots__ = ("_steps",)

    def __init__(self, values: Iterable[K], undo: Undo) -> None:
        super().__init__(values)
        self._steps = undo.steps

    def add(self, value: K) -> None:
        """As of any set."""
        if value not in self:
            self._steps.append((set.discard, self, value))
            set.add(self, value)

    def discard(self, value: object) -> None:
        """As of any set."""
        if value in self:
            self._steps.append((set.add, self, value))
            set.discard(self, value)


class UndoDeque(deque[V]):
    """A deque that logs."""

    __slots__ = ("_steps",)

    def __init__(self, values: "deque[V]", undo: Undo) -> None:
        super().__init__(values, values.maxlen)
        self._steps = undo.steps

    def append(self, value: V) -> None:
        """As of any deque."""
        self._steps.append((deque.pop, self) if len(self) != self.maxlen else (_as_before, self, list(self)))
        deque.append(self, value)

    def popleft(self) -> V:
        """As of any deque."""
        value = deque.popleft(self)
        self._steps.append((deque.appendleft, self, value))
        return value


_LOGGED: dict[type, Callable[[Any, Undo], object]] = {dict: UndoDict, set: UndoSet, deque: UndoDeque}

# What else changes one of them is rare: the whole is put back.
_RARE: dict[type, tuple[type, tuple[str, ...]]] = {
    UndoDict: (dict, ("clear", "popitem", "update", "__ior__")),
    UndoSet: (
        set,
        (
            "clear", "pop", "remove", "update", "difference_update", "intersection_update",
            "symmetric_difference_update", "__iand__", "__ior__", "__isub__", "__ixor__",
        ),
    ),
    UndoDeque: (
        deque,
        (
            "appendleft", "clear", "extend", "extendleft", "insert", "pop", "remove", "reverse", "rotate",
            "__delitem__", "__iadd__", "__imul__", "__setitem__",
        ),
    ),
}  # fmt: skip


def _logging(plain: Callable[..., Any], copy: type) -> Callable[..., Any]:
    def _changed(self: Any, *args: Any, **kwargs: Any) -> Any:
        self._steps.append((_as_before, self, copy(self)))
        return plain(self, *args, **kwargs)

    return _changed


for _kind, (_plain, _names) in _RARE.items():
    for _name in _names:
        setattr(_kind, _name, _logging(getattr(_plain, _name), list if _plain is deque else _plain))


def _as_before(target: Any, values: Any) -> None:
    """Put `values` in place of what is in `target`, without logging it."""
    if isinstance(target, deque):
        deque.clear(target)
        deque.extend(target, values)
    elif isinstance(target, dict):
        dict.clear(target)
        dict.update(target, values)
    else:
        set.clear(target)
        set.update(target, values)


def _put_first(target: Any, key: Any, value: Any) -> None:
    later = dict(target)
    dict.clear(target)
    dict.__setitem__(target, key, value)
    dict.update(target, later)
