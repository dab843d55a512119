"""The other end of the control socket, blocking: for the command line."""

import contextlib
import socket
from pathlib import Path
from typing import Any

import msgspec

from trader.domain.errors import Unavailable
from trader.service.control.wire import LARGEST_ANSWER, Answer, Request, address, line


class NotRunning(Unavailable):
    """No daemon listens on this state directory's control socket."""


def ask(
    path: Path, command: str, arguments: dict[str, Any] | None = None, *, timeout_s: float = 10.0
) -> dict[str, Any]:
    """Send one command and return the answer.

    Raises `NotRunning` when nobody listens, `Unavailable` when no whole answer came, and whatever `TraderError`
    the daemon refused with.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        _connect(connection, path)
        try:
            with contextlib.suppress(BrokenPipeError):  # refused before all was sent: the answer says why
                connection.sendall(line(Request(command, arguments or {})))
            data = _read_line(connection)
        except TimeoutError:
            raise Unavailable(f"the daemon did not answer {command} within {timeout_s:g} s") from None
        except OSError as error:
            raise Unavailable(f"the daemon hung up on {command}: {error.strerror}") from error
    if not data.endswith(b"\n"):
        raise Unavailable(f"the daemon ended in the middle of its answer to {command}")
    return msgspec.json.decode(data, type=Answer).value()


def _connect(connection: socket.socket, path: Path) -> None:
    try:
        with address(path) as name:
            connection.connect(name)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        raise NotRunning(f"no daemon is running on {path.parent.parent}") from None
    except PermissionError:
        raise Unavailable(f"{path}: not allowed; run as the user that runs the daemon") from None
    except OSError as error:
        raise Unavailable(f"{path}: cannot be reached: {error.strerror}") from error


def _read_line(connection: socket.socket) -> bytes:
    data = bytearray()
    while not data.endswith(b"\n"):
        chunk = connection.recv(65_536)
        if not chunk:
            break
        data += chunk
        if len(data) > LARGEST_ANSWER:
            raise Unavailable(f"the daemon's answer is larger than {LARGEST_ANSWER:,} bytes")
    return bytes(data)
