"""The sandbox's listening port, which a fault can close for a while."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator

import structlog
from aiohttp import web

log = structlog.get_logger("sandbox.faults")

HOST = "127.0.0.1"
_ANSWER_S = 0.05  # for the answer to who asked for it


class Gate:
    """`open` listens; `shut` closes the port at once and `run`, which must be running, opens it again."""

    def __init__(self, runner: web.AppRunner, tls: ssl.SSLContext, port: int) -> None:
        self.port = port  # 0 until `open` found a free one
        self._runner = runner
        self._tls = tls
        self._site: web.TCPSite | None = None
        self._shut = asyncio.Event()
        self._until = 0.0  # loop time

    async def open(self) -> None:
        """Raises OSError for a port in use."""
        site = web.TCPSite(self._runner, HOST, self.port, ssl_context=self._tls)
        await site.start()
        self._site = site
        self.port = int(self._runner.addresses[0][1])

    def shut(self, seconds: float) -> int:
        """Refuse connections for so long and cut the open ones; returns how many those were."""
        self._until = max(self._until, asyncio.get_running_loop().time() + seconds)
        self._shut.set()
        server = self._runner.server
        return len(server.connections) if server is not None else 0

    async def run(self) -> None:
        """Close and open as asked, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._shut.wait()
            self._shut.clear()
            await asyncio.sleep(_ANSWER_S)
            await self._close()
            with _reserved(self.port):
                await asyncio.sleep(max(0.0, self._until - loop.time()))
            if not self._shut.is_set():
                await self.open()
                log.info("gate.open", port=self.port)

    async def _close(self) -> None:
        if self._site is not None:
            await self._site.stop()
            self._site = None
        server = self._runner.server
        for connection in server.connections if server is not None else ():
            if connection.transport is not None:
                connection.transport.abort()


@contextlib.contextmanager
def _reserved(port: int) -> Iterator[None]:
    """Nobody else gets the port meanwhile: a socket that is bound and does not listen refuses connections."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as guard:
        guard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # then the port is merely not reserved
            guard.bind((HOST, port))
        yield
