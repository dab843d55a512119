"""The courier of a replay: carries order decisions to an exchange that answers at once.

Every outcome becomes the event that the live courier makes of it. Nothing here waits: what takes time is on the agenda.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import assert_never

import msgspec

from trader.domain.decisions import CancelOrder, QueryOrder, SubmitOrder
from trader.domain.errors import OutcomeUnknown, Rejected, Unavailable
from trader.domain.events import AnyEvent, FillArrived, OrderAbsent, OrderReported, PaymentArrived, Reconciled
from trader.domain.orders import OrderRef
from trader.domain.refusals import RefusalCode
from trader.engine.news.scope import ReconcileScope
from trader.ports import InstantExchange
from trader.runtime.agenda import Agenda
from trader.runtime.outcomes import Outcome, lost, not_canceled, refused


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How long things take in a replay, market ms."""

    tick_ms: int = 1_000  # between heartbeats; 0: none but those that are put
    latency_ms: int = 0  # until a submit or cancel meets the market
    reconcile_every_ms: int = 60_000  # funding is learned by asking; 0: never of its own
    reconcile_after_ms: int = 200  # once asked for, so that several reasons make one round
    look_up_after_ms: int = 1_000  # until an order of unknown outcome is looked for


class InstantCourier:
    """`put` is the replay's queue."""

    def __init__(self, exchange: InstantExchange, put: Callable[[AnyEvent], None], agenda: Agenda, pace: Pace) -> None:
        self._exchange = exchange
        self._put = put
        self._agenda = agenda
        self._pace = pace
        self._on_the_way: set[str] = set()  # client ids of orders that have not reached the market yet
        self._doubtful: dict[str, OrderRef] = {}

    def act(self, decision: SubmitOrder | CancelOrder | QueryOrder) -> None:
        """Carry out one decision, or have it carried out once its time has come."""
        match decision:
            case SubmitOrder():
                self._on_the_way.add(decision.approved.intent.client_id)
                self._agenda.after(self._pace.latency_ms, partial(self._submit, decision))
            case CancelOrder(ref=ref):
                self._agenda.after(self._pace.latency_ms, partial(self._cancel, ref))
            case QueryOrder(ref=ref, after_s=after_s):
                self._agenda.after(round(after_s * 1_000), partial(self._look_up, ref))
            case _:
                assert_never(decision)

    def look_up_doubtful(self) -> None:
        """Ask for every order of unknown outcome."""
        refs, self._doubtful = self._doubtful, {}
        for ref in refs.values():
            self._look_up(ref)

    def reconcile(self, scope: ReconcileScope, *, is_startup: bool) -> None:
        """Ask for everything; ends in `Reconciled`."""
        for event in self._account(scope, is_startup=is_startup):
            self._put(event)

    def _submit(self, decision: SubmitOrder) -> None:
        order, old = decision.approved, decision.replaces
        self._on_the_way.discard(order.intent.client_id)
        try:
            reports = (self._exchange.submit(order),) if old is None else self._exchange.replace(old, order)
        except Rejected as error:
            self._conclude(refused(decision, error.code, error))
        except Unavailable as error:
            self._conclude(refused(decision, RefusalCode.NOT_SENT, error))
        except OutcomeUnknown as error:
            outcome = lost(decision, error)
            self._put(outcome.event)
            self._doubtful.update((ref.client_id, ref) for ref in outcome.doubtful)
            self._agenda.after(self._pace.look_up_after_ms, self.look_up_doubtful)
        else:
            for report in reports:
                self._put(OrderReported(report=report))

    def _cancel(self, ref: OrderRef) -> None:
        try:
            self._put(OrderReported(report=self._exchange.cancel(ref)))
        except Rejected as error:
            self._conclude(not_canceled(ref, str(error)))
        except (Unavailable, OutcomeUnknown) as error:
            self._conclude(not_canceled(ref, f"no answer: {error}"))

    def _conclude(self, outcome: Outcome) -> None:
        self._put(outcome.event)
        for ref in outcome.doubtful:
            self._look_up(ref)

    def _look_up(self, ref: OrderRef) -> None:
        self._put(self._looked_up(ref))

    def _looked_up(self, ref: OrderRef) -> OrderReported | OrderAbsent:
        report = self._exchange.order(ref)
        if report is None:
            return OrderAbsent(client_id=ref.client_id, evidence="the exchange answers at once and has no such order")
        return OrderReported(report=report)

    def _account(self, scope: ReconcileScope, *, is_startup: bool) -> Iterator[AnyEvent]:
        """In the order of the live courier: what the balances contain is told before them."""
        exchange = self._exchange
        open_reports = exchange.open_orders()
        still_open = {report.client_id for report in open_reports}
        for symbol, since_ms in scope.fills_since_ms.items():
            yield from (FillArrived(fill=fill) for fill in exchange.fills(symbol, since_ms))
        if scope.payments_since_ms is not None:
            yield from (PaymentArrived(payment=payment) for payment in exchange.payments(scope.payments_since_ms))
        yield from (OrderReported(report=report) for report in open_reports)
        for ref in scope.refs:
            if ref.client_id not in still_open and ref.client_id not in self._on_the_way:
                yield self._looked_up(ref)
        yield Reconciled(
            balances=tuple(exchange.balances()),
            positions=tuple(exchange.positions()),
            open_client_ids=tuple(sorted(still_open)),
            is_startup=is_startup,
        )
