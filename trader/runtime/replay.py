"""The replay driver: events against a simulated exchange, in market time and without an event loop.

The same turns as live: decide, journal (in memory), act, tell the outlets. Nothing here knows the machine's time, so
the same events give the same decisions anywhere. Timers, heartbeats and requests on their way wait on one agenda.
"""

from collections import deque
from collections.abc import Iterable, Sequence

import msgspec

from trader.clock import SimulatedClock
from trader.domain.decisions import AnswerCommand, CancelOrder, QueryOrder, RequestReconcile, SetTimer, SubmitOrder
from trader.domain.events import (
    AccountEvent,
    AccountUnreachable,
    AnyEvent,
    CommandName,
    CommandReceived,
    MarketEvent,
    Ticked,
    TradePrinted,
)
from trader.domain.overrides import OverrideAsked
from trader.engine.engine import Engine
from trader.ports import InstantExchange
from trader.runtime.agenda import Agenda
from trader.runtime.instant_courier import InstantCourier, Pace
from trader.runtime.memory import Memory
from trader.runtime.outlets import Outlet
from trader.runtime.turn import Turn, act

_AT_ONCE = Pace()


class Replay:
    """One engine on one simulated account. Call `start`, then `run`; or move time and tell events by hand.

    `clock` is the exchange's too and moved only from here. Outlets hear the news at once and in the caller's thread;
    what they raise comes out.
    """

    def __init__(
        self,
        engine: Engine,
        exchange: InstantExchange,
        clock: SimulatedClock,
        memory: Memory,
        *,
        outlets: Sequence[Outlet] = (),
        pace: Pace = _AT_ONCE,
    ) -> None:
        self.engine = engine
        self.memory = memory
        self._exchange = exchange
        self._clock = clock
        self._outlets = outlets
        self._pace = pace
        self._queue: deque[AnyEvent] = deque()
        self._agenda = Agenda(clock, self._queue.append)
        self._courier = InstantCourier(exchange, self._queue.append, self._agenda, pace)
        self._is_reconcile_due = False
        self._answers: dict[str, str] = {}
        self._unsubscribe = exchange.subscribe(self._on_account)
        self._agenda.every(pace.tick_ms, lambda: self._queue.append(Ticked()))
        self._agenda.every(pace.reconcile_every_ms, self._reconcile)

    # --- driving ------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Ask the exchange for the whole account, as every start does."""
        self.reconcile(is_startup=True)

    def run(self, events: Iterable[AnyEvent]) -> None:
        """Tell each event at its `ts_ms`, the market time at which it was known; oldest first."""
        now_ms = self._clock.now_ms()
        for event in events:
            if event.ts_ms > now_ms:
                now_ms = event.ts_ms
                self.advance_to(now_ms)
            if isinstance(event, MarketEvent):
                self.on_market(event)
            else:
                self.put(event)

    def on_market(self, event: MarketEvent) -> None:
        """What the market does now: for the engine, then for our orders. What it causes at the exchange is told after
        it, as in paper trading.
        """
        if not isinstance(event, TradePrinted):  # nothing is decided on it
            self._queue.append(event)
        self._exchange.on_market(event)
        self._drain()

    def put(self, *events: AnyEvent) -> None:
        """Tell the engine now, and see everything through that follows at once."""
        self._queue.extend(events)
        self._drain()

    def advance_to(self, until_ms: int) -> None:
        """Let market time pass; what is due on the way happens in order, each at its time."""
        self._agenda.run_until(until_ms, self._drain)

    def command(self, name: CommandName, origin: str, override: OverrideAsked | None = None) -> str:
        """Have the engine carry out a command; returns what it did."""
        command_id = f"{name.value}-{self.memory.last_seq}"
        self.put(CommandReceived(command_id=command_id, name=name, origin=origin, override=override))
        return self._answers.pop(command_id, "")

    def reconcile(self, *, is_startup: bool = False) -> None:
        """One complete round of asking."""
        self._reconcile(is_startup=is_startup)
        self._drain()

    def look_up_doubtful(self) -> None:
        """Ask for every order of unknown outcome, whatever the pace says."""
        self._courier.look_up_doubtful()
        self._drain()

    def close(self) -> None:
        """Hear no more of the exchange, which may go on without us."""
        self._unsubscribe()

    def _drain(self) -> None:
        queue, memory, process = self._queue, self.memory, self.engine.process
        while queue:
            event = msgspec.structs.replace(queue.popleft(), ts_ms=self._clock.now_ms(), seq=memory.last_seq + 1)
            turn = Turn(event, process(event))
            memory.write(turn)
            for decision in turn.decisions:
                act(decision, self)
            if self._outlets and turn.is_news:
                for outlet in self._outlets:
                    outlet.hear(turn)

    # --- acting (`turn.Hands`) ----------------------------------------------------------------------------

    def request(self, decision: SubmitOrder | CancelOrder | QueryOrder) -> None:
        self._courier.act(decision)

    def set_timer(self, decision: SetTimer) -> None:
        self._agenda.set_timer(decision)

    def ask_reconcile(self, decision: RequestReconcile) -> None:
        del decision
        self._reconcile_soon()

    def answer(self, decision: AnswerCommand) -> None:
        self._answers[decision.command_id] = decision.message

    # --- the account --------------------------------------------------------------------------------------

    def _on_account(self, event: AccountEvent) -> None:
        self._queue.append(event)
        if isinstance(event, AccountUnreachable):
            self._reconcile_soon()  # what happened meanwhile is only known by asking

    def _reconcile_soon(self) -> None:
        if not self._is_reconcile_due:
            self._is_reconcile_due = True
            self._agenda.after(self._pace.reconcile_after_ms, self._reconcile)

    def _reconcile(self, *, is_startup: bool = False) -> None:
        self._is_reconcile_due = False
        self._courier.reconcile(self.engine.reconcile_scope(), is_startup=is_startup)
