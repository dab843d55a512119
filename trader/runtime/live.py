"""The live driver: takes events from the inbox, lets the engine decide, journals, acts, then tells the outlets.

An action happens only after everything that led to it is durable. All tasks live in one TaskGroup; leaving it
means that nothing is left running.

Where the feed's events go (`Runner.on_market`). In paper trading the simulated exchange stands between feed and
runner: it passes each event on, then matches orders against it.

    event                 inbox -> recorder -> engine          scorer             recorder, past the inbox
    CandleClosed          numbered                             offer: a forecast
    BookUpdated           numbered; only the newest unread     observe: each one
                          one of a symbol
    TradePrinted          -                                    observe            at once, without a number
    StreamChanged,        numbered                             -
    InstrumentChanged
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Protocol, assert_never

import structlog

from trader.domain.decisions import AnswerCommand, CancelOrder, QueryOrder, RequestReconcile, SetTimer, SubmitOrder
from trader.domain.events import (
    AccountUnreachable,
    AnyEvent,
    BookUpdated,
    CandleClosed,
    CommandName,
    CommandReceived,
    InstrumentChanged,
    MarketEvent,
    StreamChanged,
    Ticked,
    TradePrinted,
)
from trader.domain.market import Book, Candle, Trade
from trader.domain.overrides import OverrideAsked
from trader.engine.engine import Engine
from trader.ports import Clock, Exchange, Journal, MarketFeed
from trader.runtime.courier import Courier
from trader.runtime.inbox import Inbox
from trader.runtime.outlets import Outlet, Outlets
from trader.runtime.timers import Timers
from trader.runtime.turn import Turn, act

log = structlog.get_logger("runner")

TICK_S = 1.0
RECONCILE_EVERY_S = 60.0
CLOCK_EVERY_S, CLOCK_RETRY_S = 60.0, 10.0
SETTLE_S = 5.0  # longest wait for outcomes at shutdown
RESTART_WAITS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class CandleConsumer(Protocol):
    """Whoever wants every closed candle, book and trade as it arrives: the scorer."""

    def offer(self, candle: Candle) -> None: ...

    def observe(self, event: Book | Trade) -> None: ...

    async def run(self) -> None: ...


class InputRecorder(Protocol):
    """Whoever keeps what the engine is told. Not an outlet, and told on the loop's thread, for three reasons.

    It hears of inputs before the engine does, so that a recording ends with the one that broke engine or journal. What
    it loses must show as a hole in its numbers, which a tap before it would hide; its own line is bounded and counted.
    And it takes every quote and trade, of which most are no news and trades are no turn at all.
    """

    def record(self, events: Sequence[AnyEvent]) -> None:
        """Take what is recorded of `events`. Never waits."""


class Runner:
    """Owns the tasks of one daemon. `run` returns after `stop` was asked for, or raises what killed it."""

    def __init__(
        self,
        *,
        engine: Engine,
        inbox: Inbox,
        journal: Journal,
        feed: MarketFeed,
        exchange: Exchange,
        scorer: CandleConsumer,
        clock: Clock,
        late_request_s: float,
        recorder: InputRecorder | None = None,
        outlets: Sequence[Outlet] = (),
    ) -> None:
        self.engine = engine
        self.inbox = inbox
        self.outlets = Outlets(outlets)
        self._journal = journal
        self._feed = feed
        self._exchange = exchange
        self._scorer = scorer
        self._clock = clock
        self._recorder = recorder
        self._stop = asyncio.Event()
        self._reconcile_asked = asyncio.Event()
        self._ready = asyncio.Event()
        self._clock_offset_ms = 0.0
        self._clock_doubtful = asyncio.Event()
        self._timers = Timers(clock, inbox.put)
        self._group = asyncio.TaskGroup()
        self.courier = Courier(exchange, inbox.put, self._group.create_task, late_request_s=late_request_s)
        self._answers: dict[str, asyncio.Future[str]] = {}

    def stop(self) -> None:
        """Ask for a clean shutdown; safe to call more than once."""
        self._stop.set()

    async def command(self, name: CommandName, origin: str, override: OverrideAsked | None = None) -> str:
        """Have the engine carry out a command; returns what it did."""
        command_id = f"{name.value}-{len(self._answers)}-{self._clock.now_ms()}"
        answer = self._answers[command_id] = asyncio.Future()
        self.inbox.put(CommandReceived(command_id=command_id, name=name, origin=origin, override=override))
        try:
            return await answer
        finally:
            del self._answers[command_id]

    @property
    def ready(self) -> asyncio.Event:
        """Set once the account is reconciled for the first time."""
        return self._ready

    async def run(self, services: Sequence[Callable[[], Awaitable[None]]] = ()) -> None:
        """Run until `stop`, once. `services` are further tasks that live as long (control socket, watchdog)."""
        try:
            async with self.outlets, self._group as group:
                tasks = [
                    group.create_task(self._decide(), name="decide"),
                    group.create_task(self._kept_alive("account", self._account), name="account"),
                    group.create_task(self._kept_alive("feed", lambda: self._feed.run(self.on_market)), name="feed"),
                    group.create_task(self._kept_alive("scorer", self._scorer.run), name="scorer"),
                    group.create_task(self._reconcile(), name="reconcile"),
                    group.create_task(self._tick(), name="tick"),
                    group.create_task(self._measure_clock(), name="clock"),
                    *(group.create_task(_awaited(service)) for service in services),
                ]
                await self._stop.wait()
                await self._settle()
                for task in tasks:
                    task.cancel()
                raise _StoppedError
        except* _StoppedError:
            log.info("daemon.stopped", message="positions stay protected by the stops resting at the exchange")
        finally:
            self._timers.cancel_all()

    def on_market(self, event: MarketEvent) -> None:
        """The feed's sink."""
        match event:
            case BookUpdated():
                self.inbox.put(event)
                self._scorer.observe(event.book)
            case TradePrinted():  # matters to features, matching and recording, not to decisions
                self._scorer.observe(event.trade)
                self._record((event,))
            case CandleClosed():
                self.inbox.put(event)
                self._scorer.offer(event.candle)
            case StreamChanged() | InstrumentChanged():
                self.inbox.put(event)
            case _:
                assert_never(event)

    def _record(self, events: Sequence[AnyEvent]) -> None:
        if self._recorder is not None:
            self._recorder.record(events)

    async def _decide(self) -> None:
        while True:
            events = await self.inbox.take()
            self._record(events)
            turns = [Turn(event, self.engine.process(event)) for event in events]
            if any(turn.is_kept for turn in turns):
                await self._journal.write(turns, durable=any(turn.sends for turn in turns))
            for turn in turns:
                for decision in turn.decisions:
                    act(decision, self)
            for turn in turns:
                self.outlets.hear(turn)
            if self.engine.state.account.is_reconciled:
                self._ready.set()

    # --- acting (`turn.Hands`) ----------------------------------------------------------------------------

    def request(self, decision: SubmitOrder | CancelOrder | QueryOrder) -> None:
        self.courier.act(decision)

    def set_timer(self, decision: SetTimer) -> None:
        self._timers.set(decision.timer, decision.due_ms)

    def ask_reconcile(self, decision: RequestReconcile) -> None:
        del decision
        self._reconcile_asked.set()

    def answer(self, decision: AnswerCommand) -> None:
        answer = self._answers.get(decision.command_id)
        if answer is not None and not answer.done():
            answer.set_result(decision.message)

    # --- tasks --------------------------------------------------------------------------------------------

    async def _account(self) -> None:
        def sink(event: AnyEvent) -> None:
            self.inbox.put(event)
            if type(event) is AccountUnreachable:
                self._reconcile_asked.set()  # what happened meanwhile is only known by asking
                self._clock_doubtful.set()

        await self._exchange.run_account(sink)

    async def _reconcile(self) -> None:
        reason, is_startup = "startup", True
        while True:
            self._reconcile_asked.clear()
            await self.courier.reconcile(self.engine.reconcile_scope, is_startup=is_startup, reason=reason)
            is_startup = False
            try:
                await asyncio.wait_for(self._reconcile_asked.wait(), RECONCILE_EVERY_S)
                reason = "asked"
                await asyncio.sleep(0.2)  # several reasons at once make one round
            except TimeoutError:
                reason = "periodic"

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.inbox.put(
                Ticked(
                    errors_last_minute=self.courier.errors_last_minute(),
                    clock_offset_ms=self._clock_offset_ms,
                )
            )

    async def _measure_clock(self) -> None:
        """Once a minute, and when the account comes back: an exchange that was away may have another clock."""
        while True:
            self._clock_doubtful.clear()
            wait_s = CLOCK_EVERY_S
            try:
                self._clock_offset_ms = await self._exchange.clock_offset_ms() / self._clock.speed
            except Exception as error:  # edge: an unmeasured clock is stale, never fatal  # noqa: BLE001
                log.warning("clock.not_measured", error=str(error))
                wait_s = CLOCK_RETRY_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._clock_doubtful.wait(), wait_s)

    async def _kept_alive(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` for ever: when it ends or fails, say so and start it again, later each time."""
        failures = 0
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await work()
                log.warning("task.ended", task=name)
            except Exception:  # edge: one broken stream must not take the daemon down
                log.exception("task.failed", task=name)
            failures = 0 if asyncio.get_running_loop().time() - began > 60.0 else failures + 1
            await asyncio.sleep(RESTART_WAITS_S[min(failures, len(RESTART_WAITS_S) - 1)])

    async def _settle(self) -> None:
        """Stop deciding on anything new, then wait a little for outcomes that are on their way."""
        self.inbox.put(CommandReceived(command_id="stop", name=CommandName.STOP, origin="shutdown"))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + SETTLE_S
        await asyncio.sleep(0.05)
        while loop.time() < deadline:
            if not len(self.inbox) and not self.courier.in_flight and self.engine.is_settled():
                return
            await asyncio.sleep(0.05)
        log.warning("shutdown.unsettled", in_flight=self.courier.in_flight, waited_s=SETTLE_S)


class _StoppedError(Exception):
    """Leaves the TaskGroup on purpose, cancelling every task in it."""


async def _awaited(service: Callable[[], Coroutine[None, None, None] | Awaitable[None]]) -> None:
    await service()
