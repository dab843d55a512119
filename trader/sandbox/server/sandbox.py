"""The running sandbox: its exchanges, its market time, and who is connected."""

import asyncio
from collections.abc import Mapping

from aiohttp import web

from trader.clock import ScaledClock
from trader.sandbox.binance.spot.desk import SpotDesk
from trader.sandbox.binance.usdm.desk import UsdmDesk
from trader.sandbox.faults.active import Faults
from trader.sandbox.market.playback import Playback
from trader.sandbox.sockets.connections import Connections
from trader.simulation.exchange import SimulatedExchange


class Sandbox:
    """Both exchanges from start to stop. Needs a running loop."""

    def __init__(self, clock: ScaledClock, playback: Playback, spot: SpotDesk, usdm: UsdmDesk, faults: Faults) -> None:
        self.clock = clock
        self.playback = playback
        self.spot = spot
        self.usdm = usdm
        self.faults = faults
        self.connections = Connections(asyncio.get_running_loop().time)
        self.stopping = asyncio.Event()

    @property
    def exchanges(self) -> Mapping[str, SimulatedExchange]:
        """By the name of the account at each."""
        return {"spot": self.spot.exchange, "usdm": self.usdm.exchange}

    def checkpoint(self) -> None:
        """Store what changes without an order, on every exchange."""
        for exchange in self.exchanges.values():
            exchange.checkpoint()


SANDBOX = web.AppKey("sandbox", Sandbox)
