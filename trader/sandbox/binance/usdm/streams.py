"""The websocket doors of the perpetual exchange: /public and /market data, /private account events, the ws-fapi."""

import re

from aiohttp import web

from trader.sandbox.binance.protocol import market_data
from trader.sandbox.binance.protocol.streams import accepted, serve_client, serve_streams
from trader.sandbox.binance.protocol.ws_api import ApiMethod, WsApi
from trader.sandbox.binance.usdm import rest_account, rest_algo, rest_market, rest_orders
from trader.sandbox.binance.usdm.desk import USDM, UsdmDesk
from trader.sandbox.sockets.connections import CONNECTIONS
from trader.sandbox.sockets.hub import Listener

_SYMBOL = r"[a-z0-9]{2,20}"
_PUBLIC = re.compile(rf"^({_SYMBOL}@(depth|trade|bookTicker)[a-zA-Z0-9@]*)$")
_MARKET = re.compile(
    rf"^({_SYMBOL}@(kline_|miniTicker|ticker|markPrice|aggTrade|forceOrder)[a-zA-Z0-9@]*|![a-zA-Z]+@arr(@1s)?)$"
)

_API: WsApi[UsdmDesk] = WsApi(
    "/ws-fapi",
    {
        "order.place": ApiMethod(rest_orders.new_order, 1),
        "order.modify": ApiMethod(rest_orders.amend_order, 1),
        "order.cancel": ApiMethod(rest_orders.cancel_order, 1),
        "order.status": ApiMethod(rest_orders.query_order, 1),
        "algoOrder.place": ApiMethod(rest_algo.new_algo_order, 1),
        "algoOrder.cancel": ApiMethod(rest_algo.cancel_algo_order, 1),
        "account.balance": ApiMethod(rest_account.balance, 5),
        "v2/account.balance": ApiMethod(rest_account.balance, 5),
        "account.status": ApiMethod(rest_account.account_v2, 5),
        "v2/account.status": ApiMethod(rest_account.account, 5),
        "account.position": ApiMethod(rest_account.position_risk_v2, 5),
        "v2/account.position": ApiMethod(rest_account.position_risk, 5),
        "ping": ApiMethod(market_data.ping, 1, is_signed=False),
        "time": ApiMethod(market_data.server_time, 1, is_signed=False),
        "depth": ApiMethod(rest_market.depth, 5, is_signed=False),
        "ticker.price": ApiMethod(rest_market.price_ticker, 1, is_signed=False),
        "ticker.book": ApiMethod(rest_market.book_ticker, 2, is_signed=False),
    },
)


async def public_streams(request: web.Request) -> web.WebSocketResponse:
    """Books, trades, best quotes."""
    return await serve_streams(request, request.app[USDM].hub, lambda name: _PUBLIC.match(name) is not None)


async def market_streams(request: web.Request) -> web.WebSocketResponse:
    """Candles, tickers, mark prices, aggregated trades, liquidations."""
    return await serve_streams(request, request.app[USDM].hub, lambda name: _MARKET.match(name) is not None)


async def account_stream(request: web.Request) -> web.StreamResponse:
    """The account's events for who brings a valid listen key, in the query or at the end of the path."""
    feed = request.app[USDM].user_feed
    key = request.query.get("listenKey") or request.match_info.get("streams", "")
    if not feed.knows(key):
        return web.json_response({"code": -1125, "msg": "This listenKey does not exist."}, status=400)
    socket = await accepted(request)
    client = Listener(socket)
    feed.subscribe(client)
    try:
        with request.app[CONNECTIONS].connected(socket):
            await serve_client(client, lambda _text: None)
    finally:
        feed.forget(client)
    return socket


async def ws_api(request: web.Request) -> web.WebSocketResponse:
    """Serve one connection of the websocket API until it ends."""
    desk = request.app[USDM]
    socket = await accepted(request)
    client = Listener(socket)
    with request.app[CONNECTIONS].connected(socket):
        await serve_client(client, lambda text: _API.answer(desk, client, text))
    return socket
