"""Every path of the perpetual exchange."""

from aiohttp import web

from trader.sandbox.binance.usdm.rest import rest
from trader.sandbox.binance.usdm.streams import account_stream, market_streams, public_streams, ws_api


def add_routes(router: web.UrlDispatcher) -> None:
    for door, handler in (("public", public_streams), ("market", market_streams), ("private", account_stream)):
        for path in (f"/{door}/ws", f"/{door}/ws/{{streams:.*}}", f"/{door}/stream"):
            router.add_get(path, handler)
    router.add_get("/ws-fapi/v1", ws_api)
    router.add_route("*", "/fapi/{path:.*}", rest)
