"""`trader doctor`: is everything there that the daemon needs? It only looks; what is not well names its cure."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

from trader.adapters.ccxt.account.dead_man import require_possible
from trader.adapters.ccxt.probe import probe, require_listed
from trader.config.credentials import credentials, require_credentials
from trader.config.schema import Settings
from trader.domain.errors import Misconfigured, Rejected, Unavailable
from trader.service.doctor.finding import Finding, failed, passed, warned
from trader.service.doctor.machine import examine_machine
from trader.service.doctor.state import examine_state
from trader.service.process.access import MarketAccess

REACH_S, LIST_S = 5.0, 20.0
_SANDBOX = "sandbox"

Locate = Callable[[], Awaitable[MarketAccess]]
"""Where the exchange is now. One that still has the id `sandbox` is the bundled one, not running."""


def examine(settings: Settings, locate: Locate, *, market_id: str, needs_keys: bool) -> list[Finding]:
    """Every finding for these settings: configuration, machine, state, keys, exchange."""
    return [
        passed("configuration", f"{settings.mode} on {settings.exchange.title}, "
               f"{len(settings.exchange.symbols)} symbols, {settings.market.timeframe} candles"),
        *examine_machine(),
        *examine_state(settings, market_id),
        keys(settings, needs_keys=needs_keys),
        *asyncio.run(exchange(settings, locate)),
    ]  # fmt: skip


def examine_without_settings(problem: Misconfigured) -> list[Finding]:
    """What can be told when the configuration is wrong: each of its problems, and the machine."""
    cure = "docs/config.md has every key with its range and default"
    return [*(failed("configuration", line, cure) for line in str(problem).splitlines()), *examine_machine()]


def keys(settings: Settings, *, needs_keys: bool) -> Finding:
    """Whether there are API keys, never what they are."""
    cure = "set TRADER_API_KEY_FILE and TRADER_API_SECRET_FILE: docs/operations.md"
    try:
        found = require_credentials(settings) if needs_keys else credentials(settings)
    except Misconfigured as error:
        return failed("API keys", str(error), cure)
    if found is None:
        return passed("API keys", "none set, none needed")
    return passed("API keys", "set (not shown)" if needs_keys else "set (not shown), not used in this mode")


async def exchange(settings: Settings, locate: Locate) -> list[Finding]:
    """Reachable within `REACH_S`, how far its clock is from ours, and whether it lists what is configured."""
    name = settings.exchange.id
    try:
        async with asyncio.timeout(REACH_S):
            access = await locate()
            if access.settings.exchange.id == _SANDBOX:
                return [_bundled_can_start()]
            offset_ms = await probe(access.settings.exchange, access.clock)
    except Misconfigured as error:
        return [failed("exchange", str(error), "set exchange.id to a ccxt exchange: docs/config.md")]
    except TimeoutError:
        return [failed("exchange", f"{name}: no answer within {REACH_S:g} s", _unreachable(settings))]
    except (Unavailable, Rejected) as error:
        return [failed("exchange", f"{name}: {error}", _unreachable(settings))]
    except OSError as error:  # where the bundled exchange keeps its address
        found = f"{error.filename or name}: {error.strerror or error}"
        return [failed("exchange", found, "look at that path; run as the user that runs the daemon")]
    where = "the bundled exchange is running and answers" if name == _SANDBOX else f"{name} answers"
    if offset_ms is None:
        told = passed("clock", f"{name} does not tell its time")
    else:
        told = clock(offset_ms / access.clock.speed, settings.risk.max_clock_offset_ms)
    return [passed("exchange", where), told, await symbols(access)]


async def symbols(access: MarketAccess) -> Finding:
    """Whether the exchange has the configured symbols and timeframe."""
    chosen = access.settings
    wanted = f"{len(chosen.exchange.symbols)} symbols and {chosen.market.timeframe} candles"
    try:
        async with asyncio.timeout(LIST_S):
            if access.keys is not None:
                require_possible(chosen.exchange)
            await require_listed(chosen.exchange, chosen.market, access.clock)
    except Misconfigured as error:
        return failed("symbols", str(error), "change exchange.symbols, exchange.market or market.timeframe")
    except (TimeoutError, Unavailable, Rejected) as error:
        return warned("symbols", f"its list of markets did not come: {str(error) or 'no answer'}", "try again")
    return passed("symbols", f"{wanted} are listed")


def clock(offset_ms: float, most_ms: float) -> Finding:
    """`offset_ms`: exchange minus ours, real milliseconds; beyond `most_ms` the daemon opens nothing."""
    found = f"the exchange is {abs(offset_ms):,.0f} ms {'ahead' if offset_ms > 0 else 'behind'}"
    if abs(offset_ms) <= most_ms / 2:
        return passed("clock", found)
    cure = f"synchronise this machine's clock (timedatectl set-ntp true); allowed: {most_ms:,.0f} ms"
    return (failed if abs(offset_ms) > most_ms else warned)("clock", found, cure)


def _bundled_can_start() -> Finding:
    try:
        with socket.socket() as door:
            door.bind(("127.0.0.1", 0))
    except OSError as error:
        return failed("exchange", f"no port can be opened on 127.0.0.1: {error.strerror}", "allow loopback sockets")
    return passed("exchange", "the bundled exchange is not running; the daemon starts it on 127.0.0.1")


def _unreachable(settings: Settings) -> str:
    if settings.exchange.endpoint is not None:
        return "start the simulator of exchange.endpoint, or remove that line"
    return "check network, firewall and name resolution; some exchanges refuse some countries"
