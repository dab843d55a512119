"""The running sandbox: its spot exchange, its perpetual exchange, and who is connected."""

import asyncio
import contextlib
from collections.abc import Iterator
from functools import partial

from aiohttp import WSCloseCode, web

from trader.clock import ScaledClock
from trader.sandbox.auth import Authenticator
from trader.sandbox.desk import Desk
from trader.sandbox.faults import ACCOUNT
from trader.sandbox.faults_active import Faults
from trader.sandbox.hub import Hub
from trader.sandbox.limits import RateLimiter
from trader.sandbox.market import Market
from trader.sandbox.options import SandboxOptions
from trader.sandbox.playback import Playback
from trader.sandbox.usdm.desk import UsdmDesk
from trader.sandbox.userfeed import UserFeed
from trader.simulation.exchange import SimulatedExchange


class Venue(Desk):
    """The desk of the spot exchange, and what both exchanges have in common."""

    def __init__(
        self,
        options: SandboxOptions,
        clock: ScaledClock,
        playback: Playback,
        market: Market,
        exchange: SimulatedExchange,
        hub: Hub,
        authenticator: Authenticator,
        faults: Faults,
        usdm: UsdmDesk,
    ) -> None:
        self._now_s = asyncio.get_running_loop().time
        limiter = RateLimiter(options.request_weight_per_minute, self._now_s)
        super().__init__(clock, market, hub, authenticator, faults, limiter)
        self.options = options
        self.playback = playback
        self.exchange = exchange
        self.usdm = usdm
        self.user_feed = UserFeed(exchange, clock)
        self.user_feed.spoil = partial(faults.frames, ACCOUNT)
        self.stopping = asyncio.Event()
        self._sockets: set[web.WebSocketResponse] = set()
        self._last_seen_s = self._now_s()

    def checkpoint(self) -> None:
        """Store what changes without an order, on both exchanges."""
        self.exchange.checkpoint()
        self.usdm.exchange.checkpoint()

    def touch(self) -> None:
        """A client was here."""
        self._last_seen_s = self._now_s()

    @contextlib.contextmanager
    def connected(self, socket: web.WebSocketResponse) -> Iterator[None]:
        """A websocket is open."""
        self._sockets.add(socket)
        try:
            yield
        finally:
            self._sockets.discard(socket)
            self.touch()

    async def close_sockets(self) -> None:
        """The exchange goes down: say goodbye to every client."""
        for socket in list(self._sockets):
            await socket.close(code=WSCloseCode.GOING_AWAY)

    @property
    def idle_s(self) -> float:
        """Real seconds since the last client; 0 while one is connected."""
        return 0.0 if self._sockets else self._now_s() - self._last_seen_s


VENUE = web.AppKey("venue", Venue)
