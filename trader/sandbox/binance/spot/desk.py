"""The desk of the spot exchange."""

from collections.abc import Callable
from functools import partial

from aiohttp import web

from trader.clock import ScaledClock
from trader.sandbox.binance.protocol.auth import Authenticator
from trader.sandbox.binance.protocol.desk import BinanceDesk
from trader.sandbox.binance.protocol.limits import RateLimiter
from trader.sandbox.binance.spot.userfeed import SpotUserFeed
from trader.sandbox.faults.active import Faults
from trader.sandbox.faults.kinds import ACCOUNT
from trader.sandbox.market.served_market import ServedMarket
from trader.sandbox.sockets.hub import Hub
from trader.simulation.exchange import SimulatedExchange


class SpotDesk(BinanceDesk):
    """`now_s`: monotonic real time. `opened_ms`: market time at which the exchange began."""

    account_stream = ACCOUNT

    def __init__(
        self,
        clock: ScaledClock,
        market: ServedMarket,
        exchange: SimulatedExchange,
        authenticator: Authenticator,
        faults: Faults,
        hub: Hub,
        now_s: Callable[[], float],
        *,
        opened_ms: int,
        weight_per_minute: int,
    ) -> None:
        super().__init__(clock, market, hub, authenticator, faults, RateLimiter(weight_per_minute, now_s))
        self.exchange = exchange
        self.opened_ms = opened_ms
        self.user_feed = SpotUserFeed(exchange, clock)
        self.user_feed.spoil = partial(faults.frames, self.account_stream)


SPOT = web.AppKey("spot", SpotDesk)
