"""The composition root: settings in, a wired service out. The only place that knows the mode.

Heavy rooms are imported inside functions: `trader --help` needs none of them, and the live process must never
load a learning library.
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from trader.clock import ScaledClock, wall_ms
from trader.config.credentials import Credentials, credentials, require_credentials
from trader.config.schema import Settings
from trader.domain.errors import Misconfigured
from trader.observability.logs import LogOutput, configure
from trader.ports import Exchange, MarketFeed
from trader.service.learning import supply
from trader.service.process import kernels
from trader.service.process.lock import StateLock, prepare_private
from trader.service.process.loop import on_signals, run_loop, until
from trader.service.process.venue import Venue, clock_of

if TYPE_CHECKING:
    from trader.adapters.ccxt.connect import Connection
    from trader.adapters.model_files import ModelFiles
    from trader.models import CompiledEnsemble
    from trader.sandbox.status import RunningSandbox
    from trader.service.doctor.finding import Finding
    from trader.service.learning.download import Tell, Verified, Wanted
    from trader.training.tune import TrialDone, TuningReport

log = structlog.get_logger("app")

_MARGIN_S = 2.0  # beyond receive window and request timeout, before "not found" is believed


def run(settings: Settings, *, duration_s: float | None) -> int:
    """`trader run`: trade until SIGTERM, Ctrl-C or `duration_s` real seconds. Returns the exit code."""
    _refuse_unusable(settings)
    kernels.use_cache(settings)
    kernels.without_scipy()
    with StateLock(settings.account_dir) as lock:
        output = configure(settings.log, _secrets(settings))
        try:
            return run_loop(_daemon(settings, lock, output, duration_s))
        finally:
            output.close()


def train(
    settings: Settings, *, candles: Path | None = None, is_challenger: bool = False, tuned: str | None = None
) -> int:
    """`trader train`: history from the exchange or from a folder, train, register.

    `tuned` names a search of `trader tune` whose best parameters are used.
    """
    market_id = _known_market_id(settings)
    with _learning(settings):
        from trader.service.learning.training import train

        train(settings, market_id, lambda: _venue(settings), candles, is_challenger=is_challenger, tuned=tuned)
    return 0


def tune(
    settings: Settings,
    *,
    name: str,
    trials: int,
    workers: int,
    rows: int,
    candles: Path | None,
    on_trial: "TrialDone",
) -> tuple["TuningReport", Path]:
    """`trader tune`: history from the exchange or from a folder, then the search. Returns the report and its file."""
    with _learning(settings):
        from trader.service.learning.tuning import Search, tune

        wanted = Search(name, trials, workers, rows)
        return tune(settings, _known_market_id(settings), lambda: _venue(settings), candles, wanted, on_trial)


@contextmanager
def _learning(settings: Settings) -> Iterator[None]:
    """Kernels, log and libraries of a process that learns; refuses where it cannot."""
    from trader.service.learning.libraries import require_learning

    require_learning()
    _refuse_unusable(settings.model_copy(update={"mode": "paper"}))
    kernels.use_cache(settings)
    output = configure(settings.log, _secrets(settings), stream=sys.stderr)
    try:
        yield
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
    from trader.bench.table import run_bench

    return run_bench(only, as_json=as_json)


def doctor(settings: Settings) -> list["Finding"]:
    """`trader doctor`: what is there and what is missing. Starts and changes nothing."""
    from trader.service.doctor.examination import examine

    is_bundled = settings.exchange.id == "sandbox"
    market_id = _known_market_id(settings)

    async def locate() -> Venue:
        from trader.sandbox.process import answers
        from trader.sandbox.status import read_status

        running = read_status(settings.storage.state_dir / "sandbox") if is_bundled else None
        if running is not None and await answers(running):
            return _bundled_venue(settings, running)
        return Venue(settings, await clock_of(settings.exchange), None, market_id)

    needs_keys = settings.mode == "live" and not is_bundled
    return examine(settings, locate, market_id=market_id, needs_keys=needs_keys)


def model_files(settings: Settings) -> "ModelFiles":
    """`trader models`: the registry of this configuration's market. Raises `Misconfigured` where there is none."""
    from trader.adapters.model_files import ModelFiles

    root = supply.models_dir(settings, _known_market_id(settings))
    if not (root / "registry.sqlite").exists():
        raise Misconfigured(f"no models in {root}; make one with `trader train`")
    return ModelFiles(root)


def download(settings: Settings, wanted: "Wanted", tell: "Tell") -> list["Verified"]:
    """`trader download`: candles into the store that training reads. Needs no keys in any mode."""
    _refuse_unusable(settings.model_copy(update={"mode": "paper"}))
    prepare_private(settings.storage.state_dir)
    output = configure(settings.log, _secrets(settings), stream=sys.stderr)
    try:
        return asyncio.run(_download(settings, wanted, tell))
    finally:
        output.close()


# --- the daemon -------------------------------------------------------------------------------------------------


async def _daemon(settings: Settings, lock: Any, output: LogOutput, duration_s: float | None) -> int:
    started_ms = wall_ms()
    stop = on_signals()
    venue = await until(stop, _venue(settings))
    if venue is None:
        return 0
    output.use_market_time(venue.clock.now_ms)
    await until(stop, supply.compiled(settings))
    model = await until(stop, supply.champion(settings, venue))
    venue = await until(stop, _venue(settings))  # a training may outlast the idle sandbox: then it is started again
    if model is None or venue is None:
        return 0
    output.use_market_time(venue.clock.now_ms)
    from trader.adapters.ccxt.connect import connect

    connection = await until(stop, connect(venue.settings.exchange, venue.settings.market, venue.clock, venue.keys))
    if connection is None:
        return 0
    if duration_s is not None:
        elapsed_s = (wall_ms() - started_ms) / 1000
        asyncio.get_running_loop().call_later(max(0.0, duration_s - elapsed_s), stop.set)
    async with AsyncExitStack() as closing:
        closing.push_async_callback(connection.close)
        await _trade(settings, venue, connection, model, lock, stop, started_ms, closing)
    return 0


async def _trade(
    settings: Settings,
    venue: Venue,
    connection: "Connection",
    model: "CompiledEnsemble",
    lock: Any,
    stop: asyncio.Event,
    started_ms: int,
    closing: AsyncExitStack,
) -> None:
    from trader.adapters.sql.journal import SqlJournal
    from trader.engine.engine import Engine
    from trader.engine.state import EngineState
    from trader.features import FeatureSet
    from trader.runtime.inbox import Inbox
    from trader.runtime.live import Runner
    from trader.scoring.scorer import Scorer
    from trader.service.learning.modelling import modelling
    from trader.service.process.places import ledger_path, recordings_path
    from trader.service.recording.recorder import Recorder, continue_after
    from trader.service.serving import serve

    instruments = connection.instruments
    feed, exchange = _market_and_account(settings, venue, connection, instruments)
    closing.push_async_callback(exchange.close)
    journal = SqlJournal(ledger_path(settings))
    closing.push_async_callback(journal.close)
    remembered = await journal.recover()
    state = EngineState(settings, instruments, ledger_id=remembered.ledger_id, speed=venue.clock.speed)
    _require_known_symbols(settings, [position.symbol for position in remembered.positions if position.quantity])
    doubtful = state.restore(remembered)
    recordings, is_recording = recordings_path(settings), settings.recorder.enabled
    last_seq = continue_after(recordings, ledger_path(settings), remembered.last_seq, is_recording=is_recording)
    inbox = Inbox(venue.clock, last_seq)
    recorder = Recorder(recordings, settings.recorder) if is_recording else None
    if recorder is not None:
        closing.push_async_callback(recorder.close)
    models = modelling(settings, venue, model, instruments, inbox.put)
    scorer = Scorer(
        models.care.watched,
        feed,
        venue.clock,
        inbox.put,
        features=FeatureSet.of(settings),
        history_candles=settings.market.history_candles,
        told_candles=settings.risk.correlation_candles + 1,
        late_candle_s=settings.market.late_candle_s,
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
        # real seconds: an exchange that runs faster than real time takes requests that much later by its own clock
        late_request_s=exchange_settings.receive_window_ms / 1000 + exchange_settings.request_timeout_s + _MARGIN_S,
        recorder=recorder,
        listener=models.care.hear,
    )
    closing.callback(scorer.close)
    await until(stop, scorer.warm_up())
    if not stop.is_set():
        await serve(settings, venue, runner, recorder, models, scorer, lock, stop, started_ms)


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
        leverage=settings.exchange.leverage,
    )
    return paper, paper


def _refuse_unusable(settings: Settings) -> None:
    """What can be told without asking anybody is told before anything is made: a wrong exchange, wrong keys."""
    (require_credentials if settings.mode == "live" and settings.exchange.id != "sandbox" else credentials)(settings)
    if settings.exchange.id != "sandbox":
        from trader.adapters.ccxt.client import require_known

        require_known(settings.exchange.id)


async def _venue(settings: Settings) -> Venue:
    """Resolve `exchange.id`, starting the bundled exchange if that is what it names."""
    keys = require_credentials(settings) if settings.mode == "live" and settings.exchange.id != "sandbox" else None
    if settings.exchange.id != "sandbox":
        keys = keys or credentials(settings)
        keys = keys if settings.mode == "live" else None
        return Venue(settings, await clock_of(settings.exchange), keys, _market_id(settings))
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
    return _bundled_venue(settings, running)


def _market_id(settings: Settings) -> str:
    return f"{settings.exchange.id}-{settings.exchange.market}"


def _known_market_id(settings: Settings) -> str:
    """`Venue.market_id` without starting or asking anything."""
    if settings.exchange.id != "sandbox":
        return _market_id(settings)
    from trader.sandbox.options import SandboxOptions

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


def _bundled_venue(settings: Settings, running: "RunningSandbox") -> Venue:
    at = {"id": "binance", "endpoint": running.endpoint, "ca_file": running.ca_file}
    resolved = settings.model_copy(update={"exchange": settings.exchange.model_copy(update=at)})
    own = Credentials(running.api_key, running.api_secret) if settings.mode == "live" else None
    clock = ScaledClock(running.real_epoch_ms, running.market_epoch_ms, running.speed)
    return Venue(resolved, clock, own, _sandbox_market_id(settings, running.market_hash))


def _require_known_symbols(settings: Settings, held: list[str]) -> None:
    missing = sorted(set(held) - set(settings.exchange.symbols))
    if missing:
        raise Misconfigured(
            f"the ledger holds a position in {', '.join(missing)}, which exchange.symbols does not list; "
            "add it back until the position is closed"
        )


async def _download(settings: Settings, wanted: "Wanted", tell: "Tell") -> list["Verified"]:
    from trader.service.learning.download import download_into

    venue = await _venue(settings.model_copy(update={"mode": "paper"}))
    return await download_into(settings.storage.state_dir / "candles" / venue.market_id, venue, wanted, tell)


def _secrets(settings: Settings) -> tuple[str, ...]:
    found = credentials(settings)
    return found.secrets() if found is not None else ()
