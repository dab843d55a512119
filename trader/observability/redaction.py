"""Secrets never reach a line: known values are struck out wherever they stand, suspicious keys always."""

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

STRUCK = "***"
_SHORTEST = 4  # a shorter value would strike out half of every line
_KEY = re.compile(r"secret|passw|passphrase|api_?key|signature|authorization|(^|_)token$", re.IGNORECASE)


class Redactor:
    """Strikes out the given secrets, also as they look inside JSON and URLs."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms: set[str] = set()
        for secret in secrets:
            for part in (secret, *secret.splitlines()):  # a PEM file's lines may be logged one by one
                if len(part.strip()) >= _SHORTEST and not part.startswith("-----"):
                    forms |= {part, json.dumps(part)[1:-1], quote(part, safe="")}
        # the longest first, so that no part of a secret survives the removal of another
        words = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, words))) if words else None

    def text(self, line: str) -> str:
        """`line` without any secret."""
        return line if self._pattern is None else self._pattern.sub(STRUCK, line)

    @staticmethod
    def fields(event: dict[str, Any]) -> dict[str, Any]:
        """`event` with the values of fields whose names speak of secrets struck out, at any depth."""
        return {key: _field(key, value) for key, value in event.items()}


def _field(key: str, value: Any) -> Any:
    if _KEY.search(key):
        return STRUCK
    if isinstance(value, dict):
        return {str(inner): _field(str(inner), item) for inner, item in value.items()}
    return value
