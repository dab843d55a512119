"""Every path of the spot exchange."""

from aiohttp import web

from trader.sandbox.binance.spot.rest import rest
from trader.sandbox.binance.spot.streams import market_streams, ws_api


def add_routes(router: web.UrlDispatcher) -> None:
    """REST takes whatever no other exchange has claimed before: add these routes last."""
    for path in ("/ws", "/ws/{streams:.*}", "/stream"):
        router.add_get(path, market_streams)
    router.add_get("/ws-api/v3", ws_api)
    router.add_route("*", "/{path:.*}", rest)
