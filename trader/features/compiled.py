"""How the kernels are compiled: strict IEEE arithmetic (no fast-math), without the interpreter lock, cached on disk.

Only entry points are cached; what they call is linked into them. numba notices a change of the entry point's own
file only, so the cache folder carries a hash over all files of this room: changed kernels are compiled anew.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numba
from numba import types

P = ParamSpec("P")
T = TypeVar("T")

Record = Any
"""A numba record: a struct with named fields that compiled code reads and writes in place."""

_ROOM = Path(__file__).parent

# what numba's own types leave out
jit: Any = numba.njit
config: Any = numba.config
unliteral: Any = types.unliteral


# division by zero gives inf or NaN, as in numpy, instead of an exception
_RULES: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": False}


def kernel(function: Callable[P, T]) -> Callable[P, T]:
    """Compile `function` as a part that only other kernels call.

    Without the wrappers that Python would need to call it, the whole pipeline compiles a third faster.
    """
    compiled = jit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **_RULES)(function)
    resolve = compiled.get_call_template

    def without_constants(args: Sequence[Any], kws: dict[str, Any]) -> Any:
        return resolve(tuple(unliteral(arg) for arg in args), {k: unliteral(v) for k, v in kws.items()})

    # numba would otherwise compile `mean` anew for every window length it is called with
    compiled.get_call_template = without_constants
    return cast(Callable[P, T], compiled)


def entry_point(function: Callable[P, T]) -> Callable[P, T]:
    """Compile `function` as something Python calls; the machine code is kept on disk where that is possible."""
    folder = _cache_folder()
    previous = config.CACHE_DIR
    config.CACHE_DIR = previous if folder is None else str(folder)
    try:
        compiled: Callable[P, T] = jit(cache=folder is not None, **_RULES)(function)
    finally:
        config.CACHE_DIR = previous
    return compiled


def _cache_folder() -> Path | None:
    """A writable folder for this version of the kernels, or None: then every process compiles for itself."""
    root = os.environ.get("NUMBA_CACHE_DIR") or config.CACHE_DIR or str(_ROOM / "__pycache__")
    folder = Path(root) / f"features-{_source_hash()}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return None


def _source_hash() -> str:
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(_ROOM.rglob("*.py")):
        digest.update(path.relative_to(_ROOM).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
