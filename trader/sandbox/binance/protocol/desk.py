"""What the doors (REST, streams, websocket API) of one exchange share: its market and its rules of access."""

from trader.clock import ScaledClock
from trader.sandbox.binance.protocol.auth import Authenticator
from trader.sandbox.binance.protocol.errors import unknown_symbol
from trader.sandbox.binance.protocol.limits import RateLimiter
from trader.sandbox.binance.protocol.params import Params
from trader.sandbox.faults.active import Faults
from trader.sandbox.market.served_market import ServedMarket
from trader.sandbox.market.symbol_market import SymbolMarket
from trader.sandbox.sockets.hub import Hub


class BinanceDesk:
    """Wired once in `server.assembly`; holds no logic of its own beyond looking things up."""

    def __init__(
        self,
        clock: ScaledClock,
        market: ServedMarket,
        hub: Hub,
        authenticator: Authenticator,
        faults: Faults,
        limiter: RateLimiter,
    ) -> None:
        self.clock = clock
        self.market = market
        self.hub = hub
        self.authenticator = authenticator
        self.faults = faults
        self.limiter = limiter
        hub.spoil = faults.frames

    def symbol(self, params: Params) -> SymbolMarket:
        """The market named by the mandatory parameter `symbol`."""
        return self.by_id(params.text("symbol"))

    def by_id(self, symbol_id: str) -> SymbolMarket:
        found = self.market.by_id.get(symbol_id)
        if found is None:
            raise unknown_symbol()
        return found
