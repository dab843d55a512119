"""One clear line per wrong setting: where it stands, what was given, what is allowed."""

import difflib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from trader.config.describe import allowed, fields_of, is_mapping, model_of
from trader.config.schema import Settings

Place = Callable[[Sequence[str]], str]
"""Key path -> where a person finds it: "config.yaml:12", "environment variable TRADER__MODE"."""

_SECRET_KEY = re.compile(r"secret|passw|passphrase|api_?key|token|credential|private_?key", re.IGNORECASE)


def problem_lines(error: ValidationError, place: Place) -> list[str]:
    """The problems in the order of the schema, one line each."""
    details = error.errors(include_url=False)
    unknown = {detail["loc"][:-1] for detail in details if detail["loc"][-1:] == ("[key]",)}
    lines = [
        _line(detail, place) for detail in details if detail["type"] != "missing" or detail["loc"][:-1] not in unknown
    ]
    return list(dict.fromkeys(lines))  # what fits none of several kinds is wrong once


def _line(detail: ErrorDetails, place: Place) -> str:
    path = [str(part) for part in detail["loc"] if "[" not in str(part)]  # "[key]", and kinds like "literal['auto']"
    prefix = f"{place(path)}: "
    key = ".".join(path)
    kind = detail["type"]
    if kind == "extra_forbidden":
        return prefix + unknown_key(path, detail["input"])
    if kind == "value_error":
        message = str(detail.get("ctx", {}).get("error", detail["msg"]))
        return f"{prefix}{key}: {message}" if key else prefix + message
    if kind == "missing":
        return f"{prefix}{key} is missing; allowed: {_allowed(path)}"
    if kind in ("model_type", "dict_type"):
        return f"{prefix}{key}: given {shown(detail['input'])}; allowed: a block with {_known_keys(path)}"
    if detail["loc"][-1:] == ("[key]",):
        return prefix + unknown_key(path, None)
    return f"{prefix}{key}: given {shown(detail['input'])}; allowed: {_allowed(path)}"


def unknown_key(path: Sequence[str], value: object) -> str:
    """The line for a key that does not exist. Its value is never shown: it may be a secret in the wrong place."""
    key = ".".join(path)
    if _SECRET_KEY.search(path[-1]) and not isinstance(value, Mapping):
        return (
            f"{key}: secrets do not belong in a configuration file; set TRADER_API_KEY, TRADER_API_SECRET "
            "and TRADER_API_PASSWORD in the environment (or the same names with _FILE)"
        )
    if path[0] == "symbols" and len(path) > 2 and _block(path[2:]) is not None:
        return f"{key}: is the same for all symbols; set {'.'.join(path[2:])}"
    parent = _block(path[:-1])
    names = _names(parent)
    near = difflib.get_close_matches(path[-1].lower(), names, n=1, cutoff=0.6)
    elsewhere = [] if near else _elsewhere(path[-1])
    if near:
        hint = f"did you mean {near[0]}?"
    elif elsewhere:
        hint = f"did you mean {elsewhere[0]}?"
    else:
        hint = f"allowed here: {', '.join(names)}"
    return f"{key}: unknown key; {hint}"


def shown(value: object) -> str:
    """A given value, short and unambiguous: texts quoted, as YAML would write the rest."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


Block = type[BaseModel] | FieldInfo | None


def _block(path: Sequence[str]) -> Block:
    """What stands at `path`: a model, a mapping's or a plain field, or None where the schema ends."""
    here: Block = Settings
    for name in path:
        if isinstance(here, FieldInfo):
            here = model_of(here) if is_mapping(here) else None
        elif here is not None:
            field = fields_of(here).get(name)
            here = field if field is None or is_mapping(field) else (model_of(field) or field)
    return here


def _names(block: Block) -> list[str]:
    if isinstance(block, FieldInfo):
        return [str(key) for key in (block.get_default(call_default_factory=True) or {})] if is_mapping(block) else []
    return list(fields_of(block)) if block is not None else []


def _known_keys(path: Sequence[str]) -> str:
    return ", ".join(_names(_block(path)))


def _allowed(path: Sequence[str]) -> str:
    block = _block(path)
    while not isinstance(block, FieldInfo) and path:  # an item of a list: its list says it
        path = path[:-1]
        block = _block(path)
    return allowed(block) if isinstance(block, FieldInfo) else "a block of keys"


def _elsewhere(name: str) -> list[str]:
    """Full paths of knobs called `name` in other blocks."""
    found: list[str] = []

    def visit(model: type[BaseModel], path: tuple[str, ...]) -> None:
        for key, field in fields_of(model).items():
            inner = None if is_mapping(field) else model_of(field)
            if key == name:
                found.append(".".join((*path, key)))
            if inner is not None:
                visit(inner, (*path, key))

    visit(Settings, ())
    return found


def given(values: Mapping[str, Any], path: Sequence[str]) -> bool:
    """Whether the nested mapping has something at `path`."""
    here: object = values
    for name in path:
        if not isinstance(here, Mapping) or name not in here:
            return False
        here = here[name]
    return True
