"""The desk of the perpetual exchange."""

from collections.abc import Callable
from functools import partial

from aiohttp import web

from trader.clock import ScaledClock
from trader.sandbox.binance.protocol.auth import Authenticator
from trader.sandbox.binance.protocol.desk import BinanceDesk
from trader.sandbox.binance.protocol.limits import RateLimiter
from trader.sandbox.binance.usdm.countdown import Countdowns
from trader.sandbox.binance.usdm.events import force_order
from trader.sandbox.binance.usdm.userfeed import UsdmUserFeed
from trader.sandbox.faults.active import Faults
from trader.sandbox.faults.kinds import ACCOUNT, USDM_PREFIX
from trader.sandbox.market.perpetual import PerpetualMarket
from trader.sandbox.sockets.hub import Hub
from trader.simulation.derivatives.perpetual import PerpetualExchange
from trader.simulation.records.sim_orders import OrderChanged, SimEvent

WEIGHT_PER_MINUTE = 2_400
ORDERS_PER_10_S = 300


class UsdmDesk(BinanceDesk):
    """`now_s`: monotonic real time."""

    account_stream = USDM_PREFIX + ACCOUNT

    def __init__(
        self,
        clock: ScaledClock,
        market: PerpetualMarket,
        exchange: PerpetualExchange,
        authenticator: Authenticator,
        faults: Faults,
        hub: Hub,
        now_s: Callable[[], float],
    ) -> None:
        limiter = RateLimiter(WEIGHT_PER_MINUTE, now_s, orders_per_10_s=ORDERS_PER_10_S)
        super().__init__(clock, market, hub, authenticator, faults, limiter)
        self.perpetuals = market  # the same market, with its mark prices
        self.exchange = exchange
        self.user_feed = UsdmUserFeed(exchange, clock, now_s)
        self.user_feed.spoil = partial(faults.frames, self.account_stream)
        hub.fault_prefix = USDM_PREFIX
        self.countdowns = Countdowns(self.cancel_open)
        exchange.subscribe(self._publish_liquidation)

    def cancel_open(self, symbol: str) -> None:
        """Cancel what rests in the order book of `symbol`; conditional orders are not in it."""
        for order in self.exchange.open_orders(symbol):
            self.exchange.cancel(order.symbol, self.clock.now_ms(), exchange_id=order.exchange_id)

    def _publish_liquidation(self, change: SimEvent) -> None:
        if isinstance(change, OrderChanged) and (event := force_order(change, self.clock.now_ms())):
            stream = self.market.symbols[change.order.symbol].stream
            for name in (f"{stream}@forceOrder", "!forceOrder@arr"):
                self.hub.publish(name, event)


USDM = web.AppKey("usdm", UsdmDesk)
