"""How the kernels are compiled: strict IEEE arithmetic (no fast-math), without the interpreter lock, cached on disk.

Only entry points are cached; what they call is linked into them. numba notices a change of the entry point's own
file only, so the cache folder carries a hash over all files of this room: changed kernels are compiled anew.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numba

P = ParamSpec("P")
T = TypeVar("T")

Record = Any
"""A numba record: a struct with named fields that compiled code reads and writes in place."""

_ROOM = Path(__file__).parent

config: Any = numba.config


def kernel(function: Callable[P, T]) -> Callable[P, T]:
    """Compile `function` as a part that other kernels call. Division by zero gives inf or NaN, as in numpy."""
    compiled: Callable[P, T] = numba.njit(nogil=True, error_model="numpy")(function)
    return compiled


def entry_point(function: Callable[P, T]) -> Callable[P, T]:
    """Compile `function` as something Python calls; the machine code is kept on disk where that is possible."""
    folder = _cache_folder()
    if folder is None:
        return kernel(function)
    previous = config.CACHE_DIR
    config.CACHE_DIR = str(folder)
    try:
        compiled: Callable[P, T] = numba.njit(nogil=True, error_model="numpy", cache=True)(function)
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
    for path in sorted(_ROOM.glob("*.py")):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
