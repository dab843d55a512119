"""One account at one exchange over ccxt: orders with their true outcomes, and the account's own record."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from trader.adapters.ccxt.account.conditional import conditional_report, ended, is_conditional, order_number
from trader.adapters.ccxt.account.dead_man import cancel_after
from trader.adapters.ccxt.account.fills import ClientIds, FillHistory, searches
from trader.adapters.ccxt.account.margin import positions_of, wallets_of
from trader.adapters.ccxt.account.order_calls import order_call, replacement
from trader.adapters.ccxt.account.payments import PaymentHistory
from trader.adapters.ccxt.account.stream import AccountStream
from trader.adapters.ccxt.account.translate import BrokenAnswer, balances_of, order_report
from trader.adapters.ccxt.transport import errors
from trader.adapters.ccxt.transport.client import Client
from trader.adapters.ccxt.transport.flight import Flight
from trader.domain.account import Balance, Payment, Position
from trader.domain.errors import OutcomeUnknown, Rejected, Unavailable
from trader.domain.orders import Approved, Fill, OrderRef, OrderReport
from trader.domain.refusals import RefusalCode
from trader.ports import AccountSink

ALL_AT_ONCE = 10  # symbols from which on open orders are asked for in one request


class CcxtExchange:
    """Implements `ports.Exchange` and `DeadMansSwitch`. `is_margined`: perpetuals, backed by one account's margin.

    `orders` sends orders and nothing else, so that no download delays them; `account` asks and streams. Both have
    their markets loaded. They may be the same client. `on_refused` is told the code of every refused order.
    """

    def __init__(
        self,
        orders: Client,
        account: Client,
        symbols: Sequence[str],
        *,
        is_margined: bool = False,
        on_refused: Callable[[RefusalCode], None] = lambda _code: None,
    ) -> None:
        self._orders = orders
        self._account = account
        self._symbols = tuple(symbols)
        self._facts = account.facts
        self._client_ids = ClientIds(account)
        self._fill_history = FillHistory(account, self._client_ids)
        self._payments = PaymentHistory(account, self._symbols)
        self._is_margined = is_margined
        self._stream: AccountStream | None = None
        self._on_refused = on_refused

    @property
    def can_replace(self) -> bool:
        return self._facts.replaces_in_one_request

    async def cancel_after(self, seconds: float) -> None:
        await cancel_after(self._account, self._symbols, seconds)

    # --- orders -----------------------------------------------------------------------------------------------

    async def submit(self, order: Approved) -> OrderReport:
        with self._noting_refusals():
            return await self._submit(order)

    async def _submit(self, order: Approved) -> OrderReport:
        intent = order.intent
        call = order_call(self._orders.raw, intent, self._facts)
        try:
            answer, _ = await self._orders.send("create_order", *call, failure=errors.of_submit)
        except Rejected as error:
            if error.code is not RefusalCode.CLOCK:
                raise
            # refused for its time stamp, so certainly not placed; the client measures the clock before it signs again
            answer, _ = await self._orders.send("create_order", *call, failure=errors.of_submit)
        return self._placed(answer, intent.symbol, intent.client_id)

    async def replace(self, old: OrderRef, order: Approved) -> tuple[OrderReport, OrderReport]:
        if not self.can_replace:
            gone = await self.cancel(old)
            return gone, await self.submit(order)
        with self._noting_refusals():
            return await self._replace(old, order)

    async def _replace(self, old: OrderRef, order: Approved) -> tuple[OrderReport, OrderReport]:
        intent = order.intent
        call = replacement(order_call(self._orders.raw, intent, self._facts), old.client_id, self._facts)
        answer, flight = await self._orders.send("edit_order", old.exchange_id or "", *call, failure=errors.of_submit)
        return self._ended(flight, old), self._placed(answer, intent.symbol, intent.client_id)

    async def cancel(self, ref: OrderRef) -> OrderReport:
        answer, _ = await self._orders.send(
            "cancel_order", ref.exchange_id or "", ref.symbol, self._by_client_id(ref), failure=errors.of_cancel
        )
        if isinstance(answer, dict) and answer.get("id") and not answer.get("status"):
            found = await self.order(ref)  # some exchanges only acknowledge
            if found is not None:
                return found
        try:
            return self._report(answer, client_id=ref.client_id, symbol=ref.symbol)
        except BrokenAnswer as error:
            raise OutcomeUnknown(f"cancel of {ref.client_id}: {error}") from None

    async def order(self, ref: OrderRef) -> OrderReport | None:
        if not self._facts.queries_orders:
            return await self._search(ref)
        try:
            found = await self._account.read("fetch_order", ref.exchange_id or "", ref.symbol, self._by_client_id(ref))
        except Rejected as error:
            if error.code is RefusalCode.UNKNOWN_ORDER:
                return None
            raise Unavailable(f"order {ref.client_id}: {error}") from None
        report = self._stated(found, ref.symbol, ref.client_id)
        return await self._became(found, report)

    async def _became(self, found: Any, report: OrderReport) -> OrderReport:
        """Of a conditional order that has triggered: the state of the order it has become."""
        fields, info = self._facts.conditional, found.get("info")
        if fields is None or not is_conditional(info, fields) or not order_number(info, fields):
            return report
        try:
            order = await self._account.read("fetch_order", report.exchange_id, report.symbol)
        except Rejected as error:
            if error.code is RefusalCode.UNKNOWN_ORDER:
                return ended(report)
            raise Unavailable(f"order {report.client_id}: {error}") from None
        return self._stated(order, report.symbol, report.client_id)

    async def open_orders(self) -> list[OrderReport]:
        asked: Sequence[str | None] = self._symbols if len(self._symbols) <= ALL_AT_ONCE else (None,)
        found: dict[tuple[str, str], OrderReport] = {}
        for symbol in asked:
            for params in [{}, dict(self._facts.stop_book)][: 2 if self._facts.stop_book else 1]:
                for report in await self._open(symbol, params):
                    found[report.symbol, report.exchange_id] = report
        return [report for report in found.values() if report.symbol in self._symbols]

    # --- the account ------------------------------------------------------------------------------------------

    async def fills(self, symbol: str, since_ms: int) -> list[Fill]:
        return await self._fill_history.since(symbol, since_ms)

    async def payments(self, since_ms: int) -> list[Payment]:
        return await self._payments.since(since_ms) if self._is_margined else []

    async def balances(self) -> list[Balance]:
        answer = await self._account.read("fetch_balance")
        try:
            balances = balances_of(answer, self._facts.balance_key)
            if self._is_margined and self._facts.wallets is not None:
                balances = wallets_of(answer, self._facts.wallets)
        except BrokenAnswer as error:
            raise Unavailable(str(error)) from None
        return [balance for balance in balances if balance.free or balance.locked]

    async def positions(self) -> list[Position]:
        if not self._is_margined:
            return []
        try:
            return positions_of(await self._account.read("fetch_positions", list(self._symbols)), self._symbols)
        except BrokenAnswer as error:
            raise Unavailable(str(error)) from None

    async def run_account(self, sink: AccountSink) -> None:
        self._stream = AccountStream(self._account, self._symbols, self._client_ids, sink)
        try:
            await self._stream.run()
        finally:
            self._stream = None

    async def clock_offset_ms(self) -> float:
        return await self._account.measure_clock()

    async def close(self) -> None:
        await asyncio.gather(self._orders.close(), self._account.close())

    # --- details ----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _noting_refusals(self) -> Iterator[None]:
        try:
            yield
        except Rejected as error:
            self._on_refused(error.code)
            raise

    def _now_ms(self) -> int:
        return self._account.time.our_ms()

    def _by_client_id(self, ref: OrderRef) -> dict[str, Any]:
        named = {self._facts.query_id_key: ref.client_id} if ref.client_id else {}
        return {**named, **(self._facts.stop_book if ref.is_stop else {})}

    def _placed(self, answer: Any, symbol: str, client_id: str) -> OrderReport:
        """The acknowledgement of a new order. Whatever else came back, the order may exist."""
        try:
            report = self._report(answer, client_id=client_id, symbol=symbol, is_new=True)
        except BrokenAnswer as error:
            raise OutcomeUnknown(f"order {client_id}: {error}") from None
        self._client_ids.learn(symbol, report.exchange_id, client_id)
        if self._stream is not None:
            self._stream.expect(report)
        return report

    def _ended(self, flight: Flight, old: OrderRef) -> OrderReport:
        """The end of a replaced order, from the part of the answer ccxt leaves out."""
        answer = flight.answer()
        part = answer.get(self._facts.replace_cancel_answer) if isinstance(answer, dict) else None
        try:
            order = self._orders.raw.parse_order(part, self._orders.raw.market(old.symbol))
            return order_report(order, client_id=old.client_id, symbol=old.symbol, now_ms=self._now_ms())
        except errors.MALFORMED as error:
            raise OutcomeUnknown(f"replacement of {old.client_id}: {error}") from None

    def _stated(self, order: Any, symbol: str, client_id: str | None = None) -> OrderReport:
        try:
            report = self._report(order, client_id=client_id or None, symbol=symbol)
        except BrokenAnswer as error:
            raise Unavailable(str(error)) from None
        self._client_ids.learn(report.symbol, report.exchange_id, report.client_id)
        return report

    def _report(self, order: Any, *, symbol: str, client_id: str | None, is_new: bool = False) -> OrderReport:
        """One ccxt order; raises `BrokenAnswer`."""
        report = order_report(order, client_id=client_id, symbol=symbol, is_new=is_new, now_ms=self._now_ms())
        fields, info = self._facts.conditional, order.get("info")
        if fields is None or not is_conditional(info, fields):
            return report
        return conditional_report(report, info, fields)

    async def _search(self, ref: OrderRef) -> OrderReport | None:
        """Find an order among the open and the recently ended ones."""
        for method in searches(self._account):
            for params in [{}, dict(self._facts.stop_book)][: 2 if ref.is_stop and self._facts.stop_book else 1]:
                for order in await self._account.read(method, ref.symbol, None, None, params):
                    report = self._stated(order, ref.symbol)
                    if ref.client_id == report.client_id or (ref.exchange_id or "") == report.exchange_id:
                        return report
        return None

    async def _open(self, symbol: str | None, params: dict[str, Any]) -> list[OrderReport]:
        page = self._facts.open_orders_page
        orders = await self._account.read("fetch_open_orders", symbol, None, page, params)
        if not isinstance(orders, list) or (page is not None and len(orders) >= page):
            raise Unavailable(f"open orders of {symbol or 'all symbols'} are incomplete: {repr(orders)[:100]}")
        reports = []
        for order in orders:
            name = symbol or (order.get("symbol") if isinstance(order, dict) else None)
            if not name:
                raise Unavailable(f"an open order without symbol: {repr(order)[:100]}")
            reports.append(self._stated(order, name))
        return reports
