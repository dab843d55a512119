"""The ws-api door: signed requests over one websocket, and the account's own events."""

import orjson
from aiohttp import web

from trader.sandbox import rest_account, rest_market, rest_orders
from trader.sandbox.errors import BinanceError
from trader.sandbox.faults import DropAnswer, ErrorAnswer
from trader.sandbox.faults_rest import refusal
from trader.sandbox.hub import Client
from trader.sandbox.params import Params
from trader.sandbox.rest import Handler
from trader.sandbox.streams import PING_S, serve_client
from trader.sandbox.venue import VENUE, Venue

_SIGNED: dict[str, tuple[Handler, int]] = {
    "order.place": (rest_orders.new_order, 1),
    "order.test": (rest_orders.check_order, 1),
    "order.cancel": (rest_orders.cancel_order, 1),
    "order.cancelReplace": (rest_orders.cancel_replace, 1),
    "order.status": (rest_orders.query_order, 4),
    "openOrders.status": (rest_orders.open_orders, 6),
    "openOrders.cancelAll": (rest_orders.cancel_all, 1),
    "allOrders": (rest_orders.all_orders, 20),
    "myTrades": (rest_orders.my_trades, 20),
    "account.status": (rest_account.account, 20),
}
_PUBLIC: dict[str, tuple[Handler, int]] = {
    "ping": (rest_market.ping, 1),
    "time": (rest_market.server_time, 1),
    "exchangeInfo": (rest_market.exchange_info, 20),
    "depth": (rest_market.depth, 5),
    "klines": (rest_market.klines, 2),
    "ticker.price": (rest_market.price_ticker, 2),
    "ticker.book": (rest_market.book_ticker, 2),
}


async def ws_api(request: web.Request) -> web.WebSocketResponse:
    """Serve one ws-api connection until it ends."""
    venue = request.app[VENUE]
    socket = web.WebSocketResponse(heartbeat=PING_S, compress=False, max_msg_size=1 << 20)
    await socket.prepare(request)
    client = Client(socket)
    try:
        with venue.connected(socket):
            await serve_client(client, lambda text: _answer(venue, client, text))
    finally:
        venue.user_feed.forget(client)
    return socket


def _answer(venue: Venue, client: Client, text: str) -> object:
    try:
        message = orjson.loads(text)
        number, method, given = message.get("id"), message["method"], message.get("params") or {}
        params = Params({name: _written(value) for name, value in given.items()})
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return _failure(None, BinanceError(-1130, "Invalid request: malformed message."), venue)
    fault = venue.faults.for_request("WS", f"/ws-api/{method}", text)
    try:
        if isinstance(fault, ErrorAnswer) and fault.when == "before":
            raise refusal(fault)
        if isinstance(fault, DropAnswer) and fault.when == "before":
            return None
        result = _call(venue, client, str(method), params)
        if isinstance(fault, ErrorAnswer):
            raise refusal(fault)
    except BinanceError as error:
        return _failure(number, error, venue)
    if isinstance(fault, DropAnswer):
        return None
    return {"id": number, "status": 200, "result": result, "rateLimits": _rate_limits(venue)}


def _call(venue: Venue, client: Client, method: str, params: Params) -> object:
    if method == "userDataStream.subscribe.signature":
        venue.limiter.charge(2)
        venue.authenticator.check_message(params.values)
        return {"subscriptionId": venue.user_feed.subscribe(client)}
    if method == "userDataStream.unsubscribe":
        venue.limiter.charge(2)
        venue.user_feed.forget(client)
        return {}
    if method in _SIGNED:
        handler, weight = _SIGNED[method]
        venue.limiter.charge(weight)
        venue.authenticator.check_message(params.values)
        return handler(venue, params)
    if method in _PUBLIC:
        handler, weight = _PUBLIC[method]
        venue.limiter.charge(weight)
        return handler(venue, params)
    raise BinanceError(-1000, f"Unknown method '{method}'.")


def _failure(number: object, error: BinanceError, venue: Venue) -> dict[str, object]:
    content = error.body()
    content.pop("retry_after_s", None)
    return {"id": number, "status": error.status, "error": content, "rateLimits": _rate_limits(venue)}


def _rate_limits(venue: Venue) -> list[dict[str, object]]:
    return [
        {
            "rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1,
            "limit": venue.options.request_weight_per_minute, "count": venue.limiter.used_weight,
        }
    ]  # fmt: skip


def _written(value: object) -> str:
    """A JSON parameter as it counts in the signature."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
