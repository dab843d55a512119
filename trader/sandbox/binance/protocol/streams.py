"""How a websocket of Binance is served: subscriptions to market streams, and messages that are answered."""

import asyncio
from collections.abc import Callable

import orjson
from aiohttp import WSCloseCode, WSMsgType, web

from trader.sandbox.sockets.connections import CONNECTIONS
from trader.sandbox.sockets.hub import Hub, Listener

PING_S = 20.0  # how often the server pings; a client that does not answer is disconnected
_MOST_STREAMS = 1_024

IsServed = Callable[[str], bool]  # whether a door has a stream of this name


async def serve_streams(request: web.Request, hub: Hub, is_served: IsServed) -> web.WebSocketResponse:
    """Serve one market data connection until it ends; streams named in its address are subscribed at once."""
    socket = await accepted(request)
    client = Listener(socket, is_combined=request.path.endswith("/stream"))
    for stream in _streams_of_url(request):
        if is_served(stream):
            hub.subscribe(client, stream)
    with request.app[CONNECTIONS].connected(socket):
        await serve_client(client, lambda text: _answer(hub, client, text, is_served))
    hub.forget(client)
    return socket


async def accepted(request: web.Request) -> web.WebSocketResponse:
    """The open socket of a request."""
    socket = web.WebSocketResponse(heartbeat=PING_S, compress=False, max_msg_size=1 << 20)
    await socket.prepare(request)
    return socket


async def serve_client(client: Listener, answer: Callable[[str], object]) -> None:
    """Read and write one socket until either side is done; `answer` is called with every text message (None: none)."""
    async with asyncio.TaskGroup() as group:
        writer = group.create_task(client.write())
        async for message in client.socket:
            if message.type is not WSMsgType.TEXT:
                continue
            if client.is_flooding():
                await client.socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"Too many requests")
                break
            told = answer(message.data)
            if told is not None:
                client.send_json(told)
        writer.cancel()


def _streams_of_url(request: web.Request) -> list[str]:
    if request.path.endswith("/stream"):
        return request.query.get("streams", "").split("/")
    return request.path.partition("/ws/")[2].split("/")


def _answer(hub: Hub, client: Listener, text: str, is_served: IsServed) -> object:
    try:
        message = orjson.loads(text)
        method, number = message["method"], message.get("id")
        streams = message.get("params", [])
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return {"error": {"code": 3, "msg": "Invalid JSON: expected value at line 1 column 1"}}
    if method == "LIST_SUBSCRIPTIONS":
        return {"result": sorted(client.streams), "id": number}
    if method not in ("SUBSCRIBE", "UNSUBSCRIBE"):
        return {"error": {"code": 2, "msg": f"Invalid request: unknown variant `{method}`"}, "id": number}
    if not isinstance(streams, list) or not all(isinstance(name, str) and is_served(name) for name in streams):
        return {"error": {"code": 2, "msg": "Invalid request: params must be stream names"}, "id": number}
    if method == "SUBSCRIBE" and len(client.streams | set(streams)) > _MOST_STREAMS:
        return {"error": {"code": 2, "msg": f"Invalid request: at most {_MOST_STREAMS} streams"}, "id": number}
    for name in streams:
        (hub.subscribe if method == "SUBSCRIBE" else hub.unsubscribe)(client, name)
    return {"result": None, "id": number}
