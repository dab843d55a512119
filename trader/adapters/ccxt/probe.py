"""Questions to an exchange, without keys: does it answer, how late is its clock, does it list what is configured?"""

from trader.adapters.ccxt.exchanges import facts_for
from trader.adapters.ccxt.market.feed import CcxtFeed
from trader.adapters.ccxt.transport.client import Client
from trader.adapters.ccxt.transport.timing import MarketTime, Pause
from trader.config.exchange import ExchangeSettings
from trader.config.market import MarketSettings
from trader.ports import Clock


async def probe(exchange: ExchangeSettings, clock: Clock) -> float | None:
    """Exchange time minus our market time, ms; None from an exchange that answers but does not tell its time.

    Raises `Misconfigured` for an exchange that does not exist, `Unavailable` and `Rejected` as the exchange does.
    """
    client = Client(exchange.id, facts_for(exchange.id), exchange, time=MarketTime(clock), pause=Pause())
    try:
        if client.raw.has.get("fetchTime"):
            return await client.measure_clock(samples=1)
        await client.read("load_markets")
        return None
    finally:
        await client.close()


async def require_listed(exchange: ExchangeSettings, market: MarketSettings, clock: Clock) -> None:
    """Raises `Misconfigured` for symbols or a timeframe that the exchange does not have; else as `probe`."""
    client = Client(exchange.id, facts_for(exchange.id), exchange, time=MarketTime(clock), pause=Pause())
    try:
        await CcxtFeed(client, exchange, market).instruments()
    finally:
        await client.close()
