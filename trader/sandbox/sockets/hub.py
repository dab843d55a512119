"""Who listens to which stream. Every message is encoded once, however many listen; a slow listener is dropped."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import orjson
from aiohttp import WSCloseCode, WSMsgType, web

_LARGEST_BACKLOG = 5_000  # messages waiting for one client
_INCOMING_PER_S = 5  # Binance disconnects who sends more, control frames aside

Spoil = Callable[[str, object], Sequence[object]]


class Listener:
    """One websocket. Messages are queued and sent by a task of its own, so nobody waits for anybody."""

    def __init__(self, socket: web.WebSocketResponse, *, is_combined: bool = False) -> None:
        self.socket = socket
        self.is_combined = is_combined  # wraps messages in {"stream": ..., "data": ...}
        self.streams: set[str] = set()
        self._queue: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._is_lost = False
        self._second = 0
        self._received = 0

    def send(self, message: bytes) -> None:
        """Queue one encoded message. A client that does not keep up is disconnected."""
        if self._is_lost:
            return
        if len(self._queue) >= _LARGEST_BACKLOG:
            self._is_lost = True
            self._queue.clear()
        else:
            self._queue.append(message)
        self._wake.set()

    def send_json(self, message: object) -> None:
        self.send(orjson.dumps(message))

    def is_flooding(self) -> bool:
        """Counts one incoming message; True when there were too many in this real second."""
        second = int(asyncio.get_running_loop().time())
        self._received = self._received + 1 if second == self._second else 1
        self._second = second
        return self._received > _INCOMING_PER_S

    async def write(self) -> None:
        """Send what is queued until cancelled, disconnected, or lost."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue and not self.socket.closed:
                try:
                    await self.socket.send_frame(self._queue.popleft(), WSMsgType.TEXT)
                except ConnectionResetError:  # it is gone; whoever reads it ends
                    return
            if self._is_lost:
                await self.socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"slow client")
                return


class Hub:
    """Streams by name ("btcusdt@trade") and their listeners."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[Listener]] = {}
        self.spoil: Spoil | None = None  # what is sent instead of a message
        self.fault_prefix = ""  # faults know the streams by names that begin with this

    def wants(self, stream: str) -> bool:
        return stream in self._listeners

    def publish(self, stream: str, message: object) -> None:
        """Tell everybody who listens to `stream`."""
        listeners = self._listeners.get(stream)
        if not listeners:
            return
        for frame in (message,) if self.spoil is None else self.spoil(self.fault_prefix + stream, message):
            plain = orjson.dumps(frame)
            wrapped = b'{"stream":"' + stream.encode() + b'","data":' + plain + b"}"
            for client in listeners:
                client.send(wrapped if client.is_combined else plain)

    def subscribe(self, client: Listener, stream: str) -> None:
        client.streams.add(stream)
        self._listeners.setdefault(stream, set()).add(client)

    def unsubscribe(self, client: Listener, stream: str) -> None:
        client.streams.discard(stream)
        listeners = self._listeners.get(stream, set())
        listeners.discard(client)
        if not listeners:
            self._listeners.pop(stream, None)

    def lose(self, part: str) -> int:
        """Forget every subscription to a stream whose name holds `part`, without a word; returns how many."""
        named = [stream for stream in self._listeners if part in self.fault_prefix + stream]
        lost = [(client, stream) for stream in named for client in self._listeners[stream]]
        for client, stream in lost:
            self.unsubscribe(client, stream)
        return len(lost)

    def forget(self, client: Listener) -> None:
        """The client has gone."""
        for stream in list(client.streams):
            self.unsubscribe(client, stream)
