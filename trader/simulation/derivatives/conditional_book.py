"""Conditional orders at work: numbered, kept, watched, and turned into ordinary orders when their price comes."""

from collections.abc import Callable, Iterable
from decimal import Decimal

from msgspec.structs import replace as altered

from trader.domain.errors import Rejected
from trader.domain.orders import OrderType, TimeInForce
from trader.domain.refusals import RefusalCode
from trader.simulation.accounts.perpetual_account import PerpetualAccount
from trader.simulation.clearing import Clearing
from trader.simulation.records.conditional import (
    Conditional,
    ConditionalStatus,
    WorkingPrice,
    followed,
    is_triggered,
)
from trader.simulation.records.memory import Resumed
from trader.simulation.records.positions import closable
from trader.simulation.records.sim_orders import SimOrder, SimRequest

Accept = Callable[[SimRequest], tuple[SimOrder, object]]  # places an order; raises `Rejected`


class ConditionalBook:
    """Every conditional order that is waiting, and those whose order has not ended.

    Changes go into the batch of `clearing`; the caller commits. `accept` places what was triggered, `can_trade` says
    whether a symbol has a book.
    """

    def __init__(
        self,
        resumed: Resumed,
        clearing: Clearing,
        account: PerpetualAccount,
        *,
        accept: Accept,
        can_trade: Callable[[str], bool],
        first_id: int,
    ) -> None:
        self._clearing = clearing
        self._account = account
        self._accept = accept
        self._can_trade = can_trade
        self._last_id = max(resumed.last_conditional_id, first_id - 1)
        self._live = {each.conditional_id: each for each in resumed.conditionals}
        self._moved: set[int] = set()  # trailing stops whose best price is newer than what is stored

    def waiting(self, symbol: str | None = None) -> list[Conditional]:
        """Oldest first."""
        return [each for each in self._live.values() if each.is_waiting and symbol in (None, each.symbol)]

    def find(self, client_id: str | None, conditional_id: int | None) -> Conditional | None:
        """The live one of that name; the number wins where both are given."""
        if conditional_id is not None:
            return self._live.get(conditional_id)
        return next((each for each in self._live.values() if each.client_id == client_id), None)

    def place(self, draft: Conditional) -> Conditional:
        """`draft` with a number of its own. Raises `Rejected` (duplicate_client_id)."""
        if any(each.is_waiting and each.client_id == draft.client_id for each in self._live.values()):
            raise Rejected(f"client id {draft.client_id} names a waiting order", code=RefusalCode.DUPLICATE_CLIENT_ID)
        self._last_id += 1
        return self._keep(
            altered(draft, conditional_id=self._last_id, client_id=draft.client_id or f"c{self._last_id}")
        )

    def cancel(self, client_id: str | None, conditional_id: int | None) -> Conditional:
        """Raises `Rejected` (unknown_order) for one that is not waiting."""
        found = self.find(client_id, conditional_id)
        if found is None or not found.is_waiting:
            raise Rejected(f"no waiting order {client_id or conditional_id}", code=RefusalCode.UNKNOWN_ORDER)
        return self._end(found, ConditionalStatus.CANCELED)

    def seen(self, symbol: str, working: WorkingPrice, price: float) -> None:
        """`price` was traded, or became the mark price: what waits for it becomes an order, oldest first.

        While nothing is offered in `symbol`, everything goes on waiting.
        """
        if not self._live or not self._can_trade(symbol):
            return
        for waiting in self.waiting(symbol):
            if waiting.working is not working:
                continue
            conditional = followed(waiting, price)
            if conditional is not waiting:
                self._live[conditional.conditional_id] = conditional
                self._moved.add(conditional.conditional_id)
            if is_triggered(conditional, price):
                self._trigger(conditional)

    def settle(self, orders: Iterable[SimOrder]) -> None:
        """Some `orders` changed: those that have ended end their conditional order with them."""
        ended = {order.exchange_id for order in orders if not order.is_open}
        for conditional in list(self._live.values()):
            if conditional.status is ConditionalStatus.TRIGGERED and conditional.order_id in ended:
                self._end(conditional, ConditionalStatus.FINISHED)

    def store_moved(self) -> None:
        """Put the best prices of trailing stops into the batch."""
        for number in self._moved & self._live.keys():
            self._clearing.batch.conditionals[number] = self._live[number]
        self._moved.clear()

    def _trigger(self, conditional: Conditional) -> None:
        room = closable(self._account.position(conditional.symbol), conditional.side)
        quantity = room if conditional.quantity is None else conditional.quantity
        if not quantity:
            self._end(conditional, ConditionalStatus.EXPIRED, "No position to close")
            return
        conditional = self._keep(
            altered(conditional, status=ConditionalStatus.TRIGGERING, triggered_ms=self._clearing.now_ms)
        )
        try:
            order, _ = self._accept(_request(conditional, quantity))
        except Rejected as refusal:
            self._end(conditional, ConditionalStatus.REJECTED, refusal.code)
            return
        placed = altered(conditional, status=ConditionalStatus.TRIGGERED, order_id=order.exchange_id)
        self._keep(placed)
        if not order.is_open:
            self._end(placed, ConditionalStatus.FINISHED)

    def _end(self, conditional: Conditional, status: ConditionalStatus, reason: str = "") -> Conditional:
        ended = self._keep(altered(conditional, status=status, reason=reason))
        del self._live[ended.conditional_id]
        return ended

    def _keep(self, conditional: Conditional) -> Conditional:
        kept = altered(conditional, updated_ms=self._clearing.now_ms)
        self._live[kept.conditional_id] = kept
        self._clearing.keep_conditional(kept)
        return kept


def _request(conditional: Conditional, quantity: Decimal) -> SimRequest:
    """The order it becomes; it keeps the client id."""
    has_limit = conditional.kind.has_limit
    return SimRequest(
        symbol=conditional.symbol,
        client_id=conditional.client_id,
        side=conditional.side,
        type=OrderType.LIMIT if has_limit else OrderType.MARKET,
        quantity=quantity,
        price=conditional.price if has_limit else None,
        time_in_force=conditional.time_in_force if has_limit else TimeInForce.GTC,
        post_only=conditional.post_only,
        reduce_only=conditional.reduce_only or conditional.closes_position,
    )
