"""The instant simulated exchange, with answers that get lost and requests that are turned away."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeVar

import msgspec

from trader.domain.decisions import SubmitOrder
from trader.domain.errors import OutcomeUnknown, Rejected, Unavailable
from trader.domain.events import AccountEvent, FillArrived
from trader.domain.orders import Approved, Fill, OrderRef, OrderReport
from trader.ports import AccountSink
from trader.simulation.instant import InstantVenue

Fault = Literal["lost_before", "lost_after", "refused", "not_sent"]
R = TypeVar("R")


class FaultyVenue(InstantVenue):
    """`fault` is asked about each order. Without `states_profit` no fill says what it realised."""

    fault: Callable[[SubmitOrder], Fault | None] = staticmethod(lambda order: None)
    states_profit = False
    _is_mute = False

    def submit(self, order: Approved) -> OrderReport:
        return self._stripped(self._faulty(SubmitOrder(order), lambda: InstantVenue.submit(self, order)))

    def replace(self, old: OrderRef, order: Approved) -> tuple[OrderReport, OrderReport]:
        decision = SubmitOrder(order, old)
        canceled, placed = self._faulty(decision, lambda: InstantVenue.replace(self, old, order))
        return self._stripped(canceled), self._stripped(placed)

    def order(self, ref: OrderRef) -> OrderReport | None:
        report = super().order(ref)
        return None if report is None else self._stripped(report)

    def fills(self, symbol: str, since_ms: int) -> list[Fill]:
        return [self._without_profit(fill) for fill in super().fills(symbol, since_ms)]

    def subscribe(self, sink: AccountSink) -> Callable[[], None]:
        def tell(event: AccountEvent) -> None:
            if isinstance(event, FillArrived):
                event = msgspec.structs.replace(event, fill=self._without_profit(event.fill))
            if not self._is_mute:
                sink(event)

        return super().subscribe(tell)

    def _faulty(self, decision: SubmitOrder, place: Callable[[], R]) -> R:
        fault = self.fault(decision)
        if fault == "refused":
            raise Rejected("refused by the test")
        if fault == "not_sent":
            raise Unavailable("refused by the test")
        if fault == "lost_before":
            raise OutcomeUnknown(fault)
        if fault == "lost_after":
            with self._stream_down():
                place()
            raise OutcomeUnknown(fault)
        return place()

    @contextmanager
    def _stream_down(self) -> Iterator[None]:
        self._is_mute = True
        try:
            yield
        finally:
            self._is_mute = False

    def _stripped(self, report: OrderReport) -> OrderReport:
        return msgspec.structs.replace(report, fills=tuple(self._without_profit(fill) for fill in report.fills))

    def _without_profit(self, fill: Fill) -> Fill:
        return fill if self.states_profit else msgspec.structs.replace(fill, realised=None)
