"""A sandbox exchange inside the test, and a plain ccxt client on it."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from trader.clock import ScaledClock
from trader.ports import Clock
from trader.sandbox.server.options import SandboxOptions
from trader.sandbox.server.run import SandboxServer
from trader.sandbox.server.status import RunningSandbox

_LONGEST_S = 120.0


class EverythingHere(AbstractResolver):
    """Resolves every host name to one loopback port."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host="127.0.0.1", port=self._port, family=socket.AF_INET, proto=0, flags=0)
        ]

    async def close(self) -> None:
        """Holds nothing."""


def port_of(running: RunningSandbox) -> int:
    return urlsplit(running.endpoint).port or 0


def market_clock(running: RunningSandbox) -> ScaledClock:
    return ScaledClock(running.real_epoch_ms, running.market_epoch_ms, running.speed)


@asynccontextmanager
async def sandbox(directory: Path, **options: Any) -> AsyncIterator[RunningSandbox]:
    """A sandbox on an ephemeral port, stopped at the end; its state stays in `directory`."""
    server = SandboxServer(SandboxOptions(directory=directory, **options))
    try:
        running = await server.start()
        market = asyncio.create_task(server.run())
        try:
            yield running
        finally:
            server.stop_soon()
            await market
    finally:
        await server.close()


@asynccontextmanager
async def http_session(running: RunningSandbox) -> AsyncIterator[aiohttp.ClientSession]:
    """A client session whose every host is the sandbox, verified against its CA."""
    tls = ssl.create_default_context(cafile=str(running.ca_file))
    connector = aiohttp.TCPConnector(ssl=tls, resolver=EverythingHere(port_of(running)), use_dns_cache=False)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


@asynccontextmanager
async def ccxt_binance(running: RunningSandbox, **config: Any) -> AsyncIterator[Any]:
    """The unmodified `ccxt.pro.binance`, its hosts routed to the sandbox and its clock set to market time."""
    import ccxt.pro

    async with http_session(running) as session:
        settings = {"apiKey": running.api_key, "secret": running.api_secret, "session": session, **config}
        exchange = ccxt.pro.binance(settings)
        exchange.milliseconds = market_clock(running).now_ms
        try:
            yield exchange
        finally:
            await exchange.close()


async def truth(running: RunningSandbox) -> dict[str, Any]:
    """What the exchange itself says: `GET /sandbox/state`."""
    async with http_session(running) as session, session.get(f"{running.endpoint}/sandbox/state") as response:
        state: dict[str, Any] = await response.json()
        return state


class FaultControl:
    """The faults of a running sandbox, over its own endpoint."""

    def __init__(self, session: aiohttp.ClientSession, endpoint: str) -> None:
        self._session = session
        self._url = f"{endpoint}/sandbox/faults"

    async def begin(self, kind: str, **parameters: Any) -> int:
        """Begin a fault; returns its id."""
        async with self._session.post(self._url, json={"kind": kind, **parameters}) as response:
            content = await response.json()
            assert response.status == 200, content
            return int(content["id"])

    async def clear(self) -> None:
        async with self._session.delete(self._url) as response:
            assert response.status == 200

    async def listing(self) -> list[dict[str, Any]]:
        async with self._session.get(self._url) as response:
            found: list[dict[str, Any]] = await response.json()
            return found

    async def acted(self, number: int) -> int:
        """How often that fault has acted so far."""
        return next(int(fault["acted"]) for fault in await self.listing() if fault["id"] == number)

    async def deposit(self, currency: str, amount: str) -> None:
        url = self._url.replace("/faults", "/deposit")
        async with self._session.post(url, json={"currency": currency, "amount": amount}) as response:
            assert response.status == 200, await response.text()


@asynccontextmanager
async def fault_control(running: RunningSandbox) -> AsyncIterator[FaultControl]:
    """Make things go wrong at a running sandbox."""
    async with http_session(running) as session:
        yield FaultControl(session, running.endpoint)


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds."""

    async def holds() -> bool:
        return condition()

    await eventually_true(holds, between_s=0.01)


async def eventually_true(condition: Callable[[], Awaitable[bool]], *, between_s: float = 0.05) -> None:
    """Wait until `condition` holds. The bound only ends what hangs."""
    for _ in range(round(_LONGEST_S / between_s)):
        if await condition():
            return
        await asyncio.sleep(between_s)
    raise AssertionError(f"{condition} never held")


async def candle_ends(clock: Clock) -> None:
    """Wait for the end of the minute that the market is in."""
    end_ms = (clock.now_ms() // 60_000 + 1) * 60_000
    await eventually(lambda: clock.now_ms() >= end_ms)
