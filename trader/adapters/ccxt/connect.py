"""From settings to a connected exchange: the one door of this folder."""

import asyncio
import contextlib
from collections.abc import Mapping

import msgspec
import structlog

from trader.adapters.ccxt.account import margin
from trader.adapters.ccxt.account.dead_man import require_possible
from trader.adapters.ccxt.account.exchange import CcxtExchange
from trader.adapters.ccxt.account.keys import check_keys, refuse_rsa
from trader.adapters.ccxt.exchanges import ccxt_id_for, facts_for
from trader.adapters.ccxt.market.feed import CcxtFeed
from trader.adapters.ccxt.transport.client import Client
from trader.adapters.ccxt.transport.timing import MarketTime, Pause
from trader.config.credentials import Credentials
from trader.config.exchange import ExchangeSettings
from trader.config.market import MarketSettings
from trader.domain.errors import Rejected, Unavailable
from trader.domain.instrument import Instrument
from trader.ports import Clock

log = structlog.get_logger("ccxt.connect")

READING_SHARE = 0.5  # of the rate limit, for everything that is not an order


class Connection(msgspec.Struct, frozen=True):
    """A connected exchange. `exchange` is None without credentials. `close` closes everything."""

    feed: CcxtFeed
    exchange: CcxtExchange | None
    instruments: Mapping[str, Instrument]

    async def close(self) -> None:
        """Release all sockets. Safe to call twice."""
        await asyncio.gather(self.feed.close(), *(() if self.exchange is None else (self.exchange.close(),)))


async def connect(
    exchange: ExchangeSettings,
    market: MarketSettings,
    clock: Clock,
    credentials: Credentials | None = None,
) -> Connection:
    """Connect, load the markets, check the keys. Without `credentials` there is only the feed.

    Raises `Misconfigured` for what a person must change, `Unavailable` when the exchange does not answer.
    """
    name = ccxt_id_for(exchange.id, exchange.market)
    is_margined = exchange.market == "perpetual"
    if credentials is not None:
        refuse_rsa(credentials)
        require_possible(exchange)
    facts, time, pause = facts_for(name), MarketTime(clock), Pause()
    async with contextlib.AsyncExitStack() as opened:  # whatever stops this closes what it opened

        def client(keys: Credentials | None, share: float) -> Client:
            made = Client(name, facts, exchange, time=time, pause=pause, credentials=keys, rate_share=share)
            opened.push_async_callback(made.close)
            return made

        public = client(None, READING_SHARE)
        feed = CcxtFeed(public, exchange, market)
        instruments = await feed.instruments()
        await _note_clock(public)
        account = None
        if credentials is not None:
            orders = client(credentials, 1.0)
            reader = orders if facts.one_client_per_key else client(credentials, READING_SHARE)
            for private in {orders, reader}:
                private.raw.set_markets_from_exchange(public.raw)
            await check_keys(reader, allow_withdrawal=exchange.allow_withdrawal_keys)
            if is_margined:
                await margin.set_up(orders, exchange)
            account = CcxtExchange(
                orders, reader, exchange.symbols, is_margined=is_margined, on_refused=feed.listings.doubt
            )
        opened.pop_all()
    log.info("exchange.connected", exchange=name, symbols=len(instruments), loopback=public.is_loopback)
    return Connection(feed, account, instruments)


async def _note_clock(client: Client) -> None:
    if not client.raw.has.get("fetchTime"):
        return
    try:
        offset_ms = await client.measure_clock()
    except (Unavailable, Rejected) as error:
        log.warning("clock.not_measured", error=str(error))
    else:
        log.info("clock.measured", offset_ms=offset_ms)
