"""The composition root: settings in, a wired service out. The only place that knows the mode.

Heavy rooms are imported inside functions: `trader --help` needs none of them, and the live process must never
load a learning library.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import aiohttp
import structlog

from trader.clock import ScaledClock, SystemClock, wall_ms
from trader.config.credentials import Credentials, credentials, require_credentials
from trader.config.schema import Settings
from trader.domain.errors import Misconfigured, Unavailable
from trader.observability.logs import LogOutput, configure, relay
from trader.ports import Clock, Exchange, MarketFeed
from trader.service import kernels

if TYPE_CHECKING:
    from trader.adapters.ccxt.connect import Connection
    from trader.adapters.model_files import ModelFiles
    from trader.engine.runner import Runner
    from trader.models import CompiledEnsemble

log = structlog.get_logger("app")
T = TypeVar("T")

_MARGIN_S = 2.0  # beyond receive window and request timeout, before "not found" is believed


class Venue(NamedTuple):
    """Where the market is: settings with every address resolved, its clock, and the keys for it."""

    settings: Settings
    clock: Clock
    keys: Credentials | None
    market_id: str  # names the market that models and candles belong to


def run(settings: Settings, *, duration_s: float | None) -> int:
    """`trader run`: trade until SIGTERM, Ctrl-C or `duration_s` real seconds. Returns the exit code."""
    from trader.service.lock import StateLock

    kernels.use_cache(settings)
    with StateLock(settings.account_dir) as lock:
        output = configure(settings.log, _secrets(settings))
        try:
            return _run_loop(_daemon(settings, lock, output, duration_s))
        finally:
            output.close()


def train(settings: Settings, *, profile: str | None = None) -> int:
    """`trader train`: download history, train, register. `profile` has been merged into `settings` already."""
    del profile
    kernels.use_cache(settings)
    output = configure(settings.log, _secrets(settings), stream=sys.stderr)
    try:
        return _run_loop(_train(settings))
    finally:
        output.close()


def compile_kernels(settings: Settings) -> None:
    """Compile everything numba needs into the state directory's cache."""
    cache = kernels.use_cache(settings)
    from trader import features, models

    features.compile_kernels()
    models.compile_kernels()
    kernels.mark_compiled(cache)


def bench(only: list[str], *, as_json: bool) -> int:
    """`trader bench`: the speed table of this machine."""
    from trader.service.bench import run_bench

    return run_bench(only, as_json=as_json)


# --- the daemon -------------------------------------------------------------------------------------------------


async def _daemon(settings: Settings, lock: Any, output: LogOutput, duration_s: float | None) -> int:
    started_ms = wall_ms()
    stop = _on_signals()
    venue = await _until(stop, _venue(settings))
    if venue is None:
        return 0
    output.use_market_time(venue.clock.now_ms)
    await _until(stop, _compiled(settings))
    model = await _until(stop, _model(settings, venue))
    if model is None:
        return 0
    from trader.adapters.ccxt.connect import connect

    connection = await _until(stop, connect(venue.settings.exchange, venue.settings.market, venue.clock, venue.keys))
    if connection is None:
        return 0
    if duration_s is not None:
        elapsed_s = (wall_ms() - started_ms) / 1000
        asyncio.get_running_loop().call_later(max(0.0, duration_s - elapsed_s), stop.set)
    await _trade(settings, venue, connection, model, lock, stop, started_ms)
    return 0


async def _trade(
    settings: Settings,
    venue: Venue,
    connection: "Connection",
    model: "CompiledEnsemble",
    lock: Any,
    stop: asyncio.Event,
    started_ms: int,
) -> None:
    from trader.adapters.sql.journal import SqlJournal
    from trader.engine.engine import Engine
    from trader.engine.inbox import Inbox
    from trader.engine.runner import Runner
    from trader.engine.scorer import Scorer
    from trader.engine.state import EngineState
    from trader.service.places import ledger_path

    instruments = connection.instruments
    feed, exchange = _market_and_account(settings, venue, connection, instruments)
    journal = SqlJournal(ledger_path(settings))
    remembered = await journal.recover()
    state = EngineState(settings, instruments, ledger_id=remembered.ledger_id, speed=venue.clock.speed)
    _require_known_symbols(settings, [position.symbol for position in remembered.positions if position.quantity])
    doubtful = state.restore(remembered)
    inbox = Inbox(venue.clock, remembered.last_seq)
    scorer = Scorer(
        model,
        feed,
        venue.clock,
        inbox.put,
        symbols=settings.exchange.symbols,
        timeframe=settings.market.timeframe,
        higher_timeframes=settings.market.higher_timeframes,
        history_candles=settings.market.history_candles,
        told_candles=settings.risk.correlation_candles + 1,
    )
    log.info(
        "daemon.starting",
        mode=settings.mode,
        exchange=settings.exchange.id,
        symbols=len(instruments),
        model=model.info.model_id,
        positions=len(state.plans),
        orders_in_doubt=len(doubtful),
    )
    exchange_settings = settings.exchange
    runner = Runner(
        engine=Engine(settings, state),
        inbox=inbox,
        journal=journal,
        feed=feed,
        exchange=exchange,
        scorer=scorer,
        clock=venue.clock,
        late_request_s=exchange_settings.receive_window_ms / 1000 / venue.clock.speed
        + exchange_settings.request_timeout_s
        + _MARGIN_S,
    )
    try:
        await _until(stop, scorer.warm_up())
        if not stop.is_set():
            await _serve(settings, venue, runner, lock, stop, started_ms)
    finally:
        scorer.close()
        await journal.close()
        await exchange.close()
        await connection.close()


async def _serve(
    settings: Settings, venue: Venue, runner: "Runner", lock: Any, stop: asyncio.Event, started_ms: int
) -> None:
    """The runner with everything that makes it a service around it."""
    from trader.adapters.sql.reader import SqlLedgerReader
    from trader.service.commands import DaemonCommands
    from trader.service.control import ControlServer
    from trader.service.places import ledger_path
    from trader.service.reports import Reports
    from trader.service.sdnotify import ServiceManager
    from trader.service.snapshot import snapshot

    manager = ServiceManager()
    reader = SqlLedgerReader(ledger_path(settings))

    def status() -> Any:
        return snapshot(
            settings,
            runner.engine.state,
            started_ms=started_ms,
            market_ms=venue.clock.now_ms(),
            events=runner.inbox.last_seq,
            errors=runner.courier.errors_last_minute() if runner.courier else 0,
        )

    control = ControlServer(lock, DaemonCommands(Reports(reader, status), runner.command).handle)

    async def stopper() -> None:
        await stop.wait()
        manager.stopping()
        runner.stop()

    async def announce() -> None:
        await runner.ready.wait()
        log.info("daemon.ready", after_s=round((wall_ms() - started_ms) / 1000, 1))
        manager.ready("trading")
        while True:
            manager.alive()
            await asyncio.sleep(manager.watchdog_interval_s or 3600.0)

    await control.start()
    try:
        await runner.run([stopper, announce])
    finally:
        await control.stop()


def _market_and_account(
    settings: Settings, venue: Venue, connection: "Connection", instruments: Any
) -> tuple[MarketFeed, Exchange]:
    """The one place where paper and live part ways."""
    if settings.mode == "live":
        if connection.exchange is None:
            raise Misconfigured("live mode needs API keys")
        return connection.feed, connection.exchange
    from trader.simulation.venue import PaperVenue

    quote = next(iter(instruments.values())).quote
    paper = PaperVenue(
        connection.feed,
        instruments,
        venue.clock,
        opening_balances={quote: Decimal(str(settings.paper.quote_balance))},
        store=settings.account_dir / "paper.sqlite",
        latency_s=settings.paper.latency_s,
    )
    return paper, paper


async def _venue(settings: Settings) -> Venue:
    """Resolve `exchange.id`, starting the bundled exchange if that is what it names."""
    keys = require_credentials(settings) if settings.mode == "live" and settings.exchange.id != "sandbox" else None
    if settings.exchange.id != "sandbox":
        keys = keys or credentials(settings)
        market_id = f"{settings.exchange.id}-{settings.exchange.market}"
        return Venue(settings, await _clock_of(settings), keys if settings.mode == "live" else None, market_id)
    credentials(settings)  # refuses to start while the keys of a real exchange are set
    from trader.sandbox.process import ensure_running

    state_dir = settings.storage.state_dir
    running = await ensure_running(
        settings.sandbox,
        settings.exchange.symbols,
        settings.market.timeframe,
        state_dir / "sandbox",
        state_dir / "sandbox" / "sandbox.log",
    )
    at = {"id": "binance", "endpoint": running.endpoint, "ca_file": running.ca_file}
    resolved = settings.model_copy(update={"exchange": settings.exchange.model_copy(update=at)})
    own = Credentials(running.api_key, running.api_secret) if settings.mode == "live" else None
    clock = ScaledClock(running.real_epoch_ms, running.market_epoch_ms, running.speed)
    return Venue(resolved, clock, own, f"sandbox-{running.market_hash}")


async def _clock_of(settings: Settings) -> Clock:
    """A simulator on this machine may run faster than real time: it is asked. Real exchanges never are."""
    if settings.exchange.endpoint is None:
        return SystemClock()
    from trader.adapters.ccxt.loopback import simulator_clock

    try:
        epochs = await simulator_clock(settings.exchange.endpoint, settings.exchange.ca_file)
    except (OSError, TimeoutError, aiohttp.ClientError) as error:
        raise Unavailable(f"no simulator answers at exchange.endpoint {settings.exchange.endpoint}: {error}") from error
    return SystemClock() if epochs is None else ScaledClock(*epochs)


def _require_known_symbols(settings: Settings, held: list[str]) -> None:
    missing = sorted(set(held) - set(settings.exchange.symbols))
    if missing:
        raise Misconfigured(
            f"the ledger holds a position in {', '.join(missing)}, which exchange.symbols does not list; "
            "add it back until the position is closed"
        )


# --- the model --------------------------------------------------------------------------------------------------


async def _model(settings: Settings, venue: Venue) -> "CompiledEnsemble":
    """The champion of this market; where there is none, one is trained first, in a process of its own."""
    from trader.features.catalogue import check_higher, feature_set_hash
    from trader.models.artefact import read_manifest

    files, timeframe = _model_files(settings, venue), settings.market.timeframe
    wanted = feature_set_hash(check_higher(settings.market.timeframe, settings.market.higher_timeframes))
    champion = files.champion(timeframe)
    if champion is None or read_manifest(champion).feature_set_hash != wanted:
        why = "none yet" if champion is None else "the last one was made for other features"
        log.info("model.missing", message=f"{why}; training a {settings.model.profile} model first")
        await _child(settings, "train")
    model = files.load_champion(timeframe, feature_set_hash=wanted)
    if model is None:
        raise Misconfigured("the training ended without a model; run `trader train` to see why")
    return model


async def _compiled(settings: Settings) -> None:
    """Compile in a child, so that its memory is not ours."""
    cache = kernels.use_cache(settings)
    if not kernels.is_compiled(cache):
        log.info("kernels.compiling", message="once per version, about half a minute")
        await _child(settings, "compile")


async def _child(settings: Settings, command: str) -> None:
    """`trader <command>` with exactly these settings; its lines go to our log."""
    import json

    from trader.service.children import run_child

    file = settings.account_dir / "settings-in-use.json"
    log_settings = settings.log.model_copy(update={"format": "json", "file": None})  # it talks to us, not to a person
    asked = settings.model_copy(update={"log": log_settings})
    file.write_text(json.dumps(asked.model_dump(mode="json"), indent=1))
    last = ""

    def heard(line: str) -> None:
        nonlocal last
        last = line
        relay(line, f"{command}.progress")

    code = await run_child(["trader", command, "--config", str(file)], heard)
    if code:
        raise Misconfigured(f"`trader {command}` ended with exit code {code}: {last}")


async def _train(settings: Settings) -> int:
    from trader.adapters.ccxt.connect import connect
    from trader.service.history import download
    from trader.service.training_view import TrainingView
    from trader.training.dataset import Costs
    from trader.training.fit import train_and_register

    venue = await _venue(settings)
    with TrainingView() as view:
        connection = await connect(venue.settings.exchange, venue.settings.market, venue.clock)
        try:
            instruments = connection.instruments
            store = settings.storage.state_dir / "candles" / venue.market_id
            candles = await download(connection.feed, settings, venue.clock, store, view.downloaded)
        finally:
            await connection.close()
        costs = {symbol: Costs(taker_fee_frac=instrument.taker_fee_frac) for symbol, instrument in instruments.items()}
        files = _model_files(settings, venue)
        trained = await asyncio.to_thread(
            train_and_register, candles, settings, files, progress=view.trained, costs=costs
        )
        view.finish(trained.manifest)
    return 0


def _model_files(settings: Settings, venue: Venue) -> "ModelFiles":
    from trader.adapters.model_files import ModelFiles

    return ModelFiles(settings.storage.state_dir / "models" / venue.market_id)


# --- the loop ---------------------------------------------------------------------------------------------------


def _run_loop(main: Coroutine[Any, Any, int]) -> int:
    """uvloop where it exists."""
    if sys.platform == "win32":
        return asyncio.run(main)
    import uvloop

    return uvloop.run(main)


def _on_signals() -> asyncio.Event:
    """Set by the first SIGTERM or Ctrl-C. The second ends the process at once: the ledger survives that."""
    stop = asyncio.Event()

    def asked() -> None:
        if stop.is_set():
            os._exit(130)
        log.info("daemon.stopping", message="settling what is under way; again to end at once")
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked)
    return stop


async def _until(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """The result of `work`, or None if `stop` was asked for first (then `work` is cancelled)."""
    task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        for pending in (task, stopped):
            pending.cancel()
        await asyncio.gather(task, stopped, return_exceptions=True)


def _secrets(settings: Settings) -> tuple[str, ...]:
    found = credentials(settings)
    return found.secrets() if found is not None else ()
