"""Faults of requests: a middleware in front of every door."""

import asyncio
from typing import Literal

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from trader.sandbox.errors import BinanceError
from trader.sandbox.faults import DelayAnswer, DropAnswer, EmptyBody, ErrorAnswer, TruncatedBody
from trader.sandbox.venue import VENUE

_STATUS_PATH = "/sapi/v1/system/status"
_TOO_MANY = "Too many requests; current limit is 0 requests per minute."


@web.middleware
async def spoil(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Everything that is not /sandbox goes through the active faults."""
    faults = request.app[VENUE].faults
    if request.path.startswith("/sandbox/"):
        return await handler(request)
    if faults.is_down:
        faults.count_unanswered()
        return _closed(request)
    if request.headers.get("Upgrade", "").lower() == "websocket":
        with faults.connected(request):
            return await handler(request)
    body = (await request.read()).decode(errors="replace")
    fault = faults.for_request(request.method, request.path, f"{request.query_string}&{body}")
    match fault:
        case ErrorAnswer():
            if fault.when == "after":
                await handler(request)
            return _error(fault)
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


def refusal(fault: ErrorAnswer) -> BinanceError:
    """The same answer for a request over the websocket API."""
    code, message = _code(fault) or (-1000, "An unknown error occurred while processing the request.")
    extra: dict[str, object] = {} if fault.retry_after_s is None else {"retry_after_s": float(fault.retry_after_s)}
    return BinanceError(code, message, status=fault.status, extra=extra)


def _code(fault: ErrorAnswer) -> tuple[int, str] | None:
    if fault.code is not None:
        return fault.code, fault.message
    return (-1003, fault.message or _TOO_MANY) if fault.status in (418, 429) else None


def _error(fault: ErrorAnswer) -> web.Response:
    headers = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
    told = _code(fault)
    if told is None:
        page = f"<html><body><h1>{fault.status} {fault.message or 'Error'}</h1></body></html>"
        return web.Response(status=fault.status, text=page, content_type="text/html", headers=headers)
    return _json({"code": told[0], "msg": told[1]}, fault.status, headers)


async def _delayed(
    request: web.Request, handler: Handler, delay_s: float, when: Literal["before", "after"]
) -> web.StreamResponse:
    if when == "before":
        await asyncio.sleep(delay_s)
        return await handler(request)
    answer = await handler(request)
    await asyncio.sleep(delay_s)
    return answer


def _closed(request: web.Request) -> web.Response:
    if request.path == _STATUS_PATH:
        return _json({"status": 1, "msg": "system_maintenance"}, 200, {})
    page = "<html><body><h1>503 Service Temporarily Unavailable</h1></body></html>"
    return web.Response(status=503, text=page, content_type="text/html")


def _cut(answer: web.StreamResponse, kept: int) -> web.Response:
    """Its first bytes, and never all of them."""
    body = answer.body if isinstance(answer, web.Response) and isinstance(answer.body, bytes) else b""
    kept = max(0, min(kept, len(body) - 1))
    return web.Response(status=answer.status, body=body[:kept], content_type="application/json")


def _json(content: object, status: int, headers: dict[str, str]) -> web.Response:
    return web.Response(body=orjson.dumps(content), status=status, headers=headers, content_type="application/json")
