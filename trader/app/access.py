"""Which market and which account the settings name, and with which keys."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from trader.clock import ScaledClock
from trader.config.credentials import Credentials, credentials, require_credentials
from trader.config.schema import Settings
from trader.domain.errors import Misconfigured
from trader.service.process.access import MarketAccess, clock_of

if TYPE_CHECKING:
    from trader.sandbox.server.status import RunningSandbox


def refuse_unusable(settings: Settings) -> None:
    """What can be told without asking anybody is told before anything is made: a wrong exchange, wrong keys."""
    (require_credentials if settings.mode == "live" and settings.exchange.id != "sandbox" else credentials)(settings)
    if settings.exchange.id != "sandbox":
        from trader.adapters.ccxt.transport.client import require_known

        require_known(settings.exchange.id)


def secrets(settings: Settings) -> tuple[str, ...]:
    found = credentials(settings)
    return found.secrets() if found is not None else ()


async def locate(settings: Settings) -> MarketAccess:
    """Resolve `exchange.id`, starting the bundled exchange if that is what it names."""
    keys = require_credentials(settings) if settings.mode == "live" and settings.exchange.id != "sandbox" else None
    if settings.exchange.id != "sandbox":
        keys = keys or credentials(settings)
        keys = keys if settings.mode == "live" else None
        return MarketAccess(settings, await clock_of(settings.exchange), keys, _real_market_id(settings))
    credentials(settings)  # refuses to start while the keys of a real exchange are set
    from trader.sandbox.server.process import ensure_running

    state_dir = settings.storage.state_dir
    running = await ensure_running(
        settings.sandbox,
        settings.exchange.symbols,
        settings.market.timeframe,
        state_dir / "sandbox",
        state_dir / "sandbox" / "sandbox.log",
    )
    return bundled(settings, running)


@asynccontextmanager
async def leaving_no_sandbox(settings: Settings) -> AsyncIterator[None]:
    """A start that a person must mend first ends the bundled exchange it has started; one that ran before goes on."""
    if settings.exchange.id != "sandbox":
        yield
        return
    from trader.sandbox.server.process import stop
    from trader.sandbox.server.status import read_status

    directory = settings.storage.state_dir / "sandbox"
    before = read_status(directory)
    try:
        yield
    except Misconfigured:
        running = read_status(directory)
        if running is not None and (before is None or running.pid != before.pid):
            await stop(directory, running)
        raise


def _real_market_id(settings: Settings) -> str:
    return f"{settings.exchange.id}-{settings.exchange.market}"


def known_market_id(settings: Settings) -> str:
    """`MarketAccess.market_id` without starting or asking anything."""
    if settings.exchange.id != "sandbox":
        return _real_market_id(settings)
    from trader.sandbox.server.options import SandboxOptions

    sandbox = settings.sandbox
    options = SandboxOptions(
        directory=settings.storage.state_dir / "sandbox",
        seed=sandbox.seed,
        edge=sandbox.edge,
        timeframe=settings.market.timeframe,
        quote_balance=sandbox.quote_balance,
        replay=sandbox.replay,
        recording=sandbox.recording,
        history=sandbox.history,
    )
    return _sandbox_market_id(settings, options.market_hash())


def _sandbox_market_id(settings: Settings, market_hash: str) -> str:
    """Spot pairs and perpetuals of one sandbox are two markets."""
    return f"sandbox-{market_hash}" + ("-perpetual" if settings.exchange.market == "perpetual" else "")


def bundled(settings: Settings, running: "RunningSandbox") -> MarketAccess:
    at = {"id": "binance", "endpoint": running.endpoint, "ca_file": running.ca_file}
    resolved = settings.model_copy(update={"exchange": settings.exchange.model_copy(update=at)})
    own = Credentials(running.api_key, running.api_secret) if settings.mode == "live" else None
    clock = ScaledClock(running.real_epoch_ms, running.market_epoch_ms, running.speed)
    return MarketAccess(resolved, clock, own, _sandbox_market_id(settings, running.market_hash))
