"""Listens to raw websocket messages in the background, and waits for one that fits."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.kit.idle_time import quiet
from tests.kit.sandbox import eventually

First = Callable[[Callable[[Any], bool]], Awaitable[Any]]


class _Heard(list[Any]):
    async def first(self, fits: Callable[[Any], bool]) -> Any:
        """The oldest message that fits, once there is one."""
        await eventually(lambda: any(map(fits, self)))
        return next(message for message in self if fits(message))


@asynccontextmanager
async def listening(session: aiohttp.ClientSession, url: str, streams: tuple[str, ...] = ()) -> AsyncIterator[First]:
    """Every message of one websocket."""
    heard = _Heard()
    async with session.ws_connect(url) as socket:
        if streams:
            await socket.send_json({"method": "SUBSCRIBE", "params": list(streams), "id": 1})

        async def read() -> None:
            async for message in socket:
                heard.append(message.json())

        reader = asyncio.create_task(read())
        try:
            yield heard.first
        finally:
            reader.cancel()


@asynccontextmanager
async def hearing(*watches: Callable[[], Awaitable[Any]], of: Any) -> AsyncIterator[First]:
    """Every raw message that the ccxt client `of` gets while it watches."""
    heard = _Heard()
    handle = of.handle_message

    def tap(client: Any, message: Any) -> Any:
        heard.append(message)
        return handle(client, message)

    async def watch_on(watch: Callable[[], Awaitable[Any]]) -> None:
        while True:
            await watch()

    of.handle_message = tap
    tasks = [asyncio.create_task(watch_on(watch)) for watch in watches]
    try:
        await quiet()
        yield heard.first
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
