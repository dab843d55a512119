"""A door in front of a sandbox that can spoil what passes: REST answers, websocket frames, whole connections."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import aiohttp
from aiohttp import web
from yarl import URL

from tests.kit.sandbox import http_session
from trader.sandbox.server.status import RunningSandbox
from trader.sandbox.server.tls import certificates_in

_HOP = frozenset({"host", "content-length", "transfer-encoding", "connection", "content-encoding", "accept-encoding"})


class Answer(NamedTuple):
    """A REST answer. `status` 0 aborts the connection instead."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


def _passes(_path: str, text: str) -> Sequence[str]:
    return (text,)


class FaultyDoor:
    """Change the attributes to spoil things; by default everything passes.

    `instead(method, path)`: an answer given without asking the sandbox, or None. `after(method, path, answer)`: what
    the client gets of the sandbox's answer. `frames(path, text)`: the frames the client gets for one of the sandbox.
    """

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.instead: Callable[[str, str], Answer | None] = lambda _method, _path: None
        self.after: Callable[[str, str, Answer], Answer] = lambda _method, _path, answer: answer
        self.frames: Callable[[str, str], Sequence[str]] = _passes
        self.refuses_sockets = False
        self.requests: list[tuple[str, str]] = []
        self.sockets: list[tuple[str, web.WebSocketResponse, web.Request]] = []
        self.dialled: list[str] = []
        self._session = session

    def cut(self, word: str = "") -> int:
        """Abort every websocket whose path holds `word`."""
        cut = [(path, request) for path, _, request in self.sockets if word in path]
        for _, request in cut:
            if request.transport is not None:
                request.transport.abort()
        return len(cut)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._relay(request)
        self.requests.append((request.method, request.path))
        answer = self.instead(request.method, request.path)
        if answer is None:
            answer = self.after(request.method, request.path, await self.forward(request))
        if answer.status == 0:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        headers = {"Content-Type": "application/json", **dict(answer.headers)}
        return web.Response(status=answer.status, body=answer.body, headers=headers)

    async def forward(self, request: web.Request) -> Answer:
        """What the sandbox says to `request`."""
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        url = f"https://{request.host}{request.raw_path}"
        body = await request.read()
        async with self._session.request(
            request.method, URL(url, encoded=True), data=body or None, headers=headers
        ) as response:
            kept = tuple((k, v) for k, v in response.headers.items() if k.lower() == "retry-after")
            return Answer(response.status, await response.read(), kept)

    async def _relay(self, request: web.Request) -> web.StreamResponse:
        if self.refuses_sockets:
            return web.Response(status=503)
        inside = web.WebSocketResponse(autoping=True)
        await inside.prepare(request)
        self.dialled.append(request.path)
        entry = (request.path, inside, request)
        self.sockets.append(entry)
        try:
            async with self._session.ws_connect(f"wss://{request.host}{request.path_qs}") as outside:
                tasks = [
                    asyncio.ensure_future(self._down(request.path, outside, inside)),
                    asyncio.ensure_future(_up(inside, outside)),
                ]
                try:
                    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            self.sockets.remove(entry)
        return inside

    async def _down(self, path: str, outside: aiohttp.ClientWebSocketResponse, inside: web.WebSocketResponse) -> None:
        async for message in outside:
            for text in self.frames(path, message.data):
                await inside.send_str(text)


async def _up(inside: web.WebSocketResponse, outside: aiohttp.ClientWebSocketResponse) -> None:
    async for message in inside:
        await outside.send_str(message.data)


@asynccontextmanager
async def faulty_door(running: RunningSandbox) -> AsyncIterator[tuple[FaultyDoor, str]]:
    """(door, endpoint) on an ephemeral port, with the sandbox's own certificate."""
    async with http_session(running) as session:
        door = FaultyDoor(session)
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", door.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await runner.setup()
        tls = certificates_in(running.ca_file.parent).server_context()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        try:
            await site.start()
            port = runner.addresses[0][1]
            yield door, f"https://127.0.0.1:{port}"
        finally:
            await runner.cleanup()
