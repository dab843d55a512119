"""The unmodified ccxt clients on the sandbox's perpetuals, and short ways to use them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.kit.sandbox import http_session, market_clock
from trader.sandbox.server.status import RunningSandbox

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
SHORT: dict[str, Any] = {"history_candles": 1_600, "symbols": (BTC, ETH)}


@asynccontextmanager
async def ccxt_usdm(running: RunningSandbox, kind: str = "binanceusdm", **config: Any) -> AsyncIterator[Any]:
    """`ccxt.pro.binanceusdm` (or another class), its hosts routed to the sandbox and its clock set to market time."""
    import ccxt.pro

    async with http_session(running) as session:
        settings = {"apiKey": running.api_key, "secret": running.api_secret, "session": session, **config}
        exchange = getattr(ccxt.pro, kind)(settings)
        exchange.milliseconds = market_clock(running).now_ms
        try:
            yield exchange
        finally:
            await exchange.close()


async def touch(exchange: Any, symbol: str = BTC) -> tuple[float, float]:
    """(best bid, best ask)."""
    book = await exchange.fetch_order_book(symbol, 5)
    return book["bids"][0][0], book["asks"][0][0]


async def position(exchange: Any, symbol: str = BTC) -> tuple[str, float] | None:
    """(long or short, contracts), or None when flat."""
    held = await exchange.fetch_positions([symbol])
    return (held[0]["side"], held[0]["contracts"]) if held else None
