"""Everything an engine's state holds, as plain values that compare: what an event changed and what it did not."""

from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any

import msgspec

from trader.domain.undo import Part, Undo
from trader.engine.state import EngineState

# what a failed event may change: its own count and telling, and that nothing new is opened
COUNTS = {"counters", "failures", "refusals", "undo", "now_ms"}
FACTS = {
    "book",
    "candle",
    "candles",
    "closes",
    "context",
    "stream",
    "stream_reason",
    "instrument",
    "correlations",
    "turnover",
}
HALT = {"breakers", "breakers_kept", "equity_recorded_ms"}


def photograph(state: EngineState, *, without: frozenset[str] | set[str] = frozenset()) -> Any:
    """`state` and all its parts but the attributes called as in `without`; dicts in their order."""
    return _plain(state, without)


def _plain(value: Any, without: frozenset[str] | set[str]) -> Any:
    match value:
        case None | bool() | int() | float() | str() | Decimal() | Enum() | msgspec.Struct():
            return value
        case Mapping() | MappingProxyType():
            return [(key, _plain(each, without)) for key, each in value.items()]
        case set() | frozenset():
            return set(value)
        case list() | tuple() | deque():
            return [_plain(each, without) for each in value]
        case _:
            return {name: _plain(each, without) for name, each in _attributes(value) if name not in without}


def _attributes(value: object) -> list[tuple[str, Any]]:
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    names = [*slots, *getattr(value, "__dict__", {})]
    return [(name, getattr(value, name)) for name in names if name not in ("_undo", "__dict__")]


def unlogged(state: EngineState) -> list[str]:
    """Where a container of a part would not be taken back: a plain one, or a part without a log."""
    found: list[str] = []
    parts: list[tuple[str, Any]] = [(name, each) for name, each in vars(state).items() if isinstance(each, Part)]
    while parts:
        path, part = parts.pop()
        if not isinstance(getattr(part, "_undo"), Undo):  # noqa: B009 - a part shows nobody its log
            found.append(path)
        for name, each in _attributes(part):
            if isinstance(each, Part):
                parts.append((f"{path}.{name}", each))
            elif type(each) in (dict, set, list, deque):
                found.append(f"{path}.{name}")
            elif hasattr(each, "__dict__") and not isinstance(each, type | Enum):
                found.append(f"{path}.{name}: {type(each).__name__}")
    return found
