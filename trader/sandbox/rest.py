"""The REST door: which path does what, at what weight, behind which check."""

from collections.abc import Callable
from typing import Literal
from urllib.parse import parse_qsl

import msgspec
import orjson
from aiohttp import web

from trader.sandbox import rest_account, rest_market, rest_orders
from trader.sandbox.errors import BinanceError
from trader.sandbox.params import Params
from trader.sandbox.venue import VENUE, Venue

Handler = Callable[[Venue, Params], object]


class Endpoint(msgspec.Struct, frozen=True):
    """One REST call. `security`: nothing, an API key, or key, signature and receive window."""

    handler: Handler
    weight: int | Callable[[Params], int]
    security: Literal["none", "key", "signed"] = "none"


def _signed(handler: Handler, weight: int) -> Endpoint:
    return Endpoint(handler, weight, "signed")


_ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    ("GET", "/api/v3/ping"): Endpoint(rest_market.ping, 1),
    ("GET", "/api/v3/time"): Endpoint(rest_market.server_time, 1),
    ("GET", "/api/v3/exchangeInfo"): Endpoint(rest_market.exchange_info, 20),
    ("GET", "/api/v3/klines"): Endpoint(rest_market.klines, 2),
    ("GET", "/api/v3/uiKlines"): Endpoint(rest_market.klines, 2),
    ("GET", "/api/v3/depth"): Endpoint(rest_market.depth, rest_market.depth_weight),
    ("GET", "/api/v3/trades"): Endpoint(rest_market.trades, 25),
    ("GET", "/api/v3/aggTrades"): Endpoint(rest_market.aggregate_trades, 4),
    ("GET", "/api/v3/avgPrice"): Endpoint(rest_market.average_price, 2),
    ("GET", "/api/v3/ticker/24hr"): Endpoint(rest_market.day_ticker, 2),
    ("GET", "/api/v3/ticker/bookTicker"): Endpoint(rest_market.book_ticker, 2),
    ("GET", "/api/v3/ticker/price"): Endpoint(rest_market.price_ticker, 2),
    ("GET", "/api/v3/account"): _signed(rest_account.account, 20),
    ("POST", "/api/v3/order"): _signed(rest_orders.new_order, 1),
    ("POST", "/api/v3/order/test"): _signed(rest_orders.check_order, 1),
    ("DELETE", "/api/v3/order"): _signed(rest_orders.cancel_order, 1),
    ("GET", "/api/v3/order"): _signed(rest_orders.query_order, 4),
    ("POST", "/api/v3/order/cancelReplace"): _signed(rest_orders.cancel_replace, 1),
    ("GET", "/api/v3/openOrders"): _signed(rest_orders.open_orders, 6),
    ("DELETE", "/api/v3/openOrders"): _signed(rest_orders.cancel_all, 1),
    ("GET", "/api/v3/allOrders"): _signed(rest_orders.all_orders, 20),
    ("GET", "/api/v3/myTrades"): _signed(rest_orders.my_trades, 20),
    ("GET", "/sapi/v1/system/status"): Endpoint(rest_account.system_status, 1),
    ("GET", "/sapi/v1/capital/config/getall"): _signed(rest_account.coins, 10),
    ("GET", "/sapi/v1/asset/tradeFee"): _signed(rest_account.trade_fees, 1),
    ("GET", "/sapi/v1/account/apiRestrictions"): _signed(rest_account.key_permissions, 1),
    ("GET", "/sapi/v1/margin/allPairs"): Endpoint(rest_market.empty_list, 1, "key"),
    ("GET", "/sapi/v1/margin/allAssets"): Endpoint(rest_market.empty_list, 1, "key"),
    ("GET", "/sapi/v1/margin/isolated/allPairs"): _signed(rest_market.empty_list, 10),
    ("GET", "/fapi/v1/exchangeInfo"): Endpoint(rest_market.empty_exchange_info, 1),
    ("GET", "/dapi/v1/exchangeInfo"): Endpoint(rest_market.empty_exchange_info, 1),
    ("GET", "/eapi/v1/exchangeInfo"): Endpoint(rest_market.empty_exchange_info, 1),
}


async def rest(request: web.Request) -> web.Response:
    """Answer one REST request."""
    venue = request.app[VENUE]
    endpoint = _ENDPOINTS.get((request.method, request.path))
    if endpoint is None:
        return web.Response(
            status=404, text="<html><body><h2>404 Not found</h2></body></html>", content_type="text/html"
        )
    body = (await request.read()).decode(errors="replace")
    query = request.raw_path.partition("?")[2]
    params = Params(dict(parse_qsl(query, keep_blank_values=True)) | dict(parse_qsl(body, keep_blank_values=True)))
    try:
        weight = endpoint.weight if isinstance(endpoint.weight, int) else endpoint.weight(params)
        venue.limiter.charge(weight)
        if endpoint.security != "none":
            venue.authenticator.check_key(request.headers.get("X-MBX-APIKEY"))
        if endpoint.security == "signed":
            venue.authenticator.check_request(query, body, params.values)
        answer = endpoint.handler(venue, params)
    except BinanceError as error:
        return _refusal(venue, error)
    return _json(answer, 200, venue.limiter.headers())


def _refusal(venue: Venue, error: BinanceError) -> web.Response:
    headers = venue.limiter.headers()
    content = error.body()
    retry_after_s = content.pop("retry_after_s", None)
    if isinstance(retry_after_s, float):
        headers["Retry-After"] = str(int(retry_after_s) + 1)
    return _json(content, error.status, headers)


def _json(content: object, status: int, headers: dict[str, str]) -> web.Response:
    return web.Response(body=orjson.dumps(content), status=status, headers=headers, content_type="application/json")
