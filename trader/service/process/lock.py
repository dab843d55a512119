"""One trader per state directory: an advisory lock held for the life of the process, freed by the kernel with it."""

import fcntl
import os
from pathlib import Path

from trader.domain.errors import Misconfigured

_NAME = "lock"


class StateLock:
    """The single-writer lock on a directory. `acquire` makes the directory (0700) where it is missing."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._file: int | None = None

    @property
    def is_held(self) -> bool:
        return self._file is not None

    def acquire(self) -> None:
        """Take the lock. Raises `Misconfigured`, naming the process that holds it, or why it cannot be taken."""
        prepare_private(self.directory)
        path = self.directory / _NAME
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Misconfigured(f"{path}: cannot be written: {error.strerror}; change storage.state_dir") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(file, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(file)
            raise Misconfigured(
                f"{self.directory}: another trader (process {holder}) is using it; stop that one, "
                "or give this one its own storage.state_dir"
            ) from None
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        self._file = file

    def release(self) -> None:
        """Give the lock back. Safe to call twice."""
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None

    def __enter__(self) -> "StateLock":
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def holder(directory: Path) -> int | None:
    """The process that holds the lock on `directory`, or None when nobody does."""
    try:
        file = os.open(directory / _NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(file, 32, 0).decode(errors="replace").strip()
        return int(text) if text.isdigit() else None
    finally:
        os.close(file)
    return None


def prepare_private(directory: Path) -> None:
    """Make sure that `directory` exists, belongs to this user and is closed to others (0700).

    Raises `Misconfigured` where that cannot be had.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = directory.stat()
        if status.st_uid == os.geteuid() and status.st_mode & 0o077:
            directory.chmod(0o700)
    except (FileExistsError, NotADirectoryError):
        raise Misconfigured(f"{directory}: is in the way of a directory; change storage.state_dir") from None
    except OSError as error:
        raise Misconfigured(f"{directory}: cannot be made: {error.strerror}; change storage.state_dir") from error
    if status.st_uid != os.geteuid():
        raise Misconfigured(
            f"{directory}: belongs to user {status.st_uid}, this is user {os.geteuid()}; "
            "run as its owner or set storage.state_dir elsewhere"
        )
