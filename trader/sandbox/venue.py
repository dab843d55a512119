"""One running sandbox exchange: everything its doors (REST, streams, ws-api, control) share."""

import asyncio
import contextlib
from collections.abc import Iterator

from aiohttp import WSCloseCode, web

from trader.clock import ScaledClock
from trader.sandbox.auth import Authenticator
from trader.sandbox.errors import unknown_symbol
from trader.sandbox.faults_active import Faults
from trader.sandbox.hub import Hub
from trader.sandbox.limits import RateLimiter
from trader.sandbox.market import Market
from trader.sandbox.options import SandboxOptions
from trader.sandbox.params import Params
from trader.sandbox.playback import Playback
from trader.sandbox.symbol_market import SymbolMarket
from trader.sandbox.userfeed import UserFeed
from trader.simulation.exchange import SimulatedExchange


class Venue:
    """Wired once in `server`; holds no logic of its own beyond looking things up."""

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
    ) -> None:
        self.options = options
        self.clock = clock
        self.playback = playback
        self.market = market
        self.exchange = exchange
        self.hub = hub
        self.authenticator = authenticator
        self.faults = faults
        self.user_feed = UserFeed(exchange, clock)
        hub.spoil = faults.frames
        self.user_feed.spoil = faults.account_frames
        self.stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        self.limiter = RateLimiter(options.request_weight_per_minute, loop.time)
        self._now_s = loop.time
        self._sockets: set[web.WebSocketResponse] = set()
        self._last_seen_s = loop.time()

    def symbol(self, params: Params) -> SymbolMarket:
        """The market named by the mandatory parameter `symbol`."""
        return self.by_id(params.text("symbol"))

    def by_id(self, symbol_id: str) -> SymbolMarket:
        found = self.market.by_id.get(symbol_id)
        if found is None:
            raise unknown_symbol()
        return found

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
