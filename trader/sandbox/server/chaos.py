"""A driver that makes a running sandbox go wrong in every way it knows, one thing after the other, by seed."""

import asyncio
import contextlib
import random
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable, Container, Iterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import structlog

from trader.domain.errors import Misconfigured, Unavailable
from trader.sandbox.server import process
from trader.sandbox.server.status import RunningSandbox, read_status

log = structlog.get_logger("chaos")

_ANSWER_S = 5.0
_RESTART_EVERY = 10  # faults
_PATIENCE_S = 60.0  # how long a sandbox may be away, by a fault of ours or by a restart
_STREAMS = ("", "@depth", "@trade", "@kline", "account")
_ORDERS = "order"  # part of every path that concerns orders

Plan = Iterator[tuple[float, dict[str, Any]]]


def plan(seed: int, symbols: Sequence[str], *, pause_s: tuple[float, float] = (2.0, 8.0)) -> Plan:
    """Without end: (real seconds to wait, then begin this fault). The same seed and symbols give the same."""
    chance = random.Random(seed)
    recipes = _recipes(chance, symbols)
    while True:
        yield round(chance.uniform(*pause_s), 2), chance.choice(recipes)()


async def chaos(
    directory: Path,
    seed: int,
    minutes: float,
    *,
    pause_s: tuple[float, float] = (2.0, 8.0),
    restarts: bool = False,
) -> Counter[str]:
    """Mix faults into the sandbox that runs in `directory` for `minutes`; returns how often each kind acted.

    Every fault is bounded, and all of them are ended at the end. `restarts`: now and then the process is stopped and
    started again on the same port, which needs one that the daemon started (it keeps its options). Raises
    `Misconfigured` when none runs there, `Unavailable` when it does not come back.
    """
    if minutes <= 0:
        raise Misconfigured(f"chaos minutes {minutes} must be above 0")
    running = _running(directory)
    loop = asyncio.get_running_loop()
    until, begun = loop.time() + minutes * 60, 0
    acted: Counter[str] = Counter()
    mine: set[int] = set()
    async with _session(running) as session:
        state = await _ask(session, directory, "GET", "state")
        faults = plan(seed, sorted([*state["symbols"], *state["usdm"]["symbols"]]), pause_s=pause_s)
        try:
            for wait_s, fault in faults:
                if loop.time() + wait_s >= until:
                    break
                await asyncio.sleep(wait_s)
                begun += 1
                if restarts and begun % _RESTART_EVERY == 0:
                    acted += _tally(await _ask(session, directory, "GET", "faults"), mine)
                    mine.clear()
                    await process.restart(directory, _running(directory), directory / "sandbox.log")
                    log.info("chaos.restarted")
                answer = await _ask(session, directory, "POST", "faults", fault)
                mine.add(answer["id"])
                log.info("chaos.fault", **fault)
            await asyncio.sleep(max(0.0, until - loop.time()))
        finally:
            ended = await _ask(session, directory, "DELETE", "faults")
    acted += _tally(ended, mine)
    log.info("chaos.ended", faults=begun, acted=dict(acted))
    return acted


def _tally(listing: Sequence[dict[str, Any]], ids: Container[int]) -> Counter[str]:
    found: Counter[str] = Counter()
    for entry in listing:
        if entry["id"] in ids:
            found[entry["kind"]] += entry["acted"]
    return found


def _recipes(chance: random.Random, symbols: Sequence[str]) -> tuple[Callable[[], dict[str, Any]], ...]:
    def some_s(least: float, most: float) -> float:
        return round(chance.uniform(least, most), 1)

    def when() -> str:
        return chance.choice(("before", "after"))

    def of_requests(kind: str, **more: Any) -> dict[str, Any]:
        path = chance.choice(("", _ORDERS, _ORDERS, "klines", "depth", "account"))
        return {"kind": kind, "path": path, "next": chance.randint(1, 4), "for_s": 20, **more}

    def error() -> dict[str, Any]:
        code, message = chance.choice(((-1007, "Timeout waiting for response."), (-1008, "Server is overloaded.")))
        return chance.choice(
            (
                of_requests("error", status=chance.choice((500, 502, 503, 504)), when=when()),
                of_requests("error", status=429, retry_after_s=chance.randint(1, 4), next=1),
                of_requests("error", status=418, retry_after_s=chance.randint(2, 6), next=1),
                of_requests("error", status=400, code=code, message=message),
                of_requests("error", status=400, code=-1021, message="Outside of the recvWindow.", path=_ORDERS),
            )
        )

    return (
        lambda: {"kind": "drop_sockets", "path": chance.choice(("", "/ws-api", "/ws"))},
        lambda: {"kind": "silence", "stream": chance.choice(_STREAMS), "for_s": some_s(2, 12)},
        lambda: {"kind": "lose_subscription", "stream": chance.choice(_STREAMS)},
        lambda: {"kind": "skip_updates", "stream": chance.choice(_STREAMS[1:]), "next": chance.randint(1, 5)},
        lambda: {"kind": "duplicate_updates", "stream": chance.choice(_STREAMS[1:]), "next": chance.randint(1, 5)},
        lambda: {"kind": "reorder_updates", "stream": chance.choice(_STREAMS[1:]), "next": chance.randint(1, 5)},
        lambda: {"kind": "account_gap", "next": chance.randint(1, 8), "for_s": 20},
        lambda: {"kind": "end_account_stream"},
        lambda: {"kind": "refuse_connections", "for_s": some_s(1, 6)},
        lambda: {"kind": "maintenance", "for_s": some_s(2, 8)},
        error,
        error,
        lambda: of_requests("drop_answer", when=when()),
        lambda: of_requests("drop_answer", when=when(), path=_ORDERS),
        lambda: of_requests("delay_answer", when=when(), delay_s=some_s(0.5, 6)),
        lambda: of_requests("truncated_body"),
        lambda: of_requests("empty_body"),
        lambda: {"kind": "clock_skew", "skew_ms": chance.choice((-3_000, -800, 800, 3_000, 7_000)), "for_s": 10},
        lambda: {"kind": "thin_book", "share": round(chance.uniform(0.02, 0.5), 2), "for_s": some_s(4, 15)},
        lambda: {"kind": "filters_changed", "symbol": chance.choice(symbols), "min_notional": 40, "for_s": 15},
        lambda: {"kind": "delist", "symbol": chance.choice(symbols), "for_s": some_s(4, 12)},
    )


def _running(directory: Path) -> RunningSandbox:
    found = read_status(directory)
    if found is None:
        raise Misconfigured(f"no sandbox runs in {directory}; start one with `trader run` or `trader sandbox` first")
    return found


@contextlib.asynccontextmanager
async def _session(running: RunningSandbox) -> AsyncIterator[aiohttp.ClientSession]:
    """The certificate outlives restarts: it belongs to the directory."""
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(running.ca_file)))
    timeout = aiohttp.ClientTimeout(total=_ANSWER_S)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        yield session


async def _ask(session: aiohttp.ClientSession, directory: Path, method: str, path: str, body: Any = None) -> Any:
    """One request to the sandbox's own endpoints, again while it is away."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PATIENCE_S
    while True:
        endpoint = _running(directory).endpoint
        try:
            async with session.request(method, f"{endpoint}/sandbox/{path}", json=body) as response:
                content = await response.json()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if loop.time() > deadline:
                raise Unavailable(f"the sandbox at {endpoint} does not answer: {error}") from None
            await asyncio.sleep(0.3)
            continue
        if response.status != 200:
            raise Misconfigured(f"the sandbox at {endpoint} refused {body}: {content.get('error')}")
        return content
