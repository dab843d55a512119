"""The sandbox exchange as a server: wires market, matching and doors, and runs them until told to stop."""

import asyncio
import contextlib
import secrets
import signal
import ssl
from pathlib import Path

import msgspec
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from trader.domain.errors import Misconfigured
from trader.sandbox.binance.protocol.fault_words import BinanceFaultWords
from trader.sandbox.binance.spot import routes as spot
from trader.sandbox.binance.spot.desk import SPOT
from trader.sandbox.binance.usdm import routes as usdm
from trader.sandbox.binance.usdm.desk import USDM
from trader.sandbox.faults.active import Faults
from trader.sandbox.faults.effects import SandboxEffects
from trader.sandbox.faults.gate import HOST, Gate
from trader.sandbox.faults.requests import request_faults
from trader.sandbox.server import control, fault_pages
from trader.sandbox.server.assembly import Keys, build
from trader.sandbox.server.options import SandboxOptions, make_private
from trader.sandbox.server.sandbox import SANDBOX, Sandbox
from trader.sandbox.server.status import RunningSandbox, decode, remove_status, write_status
from trader.sandbox.server.tls import certificates_in
from trader.sandbox.sockets.connections import CONNECTIONS
from trader.simulation.records.store import SimulationStore

__all__ = ["SandboxOptions", "SandboxServer", "options_from", "serve"]

log = structlog.get_logger(__name__)

_CHECKPOINT_S = 1.0


class SandboxServer:
    """One exchange on one loopback port. `start`, then `wait`, then `stop`."""

    def __init__(self, options: SandboxOptions) -> None:
        self.options = options.validated()
        self._stack = contextlib.AsyncExitStack()
        self._ticking: asyncio.Task[None] | None = None
        self._sandbox: Sandbox | None = None
        self._gate: Gate

    async def start(self) -> RunningSandbox:
        """Open the state, begin the market, listen. Raises `Misconfigured`, or OSError for a port in use."""
        options = self.options
        make_private(options.directory)
        state_dir = options.directory / options.market_hash()
        make_private(state_dir)
        keys = _keys(options)
        certificates = certificates_in(options.directory)
        spot_store = self._stack.enter_context(contextlib.closing(SimulationStore(state_dir / "exchange.db")))
        usdm_store = self._stack.enter_context(contextlib.closing(SimulationStore(state_dir / "usdm.db")))
        faults = Faults()
        self._stack.callback(faults.clear)
        self._sandbox = build(options, keys, spot_store, usdm_store, faults)
        clock = self._sandbox.clock
        self._gate = gate = await self._listen(self._sandbox, certificates.server_context())
        faults.effects = SandboxEffects((self._sandbox.spot, self._sandbox.usdm), clock, faults, gate)
        for fault in options.faults:
            faults.begin(fault)
        running = RunningSandbox(
            endpoint=f"https://{HOST}:{gate.port}",
            ca_file=certificates.ca_file,
            api_key=keys.api_key,
            api_secret=keys.api_secret,
            real_epoch_ms=clock.real_epoch_ms,
            market_epoch_ms=clock.market_epoch_ms,
            speed=clock.speed,
            process_hash=options.process_hash(),
            market_hash=options.market_hash(),
        )
        write_status(options.directory, running)
        self._stack.callback(remove_status, options.directory, running.pid)
        log.info(
            "sandbox.started",
            endpoint=running.endpoint,
            ca_file=str(running.ca_file),
            keys_file=str(options.directory / "keys.json") if not options.api_key else None,
            symbols=len(options.listed),
            speed=options.speed,
            market_ms=round(clock.market_epoch_ms),
            state=str(state_dir),
        )
        return running

    async def run(self) -> None:
        """Run the market until asked to stop (`/sandbox/shutdown`, `stop_soon`, idleness)."""
        sandbox = self._started
        async with asyncio.TaskGroup() as group:
            ticking = group.create_task(sandbox.playback.run(self.options.tick_s, self._each_tick()))
            opening = group.create_task(self._gate.run())
            await sandbox.stopping.wait()
            ticking.cancel()
            opening.cancel()

    def stop_soon(self) -> None:
        self._started.stopping.set()

    async def close(self) -> None:
        """Stop listening and release the state. Safe to call twice."""
        if self._sandbox is not None:
            self._sandbox.checkpoint()
            self._sandbox = None
            log.info("sandbox.stopped")
        await self._stack.aclose()

    @property
    def _started(self) -> Sandbox:
        if self._sandbox is None:
            raise RuntimeError("the sandbox is not started")
        return self._sandbox

    def _each_tick(self) -> "_Housekeeping":
        return _Housekeeping(self._started, self.options.idle_exit_s)

    async def _listen(self, sandbox: Sandbox, tls: ssl.SSLContext) -> Gate:
        runner = web.AppRunner(application(sandbox), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        self._stack.push_async_callback(sandbox.connections.close)
        gate = Gate(runner, tls, self.options.port)
        await gate.open()
        return gate


class _Housekeeping:
    """What happens after a tick: a checkpoint a second, and the end of an idle sandbox."""

    def __init__(self, sandbox: Sandbox, idle_exit_s: float) -> None:
        self._sandbox = sandbox
        self._idle_exit_s = idle_exit_s
        self._now_s = asyncio.get_running_loop().time
        self._next_s = self._now_s()

    def __call__(self) -> None:
        if self._now_s() < self._next_s:
            return
        self._next_s = self._now_s() + _CHECKPOINT_S
        self._sandbox.checkpoint()
        self._sandbox.usdm.user_feed.expire_due()
        idle_s = self._sandbox.connections.idle_s
        if self._idle_exit_s and idle_s > self._idle_exit_s:
            log.info("sandbox.idle", idle_s=round(idle_s))
            self._sandbox.stopping.set()


def application(sandbox: Sandbox) -> web.Application:
    """Every door on one port; the host name a client asked for does not matter, the path does.

    Faults are injected by a middleware, which sees each request before any door does.
    """
    spoil = request_faults(sandbox.faults, BinanceFaultWords())
    app = web.Application(client_max_size=1 << 20, middlewares=[_remember_client, spoil])
    app[SANDBOX], app[SPOT], app[USDM] = sandbox, sandbox.spot, sandbox.usdm
    app[CONNECTIONS] = sandbox.connections
    app.router.add_get("/sandbox/state", control.state)
    app.router.add_get("/sandbox/clock", control.clock)
    app.router.add_post("/sandbox/shutdown", control.shutdown)
    fault_pages.add_routes(app.router)
    usdm.add_routes(app.router)
    spot.add_routes(app.router)
    return app


@web.middleware
async def _remember_client(request: web.Request, handler: Handler) -> web.StreamResponse:
    request.app[CONNECTIONS].touch()
    return await handler(request)


async def serve(options: SandboxOptions) -> None:
    """Run a sandbox until SIGTERM, SIGINT, `/sandbox/shutdown` or idleness. Raises `Misconfigured`."""
    server = SandboxServer(options)
    loop = asyncio.get_running_loop()
    try:
        await server.start()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop_soon)
        await server.run()
    finally:
        await server.close()


def options_from(path: Path) -> SandboxOptions:
    """The options that `process` wrote for the process it starts. Raises `Misconfigured`."""
    try:
        return decode(path.read_bytes(), SandboxOptions)
    except (OSError, msgspec.DecodeError) as error:
        raise Misconfigured(f"sandbox options file {str(path)!r} cannot be read: {error}") from error


def _keys(options: SandboxOptions) -> Keys:
    """The given keys, or the directory's own, made up once."""
    if options.api_key and options.api_secret:
        return Keys(options.api_key, options.api_secret)
    path: Path = options.directory / "keys.json"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(msgspec.json.encode(Keys(secrets.token_hex(32), secrets.token_hex(32))))
    try:
        return msgspec.json.decode(path.read_bytes(), type=Keys)
    except msgspec.DecodeError as error:
        raise Misconfigured(f"{path}: is damaged ({error}); delete it and new keys are made") from None
