"""One YAML file read strictly: repeated keys are errors, and every key remembers its line."""

from pathlib import Path
from typing import Any, NamedTuple

import yaml

from trader.domain.errors import Misconfigured

_LARGEST_BYTES = 1_000_000
_DEEPEST = 10


class YamlFile(NamedTuple):
    """The values, and the line (from 1) where each key path stands."""

    values: dict[str, Any]
    lines: dict[tuple[str, ...], int]


def read_yaml(path: Path) -> YamlFile:
    """The mapping in `path`; raises `Misconfigured` with file, line and column for anything else."""
    text = _read_text(path)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        raise Misconfigured(f"{_place(path, error.problem_mark)}: not readable as YAML: {_problem(error)}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise Misconfigured(f"{path}: not readable as YAML: {str(error).splitlines()[0]}") from error
    if root is None:
        raise Misconfigured(f"{path}: is empty; write at least `mode: paper`, or leave the file out for the defaults")
    if not isinstance(root, yaml.MappingNode):
        raise Misconfigured(f"{path}: holds {str(values)[:40]!r}; allowed: blocks of `key: value`")
    lines: dict[tuple[str, ...], int] = {}
    _note_lines(path, root, (), lines)
    return YamlFile(values, lines)


def _read_text(path: Path) -> str:
    if path.is_dir():
        raise Misconfigured(f"{path}: is a directory; name a YAML file, for example {path / 'config.yaml'}")
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise Misconfigured(f"{path}: is larger than {_LARGEST_BYTES:,} bytes; that is no configuration")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Misconfigured(
            f"{path}: no such file; copy config.yaml from the repository or leave out --config"
        ) from None
    except UnicodeDecodeError as error:
        raise Misconfigured(f"{path}: byte {error.start} is not UTF-8 text; save the file as UTF-8") from error
    except OSError as error:
        raise Misconfigured(f"{path}: cannot be read: {error.strerror}") from error


def _note_lines(path: Path, node: yaml.MappingNode, at: tuple[str, ...], lines: dict[tuple[str, ...], int]) -> None:
    if len(at) > _DEEPEST:
        raise Misconfigured(f"{path}:{node.start_mark.line + 1}: is nested more than {_DEEPEST} deep")
    for key, value in node.value:
        here = (*at, str(key.value))
        line = key.start_mark.line + 1
        if here in lines:
            raise Misconfigured(f"{path}:{line}: {'.'.join(here)} is already set in line {lines[here]}; keep one")
        lines[here] = line
        if isinstance(value, yaml.MappingNode):
            _note_lines(path, value, here, lines)


def _place(path: Path, mark: yaml.Mark | None) -> str:
    return str(path) if mark is None else f"{path}:{mark.line + 1}:{mark.column + 1}"


def _problem(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or "unknown problem"
    return f"{problem} (tabs are not allowed, use spaces)" if "\\t" in problem else problem
