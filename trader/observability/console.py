"""One log line for a person: time, level, event, symbol, message, then the other fields; ids last."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

_RESET = "\x1b[0m"
_DIM, _BOLD = "\x1b[2m", "\x1b[1m"
_LEVELS = {
    "debug": ("debug", _DIM),
    "info": ("info ", "\x1b[36m"),
    "warning": ("WARN ", "\x1b[1;33m"),
    "error": ("ERROR", "\x1b[1;31m"),
    "critical": ("ERROR", "\x1b[1;31m"),
}
_EVENT_WIDTH, _SYMBOL_WIDTH, _MESSAGE_WIDTH = 20, 9, 44
_NOT_FIELDS = {"time_ms", "market_ms", "level", "event", "symbol", "message", "exception"}


class ConsoleLines:
    """Renders events in market time. A rule is drawn when the day changes."""

    def __init__(self, *, colours: bool) -> None:
        self._colours = colours
        self._day = ""

    def render(self, event: Mapping[str, Any]) -> str:
        """One line (or more: a date rule before it, a traceback after it)."""
        when = datetime.fromtimestamp(event.get("market_ms", event["time_ms"]) / 1_000, UTC)
        word, colour = _LEVELS.get(event["level"], _LEVELS["info"])
        parts = [
            self._paint(f"{when:%H:%M:%S}", _DIM),
            self._paint(word, colour),
            self._paint(str(event["event"]).ljust(_EVENT_WIDTH), _BOLD),
            self._paint(str(event.get("symbol") or "").ljust(_SYMBOL_WIDTH), "\x1b[35m"),
            self._tail(event),
        ]
        line = self._rule(when, is_market="market_ms" in event) + "  ".join(parts).rstrip()
        return line + self._traceback(event)

    def _tail(self, event: Mapping[str, Any]) -> str:
        names = [name for name in event if name not in _NOT_FIELDS and not name.startswith("_")]
        names.sort(key=_is_id)  # stable: the order of the call, ids at the end
        fields = " ".join(self._field(name, event[name]) for name in names if event[name] not in (None, ""))
        message = str(event.get("message") or "")
        if not message:
            return fields
        return f"{message.ljust(_MESSAGE_WIDTH) if fields else message}  {fields}"

    def _field(self, name: str, value: Any) -> str:
        text = shown(value)
        return self._paint(f"{name}=", _DIM) + (self._paint(text, _DIM) if _is_id(name) else text)

    def _rule(self, when: datetime, *, is_market: bool) -> str:
        day = f"{when:%a %d %b %Y}"
        if day == self._day:
            return ""
        self._day = day
        words = f"── {day} UTC{', market time' if is_market else ''} "
        return self._paint(words.ljust(100, "─"), _DIM) + "\n"

    def _traceback(self, event: Mapping[str, Any]) -> str:
        text = event.get("exception")
        return "".join("\n    " + self._paint(line, _DIM) for line in str(text).splitlines()) if text else ""

    def _paint(self, text: str, code: str) -> str:
        return f"{code}{text}{_RESET}" if self._colours and text.strip() else text


def _is_id(name: str) -> bool:
    return name == "id" or name.endswith(("_id", "_hash"))


def shown(value: Any) -> str:
    """A field's value, short: six significant digits, exact decimals, lists with commas, quotes only where needed."""
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, tuple | list | set | frozenset):
        text = ", ".join(shown(item) for item in value)
        return f"[{text}]"
    text = str(value).replace("\n", " ⏎ ")
    return f'"{text}"' if " " in text else text
