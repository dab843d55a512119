"""Drives one execution algorithm with a real order tracker and a venue that answers only what a test says."""

from decimal import Decimal

import msgspec

from tests.kit.builders import NOW_MS, a_book, a_fill, a_report, an_instrument
from trader.config.execution import ExecutionSettings
from trader.domain.instrument import Instrument
from trader.domain.market import Book
from trader.domain.orders import AlgorithmName, Order, OrderIntent, OrderStatus, Purpose, Side
from trader.domain.refusals import Refusal, RefusalCode
from trader.execution.algorithms import (
    Abort,
    Action,
    AlgorithmInput,
    AlgorithmState,
    AlgorithmView,
    Cancel,
    ChildChanged,
    ChildRefused,
    Finished,
    Place,
    Started,
    Wake,
    WokeUp,
    step,
)
from trader.execution.planner import NOT_TOLD, Decided, start
from trader.execution.tracker import OrderTracker

MOST_WAKES = 2_000  # in one `advance`; an algorithm that waits a second between two tries needs fewer


class Run:
    """One parent order from start to finish. Everything it asked for is kept in order."""

    def __init__(
        self,
        algorithm: str,
        quantity: str = "1",
        *,
        side: Side = Side.BUY,
        purpose: Purpose = Purpose.ENTRY,
        book: Book | None = None,
        has_book: bool = True,
        settings: ExecutionSettings | None = None,
        instrument: Instrument | None = None,
        decided: Decided = NOT_TOLD,
    ) -> None:
        self.now_ms = NOW_MS
        self.book = (book or a_book()) if has_book else None
        self.settings = settings or ExecutionSettings()
        self.instrument = instrument or an_instrument()
        self.tracker = OrderTracker()
        self.placed: list[OrderIntent] = []
        self.cancels: list[str] = []
        self.timers: dict[str, int] = {}
        self.finished: str | None = None
        self._fills = 0
        self.refusals: list[ChildRefused] = []  # what the review says to the next orders, by its own client ids
        self.state: AlgorithmState
        self.state, actions = start(
            AlgorithmName(algorithm),
            parent_id="p-1",
            decision_id="d-1",
            side=side,
            purpose=purpose,
            quantity=Decimal(quantity),
            view=self.view,
            decided=decided,
        )
        self._act(actions)

    @property
    def view(self) -> AlgorithmView:
        return AlgorithmView(self.now_ms, self.book, self.instrument, self.settings, "ledger-1")

    @property
    def last(self) -> OrderIntent:
        return self.placed[-1]

    @property
    def live(self) -> Order | None:
        order = self.tracker.by_client_id(self.placed[-1].client_id) if self.placed else None
        return order if order is not None and not order.is_settled else None

    def tell(self, news: AlgorithmInput) -> list[Action]:
        self.state, actions = step(self.state, news, self.view)
        self._act(actions)
        return actions

    def ack(self) -> None:
        """The exchange confirms the last order."""
        self._changed(
            self.tracker.reported(a_report(self.last.client_id, exchange_id=self._exchange_id()), self.now_ms)
        )

    def fill(self, quantity: str | Decimal, price: str | Decimal | None = None) -> None:
        """An execution of the last order, at its limit unless told otherwise."""
        self._fills += 1
        fill = a_fill(
            f"f-{self._fills}",
            client_id=self.last.client_id,
            exchange_order_id=self._exchange_id(),
            side=self.last.side,
            quantity=quantity,
            price=price if price is not None else self.last.price or "100",
            ts_ms=self.now_ms,
        )
        self._changed(self.tracker.filled(fill, self.now_ms))

    def end(self, status: OrderStatus = OrderStatus.EXPIRED, filled: str | None = None) -> None:
        """The exchange ends the last order; `filled` is what it claims was filled, by default what we saw."""
        order = self.tracker.by_client_id(self.last.client_id)
        assert order is not None
        claimed = str(order.filled) if filled is None else filled
        report = a_report(self.last.client_id, status, exchange_id=self._exchange_id(), filled=claimed)
        self._changed(self.tracker.reported(report, self.now_ms))

    def refuse(self, code: RefusalCode = RefusalCode.INSUFFICIENT_FUNDS) -> None:
        self._changed(self.tracker.refused(self.last.client_id, Refusal(code), self.now_ms))

    def lose(self) -> None:
        self._changed(self.tracker.lost(self.last.client_id, "timeout", self.now_ms))

    def absent(self) -> None:
        self._changed(self.tracker.absent(self.last.client_id, "not found", self.now_ms))

    def abort(self, reason: str = "stopped") -> None:
        self.tell(Abort(reason))

    def advance(self, seconds: float) -> None:
        """Let market time pass; due timers fire in order."""
        until = self.now_ms + round(seconds * 1000)
        for _ in range(MOST_WAKES):
            due = min(((ms, name) for name, ms in self.timers.items() if ms <= until), default=None)
            if due is None:
                self.now_ms = until
                return
            self.now_ms = max(self.now_ms, due[0])
            del self.timers[due[1]]
            self.tell(WokeUp(due[1]))
        raise AssertionError(f"{MOST_WAKES} wakes in {seconds} s: it asks to be woken at once, again and again")

    def restart(self) -> None:
        """Only the encoded state survives; timers must be asked for again."""
        self.state = msgspec.msgpack.decode(msgspec.msgpack.encode(self.state), type=AlgorithmState)
        self.timers.clear()
        self.tell(Started())

    def _changed(self, order: Order | None) -> None:
        if order is not None:
            self.tell(ChildChanged(order))

    def _exchange_id(self) -> str:
        return f"x-{self.last.client_id}"

    def _act(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Place) and self.refusals:
                refused = msgspec.structs.replace(self.refusals.pop(0), client_id=action.intent.client_id)
                self.tell(refused)
                return
            if isinstance(action, Place):
                self.placed.append(action.intent)
                self.tracker.intend(action.intent, self.now_ms)
            elif isinstance(action, Cancel):
                self.cancels.append(action.ref.client_id)
                self.tracker.cancel_requested(action.ref.client_id, self.now_ms)
            elif isinstance(action, Wake):
                assert action.due_ms > self.now_ms, "a timer that is due at once"
                self.timers[self.state.parent_id] = action.due_ms
            else:
                assert isinstance(action, Finished)
                assert self.finished is None, "finished twice"
                self.finished = action.reason
