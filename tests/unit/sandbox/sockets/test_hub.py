"""Streams: encoded once, told to who listens, and nobody waits for a slow one."""

import asyncio
from typing import Any, cast

import orjson
from aiohttp import web

from trader.sandbox.sockets.hub import Hub, Listener


class Socket:
    """A websocket whose sending waits for `open`."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.open = asyncio.Event()
        self.open.set()
        self.close_code: int | None = None

    @property
    def closed(self) -> bool:
        return self.close_code is not None

    async def send_frame(self, message: bytes, _opcode: object) -> None:
        await self.open.wait()
        self.sent.append(message)

    async def close(self, *, code: int, message: bytes) -> None:
        self.close_code = code


def client(socket: Socket, **options: Any) -> Listener:
    return Listener(cast(web.WebSocketResponse, socket), **options)


async def test_listeners_get_their_streams_plain_or_wrapped() -> None:
    hub, plain, wrapped = Hub(), Socket(), Socket()
    first, second = client(plain), client(wrapped, is_combined=True)
    hub.subscribe(first, "a@trade")
    hub.subscribe(second, "a@trade")
    hub.subscribe(second, "b@trade")
    async with asyncio.TaskGroup() as group:
        writers = [group.create_task(each.write()) for each in (first, second)]
        hub.publish("a@trade", {"p": 1})
        hub.publish("nobody", {"p": 2})
        await asyncio.sleep(0)
        hub.forget(first)
        hub.publish("a@trade", {"p": 3})
        await asyncio.sleep(0)
        for writer in writers:
            writer.cancel()
    assert [orjson.loads(message) for message in plain.sent] == [{"p": 1}]
    told = [orjson.loads(message) for message in wrapped.sent]
    assert told == [{"stream": "a@trade", "data": {"p": 1}}, {"stream": "a@trade", "data": {"p": 3}}]
    assert hub.wants("b@trade")
    hub.forget(second)
    assert not hub.wants("a@trade")
    assert not hub.wants("b@trade")


async def test_a_slow_client_is_dropped_and_the_others_hear_everything() -> None:
    hub, stuck, quick = Hub(), Socket(), Socket()
    stuck.open.clear()
    slow, fast = client(stuck), client(quick)
    hub.subscribe(slow, "a@trade")
    hub.subscribe(fast, "a@trade")
    async with asyncio.TaskGroup() as group:
        writers = [group.create_task(each.write()) for each in (slow, fast)]
        for number in range(6_000):
            hub.publish("a@trade", number)
            await asyncio.sleep(0)
        stuck.open.set()
        await writers[0]
        writers[1].cancel()
    assert quick.sent == [str(number).encode() for number in range(6_000)]
    assert stuck.close_code == 1008
    assert len(stuck.sent) < 6_000
