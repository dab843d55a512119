"""What systemd hears."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from trader.service.process.sdnotify import ServiceManager


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    name = f"@trader-test-{os.getpid()}" if request.param == "abstract" else str(tmp_path / "notify")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind("\0" + name[1:] if name.startswith("@") else name)
    listener.settimeout(300)
    yield listener, name
    listener.close()


def test_ready_alive_stopping(manager: tuple[socket.socket, str]) -> None:
    listener, name = manager
    service = ServiceManager({"NOTIFY_SOCKET": name})
    service.ready("trading 5 symbols")
    service.alive()
    service.status("two\nlines")
    service.stopping()
    heard = [listener.recv(1_000) for _ in range(4)]
    assert heard == [b"READY=1\nSTATUS=trading 5 symbols", b"WATCHDOG=1", b"STATUS=two lines", b"STOPPING=1"]


def test_nobody_asked() -> None:
    service = ServiceManager({})
    service.ready()
    assert service.watchdog_interval_s is None
    ServiceManager({"NOTIFY_SOCKET": "/no/such/socket"}).alive()


def test_the_watchdog_is_fed_twice_as_often_as_it_needs() -> None:
    environ = {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "42"}
    assert ServiceManager(environ, pid=42).watchdog_interval_s == 15.0
    assert ServiceManager(environ, pid=43).watchdog_interval_s is None
    assert ServiceManager({"WATCHDOG_USEC": "30000000"}).watchdog_interval_s == 15.0
    assert ServiceManager({"WATCHDOG_USEC": "soon"}).watchdog_interval_s is None
