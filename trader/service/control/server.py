"""The control socket: how `trader status`, `pause`, `kill`, ... reach the running daemon.

A unix socket (0600) in a directory of its own (0700); the peer's user must be ours or root. A socket that a killed
daemon left behind is replaced, but only by whoever holds the state lock.
"""

import asyncio
import os
import socket
import stat
import struct
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from trader.domain.errors import Misconfigured, Rejected, TraderError, Unavailable
from trader.observability.logs import logger
from trader.service.control.wire import (
    LARGEST_ANSWER,
    LARGEST_REQUEST,
    Answer,
    Request,
    address,
    line,
    refused,
)
from trader.service.process.lock import StateLock, prepare_private
from trader.service.process.places import socket_path

Handler = Callable[[str, dict[str, Any], str], Awaitable[dict[str, Any]]]
"""(command, arguments, who asks) -> answer. Raises a `TraderError` to refuse. See `commands.DaemonCommands`."""

_REQUEST_WAIT_S = 5.0
_HANDLER_WAIT_S = 60.0
_MOST_PEERS = 16


class ControlServer:
    """Answers one request per connection through `handler`. Needs the held `lock` of its state directory."""

    def __init__(self, lock: StateLock, handler: Handler) -> None:
        self.path = socket_path(lock.directory)
        self._lock = lock
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._peers = 0

    async def start(self) -> None:
        """Listen. Raises `Misconfigured` when the place cannot be used."""
        if not self._lock.is_held:
            raise Misconfigured(f"{self.path}: the state lock is not held; only its holder may listen here")
        prepare_private(self.path.parent)
        _remove_stale(self.path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with address(self.path) as name:
                listener.bind(name)
            self.path.chmod(0o600)
            self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=LARGEST_REQUEST)
        except OSError as error:
            listener.close()
            raise Misconfigured(f"{self.path}: cannot listen: {error.strerror}; change storage.state_dir") from error

    async def stop(self) -> None:
        """Stop listening and remove the socket. Safe to call twice."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        self.path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._peers += 1
        try:
            answer = await self._answer(reader, writer)
            data = line(answer)
            if len(data) > LARGEST_ANSWER:
                data = line(
                    refused(Rejected(f"the answer is larger than {LARGEST_ANSWER:,} bytes; ask for fewer rows"))
                )
            writer.write(data)
            async with asyncio.timeout(_REQUEST_WAIT_S):
                await writer.drain()
        except (OSError, TimeoutError):
            pass  # whoever asked is gone
        finally:
            self._peers -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Answer:
        try:
            uid = peer_uid(writer.get_extra_info("socket"))
            request = await _read_request(reader)  # also of a peer that is refused: it then reads the refusal
            check_peer(uid, os.geteuid())
            if self._peers > _MOST_PEERS:
                raise Unavailable(f"{_MOST_PEERS} others are being answered; try again")
            origin = "control socket" if uid is None else f"uid {uid}"
            async with asyncio.timeout(_HANDLER_WAIT_S):
                return Answer(ok=True, answer=await self._handler(request.command, request.arguments, origin))
        except TraderError as error:
            return refused(error)
        except TimeoutError:
            return refused(Unavailable(f"no answer within {_HANDLER_WAIT_S:g} s"))
        except Exception as error:  # edge: one bad request must not end the daemon  # noqa: BLE001
            logger().exception("command.failed", message=str(error))
            return refused(TraderError(f"internal error: {type(error).__name__}; see the log"))


async def _read_request(reader: asyncio.StreamReader) -> Request:
    try:
        async with asyncio.timeout(_REQUEST_WAIT_S):
            data = await reader.readline()
        return msgspec.json.decode(data, type=Request)
    except TimeoutError:
        raise Rejected(f"no request within {_REQUEST_WAIT_S:g} s") from None
    except ValueError as error:  # longer than the limit, or not JSON of this shape
        reason = str(error) if isinstance(error, msgspec.DecodeError) else f"longer than {LARGEST_REQUEST:,} bytes"
        raise Rejected(f"not a request ({reason}); allowed: one line {{command, arguments}}") from None


def peer_uid(peer: socket.socket) -> int | None:
    """The user at the other end, or None where the system cannot tell (there the file's mode protects)."""
    if sys.platform != "linux":
        return None
    _pid, uid, _gid = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return int(uid)


def check_peer(uid: int | None, ours: int) -> None:
    """Raises `Rejected` for a user other than ours and root."""
    if uid is not None and uid not in (ours, 0):
        raise Rejected(f"user {uid} may not command this daemon; allowed: user {ours} and root")


def _remove_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise Misconfigured(f"{path}: is not a socket; move it away")
    path.unlink()
