"""The websocket doors of the spot exchange: market data, and the ws-api with the account's own events."""

import re

from aiohttp import web

from trader.sandbox.binance.protocol import market_data
from trader.sandbox.binance.protocol.streams import accepted, serve_client, serve_streams
from trader.sandbox.binance.protocol.ws_api import ApiMethod, Subscription, WsApi
from trader.sandbox.binance.spot import rest_account, rest_market, rest_orders
from trader.sandbox.binance.spot.desk import SPOT, SpotDesk
from trader.sandbox.sockets.connections import CONNECTIONS
from trader.sandbox.sockets.hub import Listener

_STREAM = re.compile(r"^(![a-zA-Z]+@arr|[a-z0-9]{2,20}@[a-zA-Z0-9_@]+)$")


def _subscribe(desk: SpotDesk, client: Listener) -> object:
    return {"subscriptionId": desk.user_feed.subscribe(client)}


def _unsubscribe(desk: SpotDesk, client: Listener) -> object:
    desk.user_feed.forget(client)
    return {}


_API: WsApi[SpotDesk] = WsApi(
    "/ws-api",
    {
        "userDataStream.subscribe.signature": Subscription(_subscribe, 2),
        "userDataStream.unsubscribe": Subscription(_unsubscribe, 2, is_signed=False),
        "order.place": ApiMethod(rest_orders.new_order, 1),
        "order.test": ApiMethod(rest_orders.check_order, 1),
        "order.cancel": ApiMethod(rest_orders.cancel_order, 1),
        "order.cancelReplace": ApiMethod(rest_orders.cancel_replace, 1),
        "order.status": ApiMethod(rest_orders.query_order, 4),
        "openOrders.status": ApiMethod(rest_orders.open_orders, 6),
        "openOrders.cancelAll": ApiMethod(rest_orders.cancel_all, 1),
        "allOrders": ApiMethod(rest_orders.all_orders, 20),
        "myTrades": ApiMethod(rest_orders.my_trades, 20),
        "account.status": ApiMethod(rest_account.account, 20),
        "ping": ApiMethod(market_data.ping, 1, is_signed=False),
        "time": ApiMethod(market_data.server_time, 1, is_signed=False),
        "exchangeInfo": ApiMethod(rest_market.exchange_info, 20, is_signed=False),
        "depth": ApiMethod(rest_market.depth, 5, is_signed=False),
        "klines": ApiMethod(market_data.klines, 2, is_signed=False),
        "ticker.price": ApiMethod(rest_market.price_ticker, 2, is_signed=False),
        "ticker.book": ApiMethod(rest_market.book_ticker, 2, is_signed=False),
    },
)


async def market_streams(request: web.Request) -> web.WebSocketResponse:
    """Serve one market data connection until it ends."""
    return await serve_streams(request, request.app[SPOT].hub, lambda name: _STREAM.match(name) is not None)


async def ws_api(request: web.Request) -> web.WebSocketResponse:
    """Serve one ws-api connection until it ends."""
    desk = request.app[SPOT]
    socket = await accepted(request)
    client = Listener(socket)
    try:
        with request.app[CONNECTIONS].connected(socket):
            await serve_client(client, lambda text: _API.answer(desk, client, text))
    finally:
        desk.user_feed.forget(client)
    return socket
