"""Where the market is: addresses resolved, its clock, its keys."""

from typing import NamedTuple

from trader.clock import ScaledClock, SystemClock
from trader.config.credentials import Credentials
from trader.config.exchange import ExchangeSettings
from trader.config.schema import Settings
from trader.domain.errors import Unavailable
from trader.ports import Clock


class MarketAccess(NamedTuple):
    """Settings with every address resolved, the market's clock, the keys for it."""

    settings: Settings
    clock: Clock
    keys: Credentials | None
    market_id: str  # names the market that models and candles belong to


async def clock_of(exchange: ExchangeSettings) -> Clock:
    """A simulator on this machine may run faster than real time: it is asked. Real exchanges never are."""
    if exchange.endpoint is None:
        return SystemClock()
    import aiohttp

    from trader.adapters.ccxt.transport.loopback import simulator_clock

    try:
        epochs = await simulator_clock(exchange.endpoint, exchange.ca_file)
    except (OSError, TimeoutError, aiohttp.ClientError) as error:
        why = str(error) or type(error).__name__  # a timeout says nothing of itself
        raise Unavailable(f"no simulator answers at exchange.endpoint {exchange.endpoint}: {why}") from error
    return SystemClock() if epochs is None else ScaledClock(*epochs)
