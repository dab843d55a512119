"""Request faults in Binance's words."""

import orjson
from aiohttp import web

from trader.sandbox.binance.protocol.errors import BinanceError
from trader.sandbox.faults.kinds import ErrorAnswer

_STATUS_PATH = "/sapi/v1/system/status"
_TOO_MANY = "Too many requests; current limit is 0 requests per minute."


class BinanceFaultWords:
    """Answers to spoiled REST requests (`faults.requests.FaultWords`)."""

    def error(self, fault: ErrorAnswer) -> web.Response:
        headers = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
        told = _code(fault)
        if told is None:
            page = f"<html><body><h1>{fault.status} {fault.message or 'Error'}</h1></body></html>"
            return web.Response(status=fault.status, text=page, content_type="text/html", headers=headers)
        return _json({"code": told[0], "msg": told[1]}, fault.status, headers)

    def closed(self, request: web.Request) -> web.Response:
        if request.path == _STATUS_PATH:
            return _json({"status": 1, "msg": "system_maintenance"}, 200, {})
        page = "<html><body><h1>503 Service Temporarily Unavailable</h1></body></html>"
        return web.Response(status=503, text=page, content_type="text/html")


def refusal(fault: ErrorAnswer) -> BinanceError:
    """The same answer for a request over the websocket API."""
    code, message = _code(fault) or (-1000, "An unknown error occurred while processing the request.")
    extra: dict[str, object] = {} if fault.retry_after_s is None else {"retry_after_s": float(fault.retry_after_s)}
    return BinanceError(code, message, status=fault.status, extra=extra)


def _code(fault: ErrorAnswer) -> tuple[int, str] | None:
    if fault.code is not None:
        return fault.code, fault.message
    return (-1003, fault.message or _TOO_MANY) if fault.status in (418, 429) else None


def _json(content: object, status: int, headers: dict[str, str]) -> web.Response:
    return web.Response(body=orjson.dumps(content), status=status, headers=headers, content_type="application/json")
