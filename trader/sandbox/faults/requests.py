"""Faults of requests: a middleware in front of every door."""

import asyncio
from typing import Literal, Protocol

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from trader.sandbox.faults.active import Faults
from trader.sandbox.faults.kinds import DelayAnswer, DropAnswer, EmptyBody, ErrorAnswer, TruncatedBody


class FaultWords(Protocol):
    """How an exchange says that something is wrong."""

    def error(self, fault: ErrorAnswer) -> web.Response:
        """The refusal that `fault` asks for."""

    def closed(self, request: web.Request) -> web.Response:
        """The exchange is closed for maintenance."""


def request_faults(faults: Faults, words: FaultWords) -> Middleware:
    """A middleware that lets everything but /sandbox go through the active faults."""

    @web.middleware
    async def spoil(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/sandbox/"):
            return await handler(request)
        if faults.is_down:
            faults.count_unanswered()
            return words.closed(request)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            with faults.connected(request):
                return await handler(request)
        return await _spoiled(request, handler, faults, words)

    return spoil


async def _spoiled(request: web.Request, handler: Handler, faults: Faults, words: FaultWords) -> web.StreamResponse:
    body = (await request.read()).decode(errors="replace")
    fault = faults.for_request(request.method, request.path, f"{request.query_string}&{body}")
    match fault:
        case ErrorAnswer():
            if fault.when == "after":
                await handler(request)
            return words.error(fault)
        case DropAnswer(when=when):
            answer = await handler(request) if when == "after" else web.Response()
            if request.transport is not None:
                request.transport.abort()
            return answer
        case DelayAnswer(delay_s=delay_s, when=when):
            return await _delayed(request, handler, delay_s, when)
        case TruncatedBody(keep_bytes=kept):
            return _cut(await handler(request), kept)
        case EmptyBody():
            await handler(request)
            return web.Response(content_type="application/json")
        case _:
            return await handler(request)


async def _delayed(
    request: web.Request, handler: Handler, delay_s: float, when: Literal["before", "after"]
) -> web.StreamResponse:
    if when == "before":
        await asyncio.sleep(delay_s)
        return await handler(request)
    answer = await handler(request)
    await asyncio.sleep(delay_s)
    return answer


def _cut(answer: web.StreamResponse, kept: int) -> web.Response:
    """Its first bytes, and never all of them."""
    body = answer.body if isinstance(answer, web.Response) and isinstance(answer.body, bytes) else b""
    kept = max(0, min(kept, len(body) - 1))
    return web.Response(status=answer.status, body=body[:kept], content_type="application/json")
