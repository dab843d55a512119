"""Finished folds on disk, so that an interrupted training goes on where it was."""

import hashlib
import os
import secrets
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from trader.domain.candle_arrays import Floats


class FoldCheckpoint:
    """Out-of-fold predictions in `<folder>/<key>.npy`. A key is a hash of everything that decides the prediction."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def load(self, key: str, n_rows: int) -> Floats | None:
        """What was kept under `key`, or None if nothing usable is there."""
        try:
            found = np.load(self.folder / f"{key}.npy", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return found if found.shape == (n_rows,) and found.dtype == np.float64 else None

    def keep(self, key: str, prediction: Floats) -> None:
        """Replaces in one step; a crash leaves no half file under the key."""
        draft = self.folder / f".{secrets.token_hex(4)}.tmp"
        try:
            with draft.open("xb") as handle:
                np.save(handle, prediction)
                handle.flush()
                os.fsync(handle.fileno())
            os.replace(draft, self.folder / f"{key}.npy")
        finally:
            draft.unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget every fold: the training is done."""
        for path in self.folder.glob("*.npy"):
            path.unlink(missing_ok=True)


def fingerprint(*parts: Any) -> str:
    """32 hex digits over arrays (shape and bytes) and anything with a stable repr, and the libraries' versions."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (*parts, version("scikit-learn"), version("numpy")):
        if isinstance(part, np.ndarray):
            digest.update(repr((part.shape, part.dtype.str)).encode())
            digest.update(np.ascontiguousarray(part).data)
        else:
            digest.update(repr(part).encode())
    return digest.hexdigest()
