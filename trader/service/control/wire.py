"""What travels over the control socket: one JSON object a line, one request and one answer a connection.

-> {"command": "orders", "arguments": {"limit": 20}}
<- {"ok": true, "answer": {...}}   or   {"ok": false, "kind": "Rejected", "error": "..."}
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from trader.domain.errors import (
    InvariantBroken,
    Misconfigured,
    OutcomeUnknown,
    Rejected,
    TraderError,
    Unavailable,
)

LARGEST_REQUEST = 64 * 1024
LARGEST_ANSWER = 16 * 1024 * 1024

_LONGEST_ADDRESS = 104 if sys.platform == "darwin" else 108  # with its closing zero


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line to the daemon."""

    command: str
    arguments: dict[str, Any] = {}


class Answer(msgspec.Struct, frozen=True):
    """One line back: an answer, or a failure by kind and words."""

    ok: bool
    answer: dict[str, Any] = {}
    kind: str = ""
    error: str = ""

    def value(self) -> dict[str, Any]:
        """The answer, or the error raised again as what it was."""
        if self.ok:
            return self.answer
        raise _KINDS.get(self.kind, TraderError)(self.error)


_KINDS: dict[str, type[TraderError]] = {
    kind.__name__: kind for kind in (Unavailable, Rejected, OutcomeUnknown, Misconfigured, InvariantBroken)
}


def refused(error: TraderError) -> Answer:
    """The answer to a request that failed."""
    return Answer(ok=False, kind=type(error).__name__, error=str(error))


def line(message: Request | Answer) -> bytes:
    """`message` as it travels."""
    return msgspec.json.encode(message, enc_hook=str) + b"\n"


@contextmanager
def address(path: Path) -> Iterator[str]:
    """A name for the socket `path` that the kernel accepts: paths of more than 107 bytes go through the directory.

    Raises `Misconfigured` where even that is impossible.
    """
    if len(os.fsencode(path)) < _LONGEST_ADDRESS:
        yield str(path)
        return
    if not Path("/proc/self/fd").is_dir():
        raise Misconfigured(
            f"{path}: {len(os.fsencode(path))} bytes are too long for a socket, at most {_LONGEST_ADDRESS - 1} are "
            "allowed here; set storage.state_dir to a shorter path"
        )
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
