"""A runner with everything around it in the test's hands: feed, disk, clock, outlets; the exchange is the paper one."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal

from tests.kit.builders import NOW_MS, SYMBOL, a_book, a_forecast, a_model, an_instrument
from tests.kit.feeds import HandFeed
from tests.kit.harness import CALM
from tests.kit.sandbox import eventually
from tests.kit.small_daemon import MemoryJournal, NoModel
from trader.clock import SimulatedClock
from trader.config import Settings
from trader.domain.decisions import Decision, KeepOrder
from trader.domain.events import AnyEvent, BookUpdated, ForecastMade, ModelChanged, StreamChanged, StreamState
from trader.domain.orders import Approved, OrderReport
from trader.engine.engine import Engine
from trader.engine.state import EngineState
from trader.runtime.inbox import Inbox
from trader.runtime.live import Runner
from trader.runtime.outlets import Outlet
from trader.simulation.venue import PaperVenue


class SlowDisk(MemoryJournal):
    """Durable writes end when `let_through` is set, or fail with `failure`."""

    def __init__(self) -> None:
        super().__init__()
        self.let_through = asyncio.Event()
        self.let_through.set()
        self.failure: OSError | None = None
        self.is_waiting = False

    async def write(self, steps: Sequence[tuple[AnyEvent, Sequence[Decision]]], *, durable: bool) -> None:
        if durable:
            self.is_waiting = True
            await self.let_through.wait()
            if self.failure is not None:
                raise self.failure
        await super().write(steps, durable=durable)

    def knows(self, client_id: str) -> bool:
        return any(isinstance(kept, KeepOrder) and kept.order.client_id == client_id for kept in self.seen)


class WatchedVenue(PaperVenue):
    """Remembers what was asked of it, and whether the journal knew of it then."""

    def watch(self, disk: SlowDisk) -> None:
        self._disk = disk
        self.asked: list[tuple[str, bool]] = []

    async def submit(self, order: Approved) -> OrderReport:
        self.asked.append((order.intent.client_id, self._disk.knows(order.intent.client_id)))
        return await super().submit(order)


class Shell:
    """A runner on a paper venue, and the hands that drive it."""

    def __init__(self, outlets: Sequence[Outlet] = ()) -> None:
        settings, instruments = Settings(), {SYMBOL: an_instrument()}
        self.symbol = SYMBOL
        self.clock = SimulatedClock(NOW_MS)
        self.feed = HandFeed(instruments)
        self.disk = SlowDisk()
        self.venue = WatchedVenue(
            self.feed, instruments, self.clock, opening_balances={"USDT": Decimal(10_000)}, latency_s=0.0
        )
        self.venue.watch(self.disk)
        self.state = EngineState(settings, instruments, ledger_id="test-ledger")
        self.inbox = Inbox(self.clock)
        self.runner = Runner(
            engine=Engine(settings, self.state),
            inbox=self.inbox,
            journal=self.disk,
            feed=self.venue,
            exchange=self.venue,
            scorer=NoModel(),
            clock=self.clock,
            late_request_s=1.0,
            outlets=outlets,
        )

    async def is_ready(self) -> None:
        await self.feed.is_running()
        self.feed.push(StreamChanged(symbol=SYMBOL, state=StreamState.LIVE, reason="test"))
        self.feed.push(BookUpdated(book=a_book(size=50.0)))
        self.inbox.put(ModelChanged(model=a_model()))
        await self.runner.ready.wait()
        await eventually(lambda: self.state.guard.equity is not None)

    def forecast(self) -> None:
        """One that is worth a trade."""
        self.inbox.put(ForecastMade(forecast=a_forecast(prediction=0.02, win_probability=0.7, context=CALM)))


@asynccontextmanager
async def shell(*outlets: Outlet) -> AsyncIterator[tuple[Shell, asyncio.Task[None]]]:
    """A running one that is ready to trade, stopped at the end."""
    made = Shell(outlets)
    running = asyncio.create_task(made.runner.run())
    try:
        await made.is_ready()
        yield made, running
    finally:
        made.disk.let_through.set()
        made.runner.stop()
        await asyncio.wait([running])
