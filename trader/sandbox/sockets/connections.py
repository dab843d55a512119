"""The websockets that are open, of every exchange, and when a client was last here."""

import contextlib
from collections.abc import Callable, Iterator

from aiohttp import WSCloseCode, web


class Connections:
    """`now_s`: monotonic real time."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._sockets: set[web.WebSocketResponse] = set()
        self._last_seen_s = now_s()

    def touch(self) -> None:
        """A client was here."""
        self._last_seen_s = self._now_s()

    @contextlib.contextmanager
    def connected(self, socket: web.WebSocketResponse) -> Iterator[None]:
        """A websocket is open."""
        self._sockets.add(socket)
        try:
            yield
        finally:
            self._sockets.discard(socket)
            self.touch()

    async def close(self) -> None:
        """The exchange goes down: say goodbye to every client."""
        for socket in list(self._sockets):
            await socket.close(code=WSCloseCode.GOING_AWAY)

    @property
    def idle_s(self) -> float:
        """Real seconds since the last client; 0 while one is connected."""
        return 0.0 if self._sockets else self._now_s() - self._last_seen_s


CONNECTIONS = web.AppKey("connections", Connections)
