"""The control socket: who may ask, what comes back, and that nothing a peer sends can hurt."""

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from trader.domain.errors import Misconfigured, Rejected, TraderError, Unavailable
from trader.service.control import server as control
from trader.service.control.client import NotRunning, ask
from trader.service.control.server import ControlServer, check_peer, peer_uid
from trader.service.control.wire import LARGEST_REQUEST
from trader.service.process.lock import StateLock
from trader.service.process.places import socket_path


async def echo(command: str, arguments: dict[str, Any], origin: str) -> dict[str, Any]:
    if command == "refuse":
        raise Rejected("not now")
    if command == "break":
        raise KeyError("a bug")
    if command == "long":
        return {"text": "x" * 3_000_000}
    return {"command": command, "arguments": arguments, "origin": origin}


@asynccontextmanager
async def serving(directory: Path) -> AsyncIterator[Path]:
    with StateLock(directory) as lock:
        server = ControlServer(lock, echo)
        await server.start()
        try:
            yield server.path
        finally:
            await server.stop()


async def asked(path: Path, command: str, arguments: dict[str, Any] | None = None) -> dict[str, Any]:
    return await asyncio.to_thread(ask, path, command, arguments)


async def test_a_command_and_its_answer(tmp_path: Path) -> None:
    async with serving(tmp_path) as path:
        answer = await asked(path, "orders", {"limit": 5})
        assert answer == {"command": "orders", "arguments": {"limit": 5}, "origin": f"uid {os.getuid()}"}
        assert len((await asked(path, "long"))["text"]) == 3_000_000
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
    assert not path.exists()


async def test_refusals_arrive_as_what_they_were(tmp_path: Path) -> None:
    async with serving(tmp_path) as path:
        with pytest.raises(Rejected, match="not now"):
            await asked(path, "refuse")
        with pytest.raises(TraderError, match="internal error: KeyError; see the log"):
            await asked(path, "break")
        assert (await asked(path, "still there"))["command"] == "still there"


async def test_many_at_once_are_all_answered(tmp_path: Path) -> None:
    async with serving(tmp_path) as path:
        answers = await asyncio.gather(*(asked(path, f"c{n}") for n in range(10)))
        assert [answer["command"] for answer in answers] == [f"c{n}" for n in range(10)]


def say(path: Path, data: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(path))
        connection.settimeout(300)
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return connection.recv(65_536)


@pytest.mark.parametrize(
    "data",
    [
        b"\n",
        b"{}\n",
        b"[1, 2]\n",
        b'{"command": 5}\n',
        b'{"command": "x", "other": 1}\n',
        b"\xff\xfe\n",
        b'{"command": "x"',
        b"x" * (LARGEST_REQUEST * 2) + b"\n",
    ],
    ids=["empty", "no command", "list", "number", "unknown field", "binary", "cut off", "too long"],
)
async def test_what_is_no_request_is_refused(tmp_path: Path, data: bytes) -> None:
    async with serving(tmp_path) as path:
        answer = await asyncio.to_thread(say, path, data)
        assert b'"ok":false,"answer":{},"kind":"Rejected","error":"not a request (' in answer
        assert (await asked(path, "still there"))["command"] == "still there"


async def test_a_silent_or_rude_peer_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "_REQUEST_WAIT_S", 0.05)
    async with serving(tmp_path) as path:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
            silent.connect(str(path))
            silent.settimeout(300)
            answer = await asyncio.to_thread(silent.recv, 4_096)
            assert b"no request within" in answer
        monkeypatch.undo()
        for _ in range(5):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as rude:
                rude.connect(str(path))
                rude.sendall(b'{"command": "long"}\n')
        assert (await asked(path, "still there"))["command"] == "still there"


def test_only_our_user_and_root_may_ask() -> None:
    for uid, ours in ((1000, 1000), (0, 1000), (None, 1000)):
        check_peer(uid, ours)
    with pytest.raises(Rejected, match="user 1001 may not command this daemon; allowed: user 1000 and root"):
        check_peer(1001, 1000)


def test_the_peers_user_is_read_from_the_socket() -> None:
    here, there = socket.socketpair(socket.AF_UNIX)
    with here, there:
        assert peer_uid(here) == os.getuid()


async def test_another_user_is_turned_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "peer_uid", lambda _: os.geteuid() + 1)
    async with serving(tmp_path) as path:
        with pytest.raises(Rejected, match="may not command this daemon"):
            await asked(path, "kill")


async def test_a_dead_daemons_socket_is_replaced_but_only_under_the_lock(tmp_path: Path) -> None:
    path = socket_path(tmp_path)
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(path))
    with pytest.raises(NotRunning):
        ask(path, "status")
    with pytest.raises(Misconfigured, match="the state lock is not held"):
        await ControlServer(StateLock(tmp_path), echo).start()
    assert path.exists()
    async with serving(tmp_path):
        assert (await asked(path, "status"))["command"] == "status"


async def test_a_file_in_the_sockets_place_is_not_removed(tmp_path: Path) -> None:
    path = socket_path(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_text("precious")
    with StateLock(tmp_path) as lock, pytest.raises(Misconfigured, match="is not a socket; move it away"):
        await ControlServer(lock, echo).start()
    assert path.read_text() == "precious"


async def test_a_path_longer_than_a_socket_address_works(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    async with serving(deep) as path:
        assert len(str(path)) > 108
        assert (await asked(path, "status"))["command"] == "status"


def test_nobody_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match=f"no daemon is running on {tmp_path}"):
        ask(socket_path(tmp_path), "status")


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (lambda peer: None, "ended in the middle of its answer"),
        (lambda peer: peer.sendall(b'{"ok": true'), "ended in the middle of its answer"),
    ],
    ids=["hangs up", "cut off"],
)
def test_half_an_answer_is_no_answer(tmp_path: Path, behaviour: Callable[[socket.socket], None], words: str) -> None:
    path = socket_path(tmp_path)
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(65_536)
                behaviour(peer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(Unavailable, match=words):
            ask(path, "status")
        thread.join()


def test_a_daemon_that_does_not_answer_in_time(tmp_path: Path) -> None:
    path = socket_path(tmp_path)
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(path))
        server.listen()
        with pytest.raises(Unavailable, match=r"did not answer status within 0\.05 s"):
            ask(path, "status", timeout_s=0.05)
