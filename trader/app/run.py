"""`trader run`: the daemon put together from its parts. What differs between paper and live differs here."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import structlog

from trader.app.access import leaving_no_sandbox, locate, refuse_unusable, secrets
from trader.app.strategies import needs_model, strategies_of, warn_of_the_gate
from trader.clock import wall_ms
from trader.config.schema import Settings
from trader.domain.errors import Misconfigured
from trader.domain.events import StrategyJudged
from trader.domain.instrument import Instrument
from trader.observability.logs import LogOutput, configure
from trader.ports import Exchange, Journal, MarketFeed, Recovered
from trader.service.learning import supply
from trader.service.process import kernels
from trader.service.process.access import MarketAccess
from trader.service.process.lock import StateLock
from trader.service.process.loop import on_signals, run_loop, until
from trader.strategy.base import Strategy

if TYPE_CHECKING:
    from trader.adapters.ccxt.connect import Connection
    from trader.models import CompiledEnsemble
    from trader.service.serving import Service

log = structlog.get_logger("app")

_MARGIN_S = 2.0  # beyond receive window and request timeout, before "not found" is believed


class OpenLedger(NamedTuple):
    """The journal of this account, and what it remembers."""

    journal: Journal
    remembered: Recovered


def run(settings: Settings, *, duration_s: float | None) -> int:
    """`trader run`: trade until SIGTERM, Ctrl-C or `duration_s` real seconds. Returns the exit code."""
    refuse_unusable(settings)
    kernels.use_cache(settings)
    kernels.without_scipy()
    strategies = strategies_of(settings)
    with StateLock(settings.account_dir) as lock:
        output = configure(settings.log, secrets(settings))
        try:
            return run_loop(_daemon(settings, strategies, lock, output, duration_s))
        finally:
            output.close()


async def _daemon(
    settings: Settings,
    strategies: Mapping[str, Strategy],
    lock: StateLock,
    output: LogOutput,
    duration_s: float | None,
) -> int:
    from trader.adapters.ledger import has_ledger

    started_ms = wall_ms()
    stop = on_signals()
    async with leaving_no_sandbox(settings), AsyncExitStack() as closing:
        ledger = await _opened(settings, closing) if has_ledger(settings) else None
        access = await until(stop, locate(settings))
        if access is None:
            return 0
        output.use_market_time(access.clock.now_ms)
        await until(stop, supply.compiled(settings))
        model = await until(stop, supply.champion(settings, access)) if needs_model(strategies) else None
        access = await until(stop, locate(settings))  # a training may outlast the idle sandbox: it is started again
        if stop.is_set() or access is None:
            return 0
        output.use_market_time(access.clock.now_ms)
        connection = await _connected(access, stop, closing)
        if connection is None:
            return 0
        if duration_s is not None:
            elapsed_s = (wall_ms() - started_ms) / 1000
            asyncio.get_running_loop().call_later(max(0.0, duration_s - elapsed_s), stop.set)
        await _trade(settings, access, connection, ledger, strategies, model, lock, stop, started_ms, closing)
    return 0


async def _opened(settings: Settings, closing: AsyncExitStack) -> OpenLedger:
    """The ledger, read and found usable. One that is there is opened before anybody is asked for anything."""
    from trader.adapters.ledger import open_journal
    from trader.engine.state.remembered import require_usable

    journal = open_journal(settings)
    closing.push_async_callback(journal.close)
    remembered = await journal.recover()
    require_usable(remembered, settings)
    return OpenLedger(journal, remembered)


async def _connected(access: MarketAccess, stop: asyncio.Event, closing: AsyncExitStack) -> "Connection | None":
    """The exchange, or None when `stop` came first."""
    from trader.adapters.ccxt.connect import connect

    connection = await until(stop, connect(access.settings.exchange, access.settings.market, access.clock, access.keys))
    if connection is not None:
        closing.push_async_callback(connection.close)
    return connection


async def _trade(
    settings: Settings,
    access: MarketAccess,
    connection: "Connection",
    ledger: OpenLedger | None,
    strategies: Mapping[str, Strategy],
    model: "CompiledEnsemble | None",
    lock: StateLock,
    stop: asyncio.Event,
    started_ms: int,
    closing: AsyncExitStack,
) -> None:
    from trader.adapters.ledger import open_ledger
    from trader.adapters.observations import live_source
    from trader.engine.engine import Engine
    from trader.engine.state import EngineState
    from trader.features import FeatureSet
    from trader.features.groups.funding import SOURCE as FUNDING
    from trader.runtime.inbox import Inbox
    from trader.runtime.live import Runner
    from trader.runtime.narrator import Narrator
    from trader.scoring.scorer import Scorer
    from trader.scoring.watch import WatchedModel
    from trader.service import verdicts
    from trader.service.learning.modelling import modelling
    from trader.service.process.places import recordings_path
    from trader.service.recording.recorder import Recorder, continue_after
    from trader.service.serving import serve

    instruments = connection.instruments
    feed, exchange = _market_and_account(settings, access, connection, instruments)
    closing.push_async_callback(exchange.close)
    journal, remembered = ledger or await _opened(settings, closing)
    closing.push_async_callback(journal.close)  # here too, so that it is whole before the sockets go
    state = EngineState(settings, instruments, ledger_id=remembered.ledger_id, speed=access.clock.speed)
    doubtful = state.restore(remembered)
    recordings, is_recording = recordings_path(settings), settings.recorder.enabled
    last_seq = continue_after(
        recordings, partial(open_ledger, settings), remembered.last_seq, is_recording=is_recording
    )
    inbox = Inbox(access.clock, last_seq)
    recorder = Recorder(recordings, settings.recorder) if is_recording else None
    if recorder is not None:
        closing.push_async_callback(recorder.close)
    watched = None if model is None else WatchedModel(model)
    scorer = Scorer(
        watched,
        feed,
        access.clock,
        inbox.put,
        sources=lambda name: live_source(name, feed, settings),
        features=FeatureSet.of(settings),
        history_candles=settings.market.history_candles,
        told_candles=max(settings.risk.correlation_candles + 1, *(one.candles for one in strategies.values())),
        late_candle_s=settings.market.late_candle_s,
        wanted={symbol: one.features for symbol, one in strategies.items()},
        told_sources=(FUNDING,) if settings.exchange.market == "perpetual" else (),
    )
    models = None if watched is None else modelling(settings, access, watched, scorer, instruments, inbox.put)
    by_record = verdicts.rules(strategies)
    judged = verdicts.judged(settings, by_record, access.clock.now_ms())
    warn_of_the_gate(settings, judged)
    for verdict in judged:
        inbox.put(StrategyJudged(verdict=verdict))
    log.info(
        "daemon.starting",
        mode=settings.mode,
        exchange=settings.exchange.id,
        symbols=len(instruments),
        strategy=", ".join(sorted({one.strategy_id for one in strategies.values()})),
        model="none" if model is None else model.info.model_id,
        positions=len(state.positions.plans),
        orders_in_doubt=len(doubtful),
    )
    exchange_settings = settings.exchange
    runner = Runner(
        engine=Engine(settings, state, strategies, is_real_money=settings.is_real_money),
        inbox=inbox,
        journal=journal,
        feed=feed,
        exchange=exchange,
        scorer=scorer,
        clock=access.clock,
        # real seconds: an exchange that runs faster than real time takes requests that much later by its own clock
        late_request_s=exchange_settings.receive_window_ms / 1000 + exchange_settings.request_timeout_s + _MARGIN_S,
        recorder=recorder,
        outlets=(Narrator(),) if models is None else (Narrator(), models.care),
    )
    closing.callback(scorer.close)
    await until(stop, scorer.warm_up())
    if not stop.is_set():
        judging = partial(verdicts.keep_judging, settings, by_record, access.clock, inbox.put)
        also: list[Service] = [judging, *_dead_man(settings, connection, stop)]
        await serve(settings, access, runner, recorder, models, lock, stop, started_ms, *also)


def _dead_man(settings: Settings, connection: "Connection", stop: asyncio.Event) -> "list[Service]":
    """What keeps the exchange's switch from acting, where one is wanted. What is simulated here dies with us."""
    from trader.runtime.dead_man import DeadMan

    chosen = settings.exchange
    if chosen.dead_man_s is None or settings.mode != "live" or connection.exchange is None:
        return []
    off_at_stop = chosen.dead_man_off_at_stop
    return [DeadMan(connection.exchange, chosen.dead_man_s, is_stopping=stop.is_set, off_at_stop=off_at_stop).run]


def _market_and_account(
    settings: Settings, access: MarketAccess, connection: "Connection", instruments: Mapping[str, Instrument]
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
        access.clock,
        opening_balances={quote: Decimal(str(settings.paper.quote_balance))},
        store=settings.account_dir / "paper.sqlite",
        latency_s=settings.paper.latency_s,
        leverage=settings.exchange.leverage,
    )
    return paper, paper
