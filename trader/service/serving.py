"""What makes a running engine a service: control socket, status, service manager, recorder."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from trader.adapters.ledger import open_ledger
from trader.clock import wall_ms
from trader.config.schema import Settings
from trader.runtime.live import Runner
from trader.service.control.commands import DaemonCommands
from trader.service.control.reports import Reports
from trader.service.control.server import ControlServer
from trader.service.control.snapshot import snapshot
from trader.service.control.status import StatusSnapshot
from trader.service.learning.modelling import Modelling
from trader.service.learning.status import model_status
from trader.service.process.access import MarketAccess
from trader.service.process.lock import StateLock
from trader.service.process.sdnotify import ServiceManager
from trader.service.recording.recorder import Recorder

Service = Callable[[], Awaitable[None]]

log = structlog.get_logger("app")


async def serve(
    settings: Settings,
    access: MarketAccess,
    runner: Runner,
    recorder: Recorder | None,
    models: Modelling | None,
    lock: StateLock,
    stop: asyncio.Event,
    started_ms: int,
    *also: Service,
) -> None:
    """The runner with everything that makes it a service around it, and what runs `also`."""
    manager = ServiceManager()
    reader = open_ledger(settings)

    def status() -> StatusSnapshot:
        return snapshot(
            settings,
            runner.engine.state,
            started_ms=started_ms,
            market_ms=access.clock.now_ms(),
            events=runner.inbox.last_seq,
            errors=runner.courier.errors_last_minute(),
            recorder=recorder.status() if recorder else None,
            outlets=runner.outlets.status(),
            model=None if models is None else model_status(runner.engine.state, models.care, models.retraining),
            strategies=runner.engine.strategy_ids,
        )

    control = ControlServer(lock, DaemonCommands(Reports(reader, status), runner.command, settings.exchange).handle)

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
        services: list[Service] = [stopper, announce, *also]
        services += [models.care.run, models.retraining.run] if models is not None else []
        await runner.run([*services, *([recorder.run] if recorder else [])])
    finally:
        await control.stop()
