"""What the source of a strategy may not do: read a clock, a file, the network or chance, or remember between calls.

It finds mistakes, not malice: whoever wants to deceive it can. Line numbers are those of the file.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from trader.domain.errors import Misconfigured

ALLOWED_MODULES = (
    "__future__", "abc", "bisect", "collections", "dataclasses", "decimal", "enum", "fractions", "functools", "heapq",
    "itertools", "math", "msgspec", "numbers", "numpy", "operator", "pydantic", "statistics", "string", "trader.domain",
    "trader.strategy", "typing", "typing_extensions",
)  # fmt: skip
_MODULES = ", ".join(ALLOWED_MODULES)
_CLOCK_AND_IO = "a strategy reads no clock, file, network or chance"
_BANNED_NAMES = {
    **dict.fromkeys(("open", "input", "print", "breakpoint"), f"{_CLOCK_AND_IO}; its words are its reasons"),
    **dict.fromkeys(("eval", "exec", "compile", "__import__"), "code that is made at run time cannot be checked"),
    **dict.fromkeys(("globals", "locals", "vars", "setattr", "delattr"), "it keeps nothing between calls"),
    **dict.fromkeys(("id", "hash"), "they differ from one process to the next"),
}
_BANNED_ATTRIBUTES = {
    "random": f"{_CLOCK_AND_IO}: the same view gives the same proposal",
    "samples": f"{_CLOCK_AND_IO}: the same view gives the same proposal",
    **dict.fromkeys(
        ("load", "save", "savez", "savetxt", "loadtxt", "genfromtxt", "fromfile", "tofile", "memmap"), _CLOCK_AND_IO
    ),
}
_HIDDEN = ("__globals__", "__builtins__", "__subclasses__", "__dict__", "__code__", "__loader__", "__closure__")


def check_source(path: Path, own: tuple[str, ...] = ()) -> None:
    """Raise `Misconfigured` with one line per thing that `path` may not do: file, line, what, what is allowed.

    `own`: packages of the strategy itself, which it may import.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    except SyntaxError as error:
        raise Misconfigured(f"{path}:{error.lineno}: {error.msg}") from None
    except UnicodeDecodeError:
        raise Misconfigured(f"{path}: is not a Python file in UTF-8") from None
    problems = sorted({*_imports(tree, own), *_names(tree), *_memory(tree)})
    if problems:
        raise Misconfigured("\n".join(f"{path}:{line}: {text}" for line, text in problems))


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, module) of everything that is imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def _imports(tree: ast.AST, own: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    for line, module in imported(tree):
        is_own = module.startswith(".") and own
        if not is_own and not any(module == name or module.startswith(f"{name}.") for name in (*ALLOWED_MODULES, *own)):
            shown = module.rpartition(".")[0] or module
            yield line, f"imports {shown}: {_CLOCK_AND_IO} (the time is view.now_ms); allowed: {_MODULES}"
        elif module.startswith("numpy.random"):
            yield line, f"imports numpy.random: {_BANNED_ATTRIBUTES['random']}"


def _names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in _BANNED_NAMES:
            yield node.lineno, f"uses {node.id}: {_BANNED_NAMES[node.id]}"
        elif isinstance(node, ast.Attribute) and node.attr in _HIDDEN:
            yield node.lineno, f"uses {node.attr}: what is behind it cannot be checked"
        elif isinstance(node, ast.Attribute) and node.attr in _BANNED_ATTRIBUTES:
            yield node.lineno, f"uses .{node.attr}: {_BANNED_ATTRIBUTES[node.attr]}"


def _memory(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Where something is remembered: globals, and attributes set outside of `__init__`."""
    keeps = "it keeps nothing between calls; what was before is in view.candles, view.features_before and view.holding"
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            yield node.lineno, f"changes the global {', '.join(node.names)}: {keeps}"
        elif isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name != "__init__":
                    yield from ((line, f"sets {what}: {keeps}") for line, what in _set_on_self(method))


def _set_on_self(method: ast.FunctionDef) -> Iterator[tuple[int, str]]:
    first = method.args.args[0].arg if method.args.args else ""
    for node in ast.walk(method):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            owner = node.value
            if isinstance(owner, ast.Name) and owner.id == first:
                yield node.lineno, f"{first}.{node.attr}"
