"""Settings from a YAML file, the environment and the command line. Everything wrong is told at once.

Later wins: schema defaults < file < `TRADER__SECTION__KEY` variables < overrides. Secrets are never read here;
see `credentials`.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from trader.config.credentials import Credentials, credentials
from trader.config.older import as_today
from trader.config.problems import given, problem_lines
from trader.config.schema import Settings
from trader.config.yaml_file import YamlFile, read_yaml
from trader.domain.errors import Misconfigured

__all__ = ["Credentials", "credentials", "load"]

_PREFIX = "TRADER__"
_LISTS = {("exchange", "symbols"), ("market", "higher_timeframes")}


def load(
    path: Path | None,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """The validated settings.

    `path` None means schema defaults; `overrides` is nested like the file. Relative paths stay relative to the
    working directory. Raises `Misconfigured` with one line per problem: place, key, what was given, what is allowed.
    """
    file = YamlFile({}, {}) if path is None else read_yaml(path)
    variables = dict(_from_environment(environ))
    asked = dict(overrides or {})
    values = _with_default_regimes(as_today(_merged(_merged(file.values, _nested(variables)), asked)))

    def place(key: Sequence[str]) -> str:
        if key and given(asked, key):
            return "command line"
        for name in variables:
            if key and name[: len(key)] == tuple(key):
                return f"environment variable {_PREFIX}{'__'.join(name).upper()}"
        return _file_place(path, file.lines, key)

    try:
        # strict JSON: a list is a tuple and a text is a path, but "5" is no number and true is not 1.0
        return Settings.model_validate_json(json.dumps(values, default=str), strict=True)
    except ValidationError as error:
        raise Misconfigured("\n".join(problem_lines(error, place))) from None
    except (TypeError, ValueError) as error:
        raise Misconfigured(f"{_file_place(path, {}, ())}: cannot be used: {error}") from error


def _file_place(path: Path | None, lines: Mapping[tuple[str, ...], int], key: Sequence[str]) -> str:
    if path is None:
        return "settings"
    for length in range(len(key), 0, -1):
        line = lines.get(tuple(key[:length]))
        if line is not None:
            return f"{path}:{line}"
    return str(path)


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, text in environ.items():
        if not name.upper().startswith(_PREFIX):
            continue
        key = tuple(name[len(_PREFIX) :].lower().split("__"))
        if not all(key):
            raise Misconfigured(f"environment variable {name}: allowed: {_PREFIX}SECTION__KEY, two underscores between")
        yield key, _value(key, text)


def _value(key: tuple[str, ...], text: str) -> Any:
    """A variable's text as YAML would read it; lists may be written with commas."""
    if key in _LISTS and not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _nested(variables: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in variables.items():
        here = tree
        for name in key[:-1]:
            inner = here.setdefault(name, {})
            if not isinstance(inner, dict):
                inner = here[name] = {}
            here = inner
        here[key[-1]] = value
    return tree


def _with_default_regimes(values: dict[str, Any]) -> dict[str, Any]:
    """A regime or one of its keys that is left out keeps its default, like every other key; of a symbol the usual."""
    if _regimes_of(values) is not None:
        values = _merged(Settings().model_dump(mode="json", include={"strategy": {"regimes"}}), values)
    symbols = values.get("symbols")
    if not isinstance(symbols, Mapping) or all(_regimes_of(own) is None for own in symbols.values()):
        return values
    usual = _regimes_of(values) or Settings().model_dump(mode="json")["strategy"]["regimes"]
    filled = {name: _with_rules(own, usual) for name, own in symbols.items()}
    return {**values, "symbols": filled}


def _regimes_of(values: object) -> Mapping[str, Any] | None:
    strategy = values.get("strategy") if isinstance(values, Mapping) else None
    regimes = strategy.get("regimes") if isinstance(strategy, Mapping) else None
    return regimes if isinstance(regimes, Mapping) else None


def _with_rules(own: Any, usual: Mapping[str, Any]) -> Any:
    """A symbol's block with each regime it names complete."""
    regimes = _regimes_of(own)
    if regimes is None:
        return own
    rules = {
        name: _merged(usual[name], rule) if isinstance(rule, Mapping) and name in usual else rule
        for name, rule in regimes.items()
    }
    return _merged(own, {"strategy": {"regimes": rules}})


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged
