"""Every order we ever wanted, and the only code that changes one."""

from collections.abc import Iterable
from decimal import Decimal, localcontext

import msgspec

from trader.domain.errors import InvariantBroken
from trader.domain.instrument import EXACT, ZERO
from trader.domain.orders import Fill, Order, OrderIntent, OrderReport, OrderStatus, may_follow
from trader.domain.refusals import Refusal, RefusalCode
from trader.domain.undo import Part, Undo
from trader.domain.units import DAY_MS

_S = OrderStatus
_NEVER_PLACED = (_S.REJECTED, _S.NOT_PLACED)
_FILL_GENERATION_MS = 4 * DAY_MS  # fill ids are remembered for four to eight days
# fills without an order of ours: one that comes before its order's report waits only for moments
_KEEP_STRANGERS = 200

FillKey = tuple[str, str]  # (symbol, fill id)


class OrderTracker(Part):
    """The state of all orders, moved only by evidence.

    Methods that bring news return the changed order, or None when nothing changed (repetitions, late news,
    orders that are not ours). News that contradicts what is known changes nothing and becomes an anomaly.
    Settled orders are forgotten after `keep_settled` newer ones.
    """

    def __init__(self, keep_settled: int = 1_000, undo: Undo | None = None) -> None:
        super().__init__(undo)
        self._keep_settled = keep_settled
        self._live: dict[str, Order] = {}  # by client id: not yet settled
        self._doubtful: set[str] = set()  # of those the ones without evidence, and the ended ones that lack fills
        self._settled: dict[str, Order] = {}  # by client id, oldest first
        self._client_ids: dict[tuple[str, str], str] = {}  # (symbol, exchange id) -> client id
        self._fill_ids: set[FillKey] = set()
        self._older_fill_ids: set[FillKey] = set()
        self._generation_ms: int | None = None
        self._strangers: dict[FillKey, Fill] = {}  # fills of orders we do not know (yet), oldest first
        self._anomalies: tuple[str, ...] = ()
        self.anomaly_count = 0

    # --- what is known ----------------------------------------------------------------------------------------

    def by_client_id(self, client_id: str) -> Order | None:
        """The order of our name `client_id`, live or settled."""
        return self._live.get(client_id) or self._settled.get(client_id)

    def by_exchange_id(self, symbol: str, exchange_id: str) -> Order | None:
        """The order that the exchange calls `exchange_id`, if it ever told us so."""
        client_id = self._client_ids.get((symbol, exchange_id))
        return self.by_client_id(client_id) if client_id else None

    def is_known(self, client_id: str) -> bool:
        """Whether an order of that name is remembered."""
        return client_id in self._live or client_id in self._settled

    def open_orders(self, symbol: str | None = None) -> tuple[Order, ...]:
        """Orders that have not ended, PENDING and UNKNOWN ones included, oldest first."""
        found: Iterable[Order] = self._live.values()
        if self._doubtful:
            found = [order for order in found if not order.status.is_terminal]
        return tuple(found) if symbol is None else tuple(order for order in found if order.intent.symbol == symbol)

    def unsettled(self) -> tuple[Order, ...]:
        """Orders that have ended while fills the exchange reported have not arrived: ask for their fills."""
        return tuple(order for order in self._live.values() if order.status.is_terminal) if self._doubtful else ()

    def unknown(self) -> tuple[Order, ...]:
        """Orders without evidence: ask what became of them."""
        return tuple(order for order in self._live.values() if order.status is _S.UNKNOWN) if self._doubtful else ()

    def unknown_in(self, symbol: str) -> bool:
        """Whether an order of `symbol` is without evidence, or its fills are: nothing new is opened there."""
        return any(self._live[client_id].symbol == symbol for client_id in self._doubtful)

    def is_being_replaced(self, client_id: str) -> bool:
        """Whether an order is on its way that takes the place of this one."""
        return any(order.replaces == client_id and order.is_in_flight for order in self._live.values())

    def has_stand_in(self, client_id: str) -> bool:
        """Whether another order was sent because this one got no answer."""
        known = (*self._live.values(), *self._settled.values())
        return any(order.stands_in_for == client_id for order in known)

    def has_fill(self, fill: Fill) -> bool:
        """Whether this execution was heard of before and there is nothing more to do about it.

        A fill can come before the exchange id that makes it ours; once it does, the fill is news again.
        """
        key = (fill.symbol, fill.fill_id)
        if key in self._strangers:
            return self._order_of(fill) is None
        return key in self._fill_ids or key in self._older_fill_ids

    def claimable(self, client_id: str) -> tuple[Fill, ...]:
        """Fills that came before their order could be recognised and are now known to be this order's.

        Give each to `filled` and to the ledger, as if it came now.
        """
        if not self._strangers:
            return ()
        order = self.by_client_id(client_id)
        if order is None or order.exchange_id is None:
            return ()
        return tuple(
            fill
            for fill in self._strangers.values()
            if fill.symbol == order.symbol and fill.exchange_order_id == order.exchange_id
        )

    def disown(self, symbol: str) -> tuple[Fill, ...]:
        """Fills in `symbol` that belong to no order of ours, oldest first, given out once.

        Whoever asks has made sure that no order is without an answer: a late one would have been theirs.
        """
        taken = [fill for fill in self._strangers.values() if fill.symbol == symbol]
        for fill in taken:
            del self._strangers[fill.symbol, fill.fill_id]
        return tuple(sorted(taken, key=lambda fill: fill.ts_ms))

    def take_anomalies(self) -> list[str]:
        """What contradicted since the last call; `anomaly_count` goes on counting."""
        if not self._anomalies:
            return []
        taken, self._anomalies = self._anomalies, ()
        return list(taken)

    # --- news -------------------------------------------------------------------------------------------------

    def intend(self, intent: OrderIntent, now_ms: int, *, replaces: str = "", stands_in_for: str = "") -> Order:
        """A new order, PENDING; the client ids are those of `Order`. Raises `InvariantBroken` when its own was used
        before."""
        if self.is_known(intent.client_id):
            raise InvariantBroken(f"client id {intent.client_id} already names an order; every intent has its own")
        order = Order(intent, _S.PENDING, now_ms, now_ms, replaces=replaces, stands_in_for=stands_in_for)
        self._live[intent.client_id] = order
        return order

    def reported(self, report: OrderReport, now_ms: int) -> Order | None:
        """The exchange's statement. Its `fills` are not applied here: give each to `filled` (and to the ledger)."""
        order = self.by_client_id(report.client_id) or self.by_exchange_id(report.symbol, report.exchange_id)
        if order is None:
            return None
        status = order.status
        if may_follow(status, report.status):
            status = report.status
        elif self._contradicts(order, report.status):
            self._anomaly(f"order {order.client_id} is {order.status}, the exchange reports {report.status}")
        return self._change(
            order,
            now_ms,
            status=status,
            exchange_id=report.exchange_id or order.exchange_id,
            reported_filled=max(order.reported_filled, report.filled),
            refusal=Refusal(RefusalCode.REPORTED, report.reason) if report.reason else order.refusal,
        )

    def filled(self, fill: Fill, now_ms: int) -> Order | None:
        """One execution. Remembered even when the order is not ours, so that the ledger counts it once."""
        if self.has_fill(fill):
            return None
        order = self._order_of(fill)
        self._remember_fill(fill, now_ms, is_ours=order is not None)
        if order is None:
            return None
        if order.status in _NEVER_PLACED:
            self._anomaly(f"order {order.client_id} is {order.status}, yet fill {fill.fill_id} of {fill.quantity} came")
        with localcontext(EXACT):
            filled = order.filled + fill.quantity
            filled_quote = order.filled_quote + fill.quantity * fill.price
            fees = _with_fee(order.fees, fill)
        if filled > order.intent.quantity:
            self._anomaly(f"order {order.client_id} of {order.intent.quantity} has fills of {filled}")
        reached = _S.FILLED if filled >= order.intent.quantity else _S.PARTIALLY_FILLED
        return self._change(
            order,
            now_ms,
            status=reached if may_follow(order.status, reached) else order.status,
            exchange_id=fill.exchange_order_id or order.exchange_id,
            filled=filled,
            filled_quote=filled_quote,
            fees=fees,
        )

    def refused(self, client_id: str, refusal: Refusal, now_ms: int) -> Order | None:
        """The exchange definitively did not take it."""
        return self._ended(client_id, _S.REJECTED, refusal, now_ms)

    def absent(self, client_id: str, evidence: str, now_ms: int) -> Order | None:
        """Evidence that the exchange never had it. For one that was refused meanwhile that is no news."""
        order = self.by_client_id(client_id)
        if order is not None and order.status is _S.REJECTED:
            return None
        return self._ended(client_id, _S.NOT_PLACED, Refusal(RefusalCode.NEVER_PLACED, evidence), now_ms)

    def lost(self, client_id: str, reason: str, now_ms: int) -> Order | None:
        """No usable answer to the submit. Evidence that came by another way first is not undone."""
        order = self._live.get(client_id)
        if order is None or order.status is not _S.PENDING:
            return None
        return self._change(order, now_ms, status=_S.UNKNOWN, refusal=Refusal(RefusalCode.NO_ANSWER, reason))

    def cancel_requested(self, client_id: str, now_ms: int) -> Order | None:
        """We asked for its end; the order lives until the exchange says otherwise."""
        order = self._live.get(client_id)
        if order is None or order.status.is_terminal:
            return None
        return self._change(order, now_ms, cancel_requested=True)

    def cancel_refused(self, client_id: str, reason: str, now_ms: int) -> Order | None:
        """The cancel found nothing to cancel: it may be asked again once the order's state is known."""
        order = self._live.get(client_id)
        if order is None:
            return None
        refusal = Refusal(RefusalCode.CANCEL_REFUSED, reason) if reason else order.refusal
        return self._change(order, now_ms, cancel_requested=False, refusal=refusal)

    def restore(self, orders: Iterable[Order], fill_ids: Iterable[FillKey], now_ms: int = 0) -> tuple[Order, ...]:
        """Go on after a restart. Orders that were PENDING become UNKNOWN (their answer can no longer come); they
        are returned."""
        self._fill_ids.update(fill_ids)
        doubtful: list[Order] = []
        for order in orders:
            if order.status is _S.PENDING:
                order = msgspec.structs.replace(order, status=_S.UNKNOWN, updated_ms=max(now_ms, order.updated_ms))
                doubtful.append(order)
            self._keep(order)
        return tuple(doubtful)

    # --- inside -----------------------------------------------------------------------------------------------

    def _ended(self, client_id: str, status: OrderStatus, refusal: Refusal, now_ms: int) -> Order | None:
        order = self.by_client_id(client_id)
        if order is None:
            return None
        if order.filled or order.reported_filled or not may_follow(order.status, status):
            self._anomaly(f"order {client_id} is {order.status} with {order.filled} filled, told {status}: {refusal}")
            return None
        return self._change(order, now_ms, status=status, refusal=refusal)

    @staticmethod
    def _contradicts(order: Order, told: OrderStatus) -> bool:
        """Whether `told` cannot be merely late. Older states may arrive after newer ones; other ends may not."""
        if told in (_S.PENDING, _S.UNKNOWN):
            return False
        return order.status in _NEVER_PLACED or told.is_terminal

    def _anomaly(self, text: str) -> None:
        self.anomaly_count += 1
        self._anomalies = (*self._anomalies, text)

    def _change(
        self,
        order: Order,
        now_ms: int,
        *,
        status: OrderStatus | None = None,
        exchange_id: str | None = None,
        reported_filled: Decimal | None = None,
        filled: Decimal | None = None,
        filled_quote: Decimal | None = None,
        fees: tuple[tuple[str, Decimal], ...] | None = None,
        cancel_requested: bool | None = None,
        refusal: Refusal | None = None,
    ) -> Order | None:
        """Keep `order` with what is given; None when that is what it was."""
        changed = Order(
            intent=order.intent,
            status=order.status if status is None else status,
            created_ms=order.created_ms,
            updated_ms=order.updated_ms,
            exchange_id=order.exchange_id if exchange_id is None else exchange_id,
            reported_filled=order.reported_filled if reported_filled is None else reported_filled,
            filled=order.filled if filled is None else filled,
            filled_quote=order.filled_quote if filled_quote is None else filled_quote,
            fees=order.fees if fees is None else fees,
            cancel_requested=order.cancel_requested if cancel_requested is None else cancel_requested,
            replaces=order.replaces,
            stands_in_for=order.stands_in_for,
            refusal=order.refusal if refusal is None else refusal,
        )
        if changed == order:
            return None
        changed = msgspec.structs.replace(changed, updated_ms=max(order.updated_ms, now_ms))
        self._keep(changed)
        return changed

    def _keep(self, order: Order) -> None:
        """Where the order belongs now; the oldest settled ones are forgotten."""
        if order.exchange_id:
            self._client_ids[(order.symbol, order.exchange_id)] = order.client_id
        if order.status is _S.UNKNOWN or (order.status.is_terminal and not order.is_settled):
            self._doubtful.add(order.client_id)
        else:
            self._doubtful.discard(order.client_id)
        if not order.is_settled:
            self._settled.pop(order.client_id, None)
            self._live[order.client_id] = order
            return
        self._live.pop(order.client_id, None)
        self._settled[order.client_id] = order
        while len(self._settled) > self._keep_settled:
            forgotten = self._settled.pop(next(iter(self._settled)))
            if forgotten.exchange_id:
                self._client_ids.pop((forgotten.symbol, forgotten.exchange_id), None)

    def _order_of(self, fill: Fill) -> Order | None:
        return self.by_client_id(fill.client_id) or self.by_exchange_id(fill.symbol, fill.exchange_order_id)

    def _remember_fill(self, fill: Fill, now_ms: int, *, is_ours: bool) -> None:
        """Two generations of ids: constant work and bounded memory. Strangers are also kept whole, a few of them."""
        key = (fill.symbol, fill.fill_id)
        if self._generation_ms is None:
            self._generation_ms = now_ms
        elif now_ms - self._generation_ms > _FILL_GENERATION_MS:
            self._older_fill_ids, self._fill_ids = self._fill_ids, set()
            self._generation_ms = now_ms
        self._fill_ids.add(key)
        self._strangers.pop(key, None)
        if not is_ours:
            self._strangers[key] = fill
            while len(self._strangers) > _KEEP_STRANGERS:
                del self._strangers[next(iter(self._strangers))]


def _with_fee(fees: tuple[tuple[str, Decimal], ...], fill: Fill) -> tuple[tuple[str, Decimal], ...]:
    if fill.fee == 0:
        return fees
    totals = dict(fees)
    totals[fill.fee_currency] = totals.get(fill.fee_currency, ZERO) + fill.fee
    return tuple(totals.items())
