"""The desk of the perpetual exchange."""

from collections.abc import Callable
from functools import partial

from trader.clock import ScaledClock
from trader.sandbox.auth import Authenticator
from trader.sandbox.desk import Desk
from trader.sandbox.faults import ACCOUNT, USDM_PREFIX
from trader.sandbox.faults_active import Faults
from trader.sandbox.hub import Hub
from trader.sandbox.limits import RateLimiter
from trader.sandbox.usdm.events import force_order
from trader.sandbox.usdm.market import UsdmMarket
from trader.sandbox.usdm.userfeed import UsdmUserFeed
from trader.simulation.orders import OrderChanged, SimEvent
from trader.simulation.perpetual import PerpetualExchange

WEIGHT_PER_MINUTE = 2_400
ORDERS_PER_10_S = 300


class UsdmDesk(Desk):
    """`now_s`: monotonic real time."""

    def __init__(
        self,
        clock: ScaledClock,
        market: UsdmMarket,
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
        self.user_feed.spoil = partial(faults.frames, USDM_PREFIX + ACCOUNT)
        hub.fault_prefix = USDM_PREFIX
        exchange.subscribe(self._publish_liquidation)

    def _publish_liquidation(self, change: SimEvent) -> None:
        if isinstance(change, OrderChanged) and (event := force_order(change, self.clock.now_ms())):
            stream = self.market.symbols[change.order.symbol].stream
            for name in (f"{stream}@forceOrder", "!forceOrder@arr"):
                self.hub.publish(name, event)
