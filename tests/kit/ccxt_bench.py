"""A sandbox, a door in front of it that can spoil things, and our exchange adapter on the other side."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.kit.faulty_door import FaultyDoor, faulty_door
from tests.kit.sandbox import http_session, market_clock, sandbox
from trader.adapters.ccxt.account.exchange import CcxtExchange
from trader.adapters.ccxt.connect import Connection, connect
from trader.config.credentials import Credentials
from trader.config.exchange import ExchangeSettings
from trader.config.market import MarketSettings
from trader.domain.orders import Approved, OrderIntent, OrderType, Purpose, Side
from trader.sandbox.server.status import RunningSandbox

BTC = "BTC/USDT"
SYMBOLS = (BTC, "ETH/USDT")


def raw_orders(exchange: CcxtExchange) -> Any:
    """The ccxt client that sends the orders, to do something the adapter does not know of."""
    return exchange._orders.raw  # noqa: SLF001 - as said


def raw_account(exchange: CcxtExchange) -> Any:
    """The ccxt client that hears the account."""
    return exchange._account.raw  # noqa: SLF001 - as above


def raw_feed(connection: Connection) -> Any:
    """The ccxt client of the market data."""
    return connection.feed._client.raw  # noqa: SLF001 - as above


class Bench:
    """A sandbox, a door in front of it, and a connection through that door."""

    def __init__(self, running: RunningSandbox, door: FaultyDoor, connection: Connection, price: float) -> None:
        assert connection.exchange is not None
        self.running = running
        self.door = door
        self.connection = connection
        self.exchange: CcxtExchange = connection.exchange
        self._price = price

    def price(self, times: float) -> Decimal:
        return self.connection.instruments[BTC].round_price(self._price * times)

    async def truth(self) -> dict[str, Any]:
        """The sandbox's own record."""
        async with http_session(self.running) as session, session.get(f"{self.running.endpoint}/sandbox/state") as got:
            state: dict[str, Any] = await got.json()
            return state


def settings(endpoint: str, running: RunningSandbox, **more: Any) -> ExchangeSettings:
    return ExchangeSettings(
        id="binance", symbols=SYMBOLS, endpoint=endpoint, ca_file=running.ca_file, request_timeout_s=2, **more
    )


def keys(running: RunningSandbox) -> Credentials:
    return Credentials(running.api_key, running.api_secret)


@asynccontextmanager
async def connected(directory: Path) -> AsyncIterator[Bench]:
    async with sandbox(directory, symbols=SYMBOLS, speed=60.0) as running, faulty_door(running) as (door, endpoint):
        clock = market_clock(running)
        connection = await connect(settings(endpoint, running), MarketSettings(), clock, keys(running))
        try:
            candles = await connection.feed.candles(BTC, "1m", clock.now_ms() - 900_000, 10)
            yield Bench(running, door, connection, candles[-1].close)
        finally:
            await connection.close()


def approved(client_id: str, **changes: Any) -> Approved:
    values: dict[str, Any] = {
        "client_id": client_id,
        "parent_id": client_id,
        "decision_id": "d-1",
        "symbol": BTC,
        "side": Side.BUY,
        "type": OrderType.MARKET,
        "quantity": Decimal("0.00200"),
        "purpose": Purpose.ENTRY,
    }
    return Approved(OrderIntent(**{**values, **changes}), 0)


def limit(client_id: str, price: Decimal, **changes: Any) -> Approved:
    return approved(client_id, type=OrderType.LIMIT, price=price, **changes)


def stop(client_id: str, price: Decimal) -> Approved:
    return approved(client_id, side=Side.SELL, type=OrderType.STOP_MARKET, stop_price=price, purpose=Purpose.STOP)
