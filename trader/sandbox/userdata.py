"""The ws-api door of the spot exchange: signed requests over one websocket, and the account's own events."""

from aiohttp import web

from trader.sandbox import market_data, rest_account, rest_market, rest_orders
from trader.sandbox.hub import Client
from trader.sandbox.streams import accepted, serve_client
from trader.sandbox.venue import VENUE, Venue
from trader.sandbox.ws_api import Call, Subscription, WsApi


def _subscribe(venue: Venue, client: Client) -> object:
    return {"subscriptionId": venue.user_feed.subscribe(client)}


def _unsubscribe(venue: Venue, client: Client) -> object:
    venue.user_feed.forget(client)
    return {}


_API: WsApi[Venue] = WsApi(
    "/ws-api",
    {
        "userDataStream.subscribe.signature": Subscription(_subscribe, 2),
        "userDataStream.unsubscribe": Subscription(_unsubscribe, 2, is_signed=False),
        "order.place": Call(rest_orders.new_order, 1),
        "order.test": Call(rest_orders.check_order, 1),
        "order.cancel": Call(rest_orders.cancel_order, 1),
        "order.cancelReplace": Call(rest_orders.cancel_replace, 1),
        "order.status": Call(rest_orders.query_order, 4),
        "openOrders.status": Call(rest_orders.open_orders, 6),
        "openOrders.cancelAll": Call(rest_orders.cancel_all, 1),
        "allOrders": Call(rest_orders.all_orders, 20),
        "myTrades": Call(rest_orders.my_trades, 20),
        "account.status": Call(rest_account.account, 20),
        "ping": Call(market_data.ping, 1, is_signed=False),
        "time": Call(market_data.server_time, 1, is_signed=False),
        "exchangeInfo": Call(rest_market.exchange_info, 20, is_signed=False),
        "depth": Call(rest_market.depth, 5, is_signed=False),
        "klines": Call(market_data.klines, 2, is_signed=False),
        "ticker.price": Call(rest_market.price_ticker, 2, is_signed=False),
        "ticker.book": Call(rest_market.book_ticker, 2, is_signed=False),
    },
)


async def ws_api(request: web.Request) -> web.WebSocketResponse:
    """Serve one ws-api connection until it ends."""
    venue = request.app[VENUE]
    socket = await accepted(request)
    client = Client(socket)
    try:
        with venue.connected(socket):
            await serve_client(client, lambda text: _API.answer(venue, client, text))
    finally:
        venue.user_feed.forget(client)
    return socket
