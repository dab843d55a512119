"""The file by which a running sandbox is found: written atomically, readable only by its owner."""

import os
from pathlib import Path
from typing import Any, TypeVar

import msgspec

_FILE = "running.json"
_T = TypeVar("_T")


def encode(value: object) -> bytes:
    """JSON of a struct; paths become strings."""
    return msgspec.json.encode(value, enc_hook=str)


def decode(text: bytes, kind: type[_T]) -> _T:
    """The struct of `encode`. Raises `msgspec.DecodeError`, or its `ValidationError` for other content."""
    return msgspec.json.decode(text, type=kind, dec_hook=_path)


def _path(kind: type[Any], value: Any) -> Path:
    return kind(value)  # type: ignore[no-any-return] # msgspec asks only for the one foreign type, Path


class RunningSandbox(msgspec.Struct, frozen=True):
    """How to reach a running sandbox, and its market clock."""

    endpoint: str  # https://127.0.0.1:PORT
    ca_file: Path
    api_key: str
    api_secret: str
    real_epoch_ms: float
    market_epoch_ms: float
    speed: float
    process_hash: str  # see SandboxOptions.process_hash
    market_hash: str  # see SandboxOptions.market_hash
    pid: int = msgspec.field(default_factory=os.getpid)

    def __repr__(self) -> str:
        """Without the secret."""
        return f"RunningSandbox(endpoint={self.endpoint!r}, pid={self.pid}, speed={self.speed})"


def write_status(directory: Path, running: RunningSandbox) -> None:
    draft = directory / f"{_FILE}.{running.pid}"
    draft.touch(mode=0o600)
    draft.write_bytes(encode(running))
    draft.replace(directory / _FILE)


def read_status(directory: Path) -> RunningSandbox | None:
    """What the file says, or None if there is none that can be read."""
    try:
        return decode((directory / _FILE).read_bytes(), RunningSandbox)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def remove_status(directory: Path, pid: int) -> None:
    """Remove the file if it is still that process's."""
    found = read_status(directory)
    if found is not None and found.pid == pid:
        (directory / _FILE).unlink(missing_ok=True)
