"""A websocket API: requests as JSON messages, answered by the same functions as REST."""

from collections.abc import Callable, Mapping
from typing import Generic

import msgspec
import orjson

from trader.sandbox.binance.protocol.endpoint import D
from trader.sandbox.binance.protocol.errors import BinanceError
from trader.sandbox.binance.protocol.fault_words import refusal
from trader.sandbox.binance.protocol.params import Params
from trader.sandbox.faults.kinds import DropAnswer, ErrorAnswer
from trader.sandbox.sockets.hub import Listener


class ApiMethod(msgspec.Struct, Generic[D], frozen=True):
    """One method: who answers it, at what weight, and whether the request must be signed."""

    handler: Callable[[D, Params], object]
    weight: int
    is_signed: bool = True


class Subscription(msgspec.Struct, Generic[D], frozen=True):
    """A method that concerns the connection itself. Always signed, unless it only ends something."""

    handler: Callable[[D, Listener], object]
    weight: int
    is_signed: bool = True


class WsApi(Generic[D]):
    """The methods of one exchange. `path` is what faults know the door by."""

    def __init__(self, path: str, methods: Mapping[str, ApiMethod[D] | Subscription[D]]) -> None:
        self._path = path
        self._methods = methods

    def answer(self, desk: D, client: Listener, text: str) -> object:
        """The answer to one message; None for none at all (a fault)."""
        try:
            message = orjson.loads(text)
            number, method, given = message.get("id"), message["method"], message.get("params") or {}
            params = Params({name: _written(value) for name, value in given.items()})
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            return _failure(None, BinanceError(-1130, "Invalid request: malformed message."), desk)
        fault = desk.faults.for_request("WS", f"{self._path}/{method}", text)
        try:
            if isinstance(fault, ErrorAnswer) and fault.when == "before":
                raise refusal(fault)
            if isinstance(fault, DropAnswer) and fault.when == "before":
                return None
            result = self._call(desk, client, str(method), params)
            if isinstance(fault, ErrorAnswer):
                raise refusal(fault)
        except BinanceError as error:
            return _failure(number, error, desk)
        if isinstance(fault, DropAnswer):
            return None
        return {"id": number, "status": 200, "result": result, "rateLimits": _rate_limits(desk)}

    def _call(self, desk: D, client: Listener, method: str, params: Params) -> object:
        call = self._methods.get(method)
        if call is None:
            raise BinanceError(-1000, f"Unknown method '{method}'.")
        desk.limiter.charge(call.weight)
        if call.is_signed:
            desk.authenticator.check_message(params.values)
        return call.handler(desk, params) if isinstance(call, ApiMethod) else call.handler(desk, client)


def _failure(number: object, error: BinanceError, desk: D) -> dict[str, object]:
    content = error.body()
    content.pop("retry_after_s", None)
    return {"id": number, "status": error.status, "error": content, "rateLimits": _rate_limits(desk)}


def _rate_limits(desk: D) -> list[dict[str, object]]:
    return [
        {
            "rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": desk.limiter.limit,
            "count": desk.limiter.used_weight,
        }
    ]  # fmt: skip


def _written(value: object) -> str:
    """A JSON parameter as it counts in the signature."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
