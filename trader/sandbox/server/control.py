"""What only a sandbox has: its own truth, its clock, and a switch. Not part of Binance."""

import orjson
from aiohttp import web

from trader.sandbox.binance.spot.wire import account_trade, queried_order
from trader.sandbox.binance.usdm.state import state as usdm_state
from trader.sandbox.market.numbers import text
from trader.sandbox.server.sandbox import SANDBOX


async def state(request: web.Request) -> web.Response:
    """GET /sandbox/state: every order, fill and balance, market time, last prices; perpetuals under `usdm`."""
    sandbox = request.app[SANDBOX]
    spot = sandbox.spot
    symbols = spot.market.symbols
    return _json(
        {
            "market_ms": sandbox.clock.now_ms(),
            "finished": sandbox.playback.is_finished,
            "symbols": {s: {"last_price": text(m.series.last_price)} for s, m in symbols.items()},
            "orders": [queried_order(o) for s in symbols for o in spot.exchange.orders(s)],
            "fills": [account_trade(t) for s in symbols for t in spot.exchange.trades(s)],
            "balances": {
                b.currency: {"free": text(b.free), "locked": text(b.locked)} for b in spot.exchange.balances()
            },
            "usdm": usdm_state(sandbox.usdm),
        }
    )


async def clock(request: web.Request) -> web.Response:
    """GET /sandbox/clock: the three numbers that make market time."""
    scaled = request.app[SANDBOX].clock
    return _json(
        {
            "real_epoch_ms": scaled.real_epoch_ms,
            "market_epoch_ms": scaled.market_epoch_ms,
            "speed": scaled.speed,
            "market_ms": scaled.now_ms(),
        }
    )


async def shutdown(request: web.Request) -> web.Response:
    """POST /sandbox/shutdown: end cleanly; the state stays."""
    request.app[SANDBOX].stopping.set()
    return _json({"stopping": True})


def _json(content: object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(content), status=status, content_type="application/json")
