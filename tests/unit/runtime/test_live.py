"""The shell around the engine: everything that led to a request is on disk before it leaves."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

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

    def __init__(self) -> None:
        settings, instruments = Settings(), {SYMBOL: an_instrument()}
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
        )

    async def is_ready(self) -> None:
        await self.feed.is_running()
        self.feed.push(StreamChanged(symbol=SYMBOL, state=StreamState.LIVE, reason="test"))
        self.feed.push(BookUpdated(book=a_book(size=50.0)))
        self.inbox.put(ModelChanged(model=a_model()))
        await asyncio.wait_for(self.runner.ready.wait(), 10)
        await eventually(lambda: self.state.equity is not None)

    def forecast(self) -> None:
        """One that is worth a trade."""
        self.inbox.put(ForecastMade(forecast=a_forecast(prediction=0.02, win_probability=0.7, context=CALM)))


@asynccontextmanager
async def shell() -> AsyncIterator[tuple[Shell, asyncio.Task[None]]]:
    made = Shell()
    running = asyncio.create_task(made.runner.run())
    try:
        await made.is_ready()
        yield made, running
    finally:
        made.disk.let_through.set()
        made.runner.stop()
        await asyncio.wait([running])


async def test_an_order_leaves_only_after_its_intent_is_on_disk() -> None:
    async with shell() as (desk, _):
        desk.disk.let_through.clear()
        desk.disk.is_waiting = False
        desk.forecast()
        await eventually(lambda: desk.disk.is_waiting)
        await asyncio.sleep(0.05)  # whatever could leave now would
        assert desk.venue.asked == []
        desk.disk.let_through.set()
        await eventually(lambda: len(desk.venue.asked) >= 2)  # the entry, then the stop that protects it
        assert all(was_known for _, was_known in desk.venue.asked)


async def test_what_the_disk_does_not_take_is_never_sent() -> None:
    async with shell() as (desk, running):
        desk.disk.failure = OSError(28, "No space left on device")
        desk.forecast()
        await asyncio.wait([running], timeout=10)
        assert running.done()
        assert desk.venue.asked == []
        with pytest.raises(ExceptionGroup) as failed:
            running.result()
        assert failed.value.subgroup(OSError) is not None
