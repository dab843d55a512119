"""One REST call of an exchange, and how a request is checked, counted and answered."""

from collections.abc import Callable, Mapping
from typing import Generic, Literal, TypeVar
from urllib.parse import parse_qsl

import msgspec
import orjson
from aiohttp import web

from trader.sandbox.binance.protocol.desk import BinanceDesk
from trader.sandbox.binance.protocol.errors import BinanceError
from trader.sandbox.binance.protocol.limits import RateLimiter
from trader.sandbox.binance.protocol.params import Params

D = TypeVar("D", bound=BinanceDesk)
Handler = Callable[[D, Params], object]


class Endpoint(msgspec.Struct, Generic[D], frozen=True):
    """One REST call. `security`: nothing, an API key, or key, signature and receive window."""

    handler: Callable[[D, Params], object]
    weight: int | Callable[[Params], int]
    security: Literal["none", "key", "signed"] = "none"


Endpoints = Mapping[tuple[str, str], Endpoint[D]]  # by (method, path)


def signed(handler: Callable[[D, Params], object], weight: int) -> Endpoint[D]:
    return Endpoint(handler, weight, "signed")


async def answered(request: web.Request, desk: D, endpoints: Endpoints[D]) -> web.Response:
    """Answer one REST request to this exchange."""
    endpoint = endpoints.get((request.method, request.path))
    if endpoint is None:
        return web.Response(
            status=404, text="<html><body><h2>404 Not found</h2></body></html>", content_type="text/html"
        )
    body = (await request.read()).decode(errors="replace")
    query = request.raw_path.partition("?")[2]
    params = Params(dict(parse_qsl(query, keep_blank_values=True)) | dict(parse_qsl(body, keep_blank_values=True)))
    try:
        desk.limiter.charge(endpoint.weight if isinstance(endpoint.weight, int) else endpoint.weight(params))
        if endpoint.security != "none":
            desk.authenticator.check_key(request.headers.get("X-MBX-APIKEY"))
        if endpoint.security == "signed":
            desk.authenticator.check_request(query, body, params.values)
        answer = endpoint.handler(desk, params)
    except BinanceError as error:
        return _refusal(desk.limiter, error)
    return _json(answer, 200, desk.limiter.headers())


def _refusal(limiter: RateLimiter, error: BinanceError) -> web.Response:
    headers = limiter.headers()
    content = error.body()
    retry_after_s = content.pop("retry_after_s", None)
    if isinstance(retry_after_s, float):
        headers["Retry-After"] = str(int(retry_after_s) + 1)
    return _json(content, error.status, headers)


def _json(content: object, status: int, headers: dict[str, str]) -> web.Response:
    return web.Response(body=orjson.dumps(content), status=status, headers=headers, content_type="application/json")
