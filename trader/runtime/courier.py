"""Carries order decisions to the exchange and every outcome back as an event.

Nothing here decides. An answer that did not come is `OutcomeLost`, and the courier looks for evidence until it
has some: only after the exchange can no longer accept a late request is "not found" believed.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import assert_never

import msgspec
import structlog

from trader.domain.decisions import CancelOrder, QueryOrder, SubmitOrder
from trader.domain.errors import Rejected, TraderError, Unavailable
from trader.domain.events import (
    AccountUnreachable,
    AnyEvent,
    FillArrived,
    OrderAbsent,
    OrderReported,
    PaymentArrived,
    Reconciled,
)
from trader.domain.orders import OrderRef, OrderReport
from trader.domain.refusals import RefusalCode
from trader.domain.units import HOUR_MS
from trader.engine.news.scope import ReconcileScope
from trader.ports import Exchange
from trader.runtime.outcomes import Outcome, lost, not_canceled, refused

log = structlog.get_logger("courier")

QUERY_WAITS_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # then every 10 s until there is evidence
RECONCILE_WAITS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)


class Courier:
    """`spawn` starts a task in the runner's group; `put` is the inbox."""

    def __init__(
        self,
        exchange: Exchange,
        put: Callable[[AnyEvent], None],
        spawn: Callable[[Coroutine[None, None, None]], object],
        *,
        late_request_s: float,
    ) -> None:
        self._exchange = exchange
        self._put = put
        self._spawn = spawn
        self._late_request_s = late_request_s
        self._in_flight = 0
        self._resolving: set[str] = set()
        self._errors: deque[float] = deque(maxlen=10_000)  # loop times of failed requests

    @property
    def in_flight(self) -> int:
        """Requests that change something and have no outcome yet."""
        return self._in_flight

    def errors_last_minute(self) -> int:
        horizon = asyncio.get_running_loop().time() - 60.0
        while self._errors and self._errors[0] < horizon:
            self._errors.popleft()
        return len(self._errors)

    def act(self, decision: SubmitOrder | CancelOrder | QueryOrder) -> None:
        """Start carrying out one decision; returns at once."""
        match decision:
            case SubmitOrder():
                self._in_flight += 1
                self._spawn(self._submit(decision))
            case CancelOrder(ref=ref):
                self._in_flight += 1
                self._spawn(self._cancel(ref))
            case QueryOrder(ref=ref, after_s=after_s):
                self._resolve_soon(ref, after_s)
            case _:
                assert_never(decision)

    async def _submit(self, decision: SubmitOrder) -> None:
        order, old = decision.approved, decision.replaces
        client_id = order.intent.client_id
        try:
            if old is None:
                self._put(OrderReported(report=await self._exchange.submit(order)))
            else:
                for report in await self._exchange.replace(old, order):
                    self._put(OrderReported(report=report))
        except Rejected as error:
            self._conclude(refused(decision, error.code, error))
        except Unavailable as error:
            self._failed("order.not_sent", error, client_id=client_id)
            self._conclude(refused(decision, RefusalCode.NOT_SENT, error))
        except Exception as error:  # edge: whatever went wrong after sending, the order may exist  # noqa: BLE001
            self._failed("order.outcome_lost", error, client_id=client_id)
            self._conclude(lost(decision, error))
        finally:
            self._in_flight -= 1

    async def _cancel(self, ref: OrderRef) -> None:
        try:
            self._put(OrderReported(report=await self._exchange.cancel(ref)))
        except Rejected as error:
            self._conclude(not_canceled(ref, str(error)))
        except Exception as error:  # edge: a cancel without an answer is settled by asking for the order  # noqa: BLE001
            self._failed("cancel.outcome_lost", error, client_id=ref.client_id)
            self._conclude(not_canceled(ref, f"no answer: {error}"))
        finally:
            self._in_flight -= 1

    def _conclude(self, outcome: Outcome) -> None:
        self._put(outcome.event)
        for ref in outcome.doubtful:
            self._resolve_soon(ref, 0.0)

    def _resolve_soon(self, ref: OrderRef, after_s: float) -> None:
        if ref.client_id not in self._resolving:
            self._resolving.add(ref.client_id)
            self._spawn(self._resolve(ref, after_s))

    async def _resolve(self, ref: OrderRef, after_s: float) -> None:
        """Ask until the exchange shows the order, or provably cannot have it any more."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            await asyncio.sleep(after_s)
            for attempt in range(1_000_000):
                try:
                    if await self._found(ref):
                        return
                    waited_s = loop.time() - began
                    if waited_s >= self._late_request_s:
                        evidence = f"not found by id, nor among open orders and fills, {waited_s:.1f} s after sending"
                        self._put(OrderAbsent(client_id=ref.client_id, evidence=evidence))
                        return
                except TraderError as error:
                    self._failed("order.query_failed", error, client_id=ref.client_id)
                wait_s = QUERY_WAITS_S[min(attempt, len(QUERY_WAITS_S) - 1)]
                if (proof_s := self._late_request_s - (loop.time() - began)) > 0:
                    wait_s = min(wait_s, proof_s)  # ask once more as soon as "not found" is proof
                await asyncio.sleep(wait_s)
        finally:
            self._resolving.discard(ref.client_id)

    async def _found(self, ref: OrderRef) -> bool:
        report = await self._exchange.order(ref)
        if report is None:
            report = next((r for r in await self._exchange.open_orders() if r.client_id == ref.client_id), None)
        if report is None:
            return False
        await self._put_fills(report)
        self._put(OrderReported(report=report))
        return True

    async def _put_fills(self, report: OrderReport) -> None:
        """Tell the fills of an order that an answer without them reports as (partly) filled."""
        if report.filled <= sum((fill.quantity for fill in report.fills), start=report.filled * 0):
            return
        for fill in await self._exchange.fills(report.symbol, max(0, report.ts_ms - HOUR_MS)):
            if fill.exchange_order_id == report.exchange_id:
                self._put(FillArrived(fill=msgspec.structs.replace(fill, client_id=report.client_id)))

    async def reconcile(self, scope: Callable[[], ReconcileScope], *, is_startup: bool, reason: str) -> None:
        """Ask for everything until one complete round of answers has come; ends in `Reconciled`."""
        for attempt in range(1_000_000):
            try:
                await self._reconcile_once(scope(), is_startup)
            except TraderError as error:
                self._failed("reconcile.failed", error, reason=reason)
                self._put(AccountUnreachable(reason=f"reconciliation failed: {error}"))
                await asyncio.sleep(RECONCILE_WAITS_S[min(attempt, len(RECONCILE_WAITS_S) - 1)])
            else:
                return

    async def _reconcile_once(self, scope: ReconcileScope, is_startup: bool) -> None:
        open_reports = await self._exchange.open_orders()
        balances = tuple(await self._exchange.balances())
        positions = tuple(await self._exchange.positions())
        still_open = {report.client_id for report in open_reports}
        gone = [ref for ref in scope.refs if ref.client_id not in still_open]
        # after the balances, so that every fill inside them is known when they are compared
        for symbol, since_ms in scope.fills_since_ms.items():
            for fill in await self._exchange.fills(symbol, since_ms):
                self._put(FillArrived(fill=fill))
        if scope.payments_since_ms is not None:
            for payment in await self._exchange.payments(scope.payments_since_ms):
                self._put(PaymentArrived(payment=payment))
        for report in open_reports:
            self._put(OrderReported(report=report))
        for ref in gone:
            ended = await self._exchange.order(ref)
            if ended is not None:
                self._put(OrderReported(report=ended))
            else:
                self._resolve_soon(ref, 0.0)
        self._put(
            Reconciled(
                balances=balances,
                positions=positions,
                open_client_ids=tuple(sorted(still_open)),
                is_startup=is_startup,
            )
        )

    def _failed(self, event: str, error: Exception, **fields: str) -> None:
        self._errors.append(asyncio.get_running_loop().time())
        expected = isinstance(error, TraderError)
        log.warning(event, error=str(error), kind=type(error).__name__, exc_info=not expected, **fields)
