"""Compiled kernels live in the state directory; a child compiles them once per version, before anything waits."""

import hashlib
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import trader
from trader.config.schema import Settings
from trader.service.process.lock import prepare_private

_COMPILED_ROOMS = ("features", "models")


def cache_of(settings: Settings) -> Path:
    """Where compiled kernels live."""
    return (settings.storage.state_dir / "kernels").resolve()


def use_cache(settings: Settings) -> Path:
    """Point numba at the state directory. Call before anything imports numba."""
    cache = cache_of(settings)
    prepare_private(settings.storage.state_dir)
    prepare_private(cache)
    os.environ.setdefault("NUMBA_CACHE_DIR", str(cache))
    return cache


def without_scipy() -> None:
    """Keep numba from loading SciPy where it is installed: 17 MB and half a second for linear algebra that none of
    our kernels uses. Call before anything imports numba, in a process that trains nothing.
    """
    sys.modules.setdefault("scipy", None)  # type: ignore[arg-type] # None is Python's own sign for "cannot be imported"


def is_compiled(cache: Path) -> bool:
    """Whether `mark_compiled` was called for these very sources, this numba and this machine."""
    return _stamp(cache).exists()


def mark_compiled(cache: Path) -> None:
    _stamp(cache).touch()


def _stamp(cache: Path) -> Path:
    digest = hashlib.blake2b(digest_size=8)
    for room in _COMPILED_ROOMS:
        for source in sorted((Path(trader.__file__).parent / room).rglob("*.py")):
            digest.update(source.read_bytes())
    digest.update(f"{version('numba')} {platform.python_version()} {platform.machine()}".encode())
    return cache / f"compiled-{digest.hexdigest()}"
