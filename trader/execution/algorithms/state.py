"""What an execution algorithm remembers: enough to go on after a restart, encodable by msgspec."""

from decimal import Decimal
from typing import Self

import msgspec

from trader.domain.instrument import ZERO
from trader.domain.orders import AlgorithmName, Order, OrderRef, OrderStatus, Purpose, Side
from trader.domain.refusals import Refusal


class Child(msgspec.Struct, frozen=True):
    """One order of the parent, as last heard of. `is_over`: ended, and every fill the exchange reported is here."""

    client_id: str
    quantity: Decimal
    price: Decimal
    filled: Decimal = ZERO
    filled_quote: Decimal = ZERO
    is_over: bool = False
    is_open: bool = False  # the exchange has confirmed it, so it can be cancelled
    exchange_id: str | None = None
    cancel_asked_ms: int | None = None

    def heard(self, order: Order) -> "Child":
        """This child after `order`; fills never shrink, so late or repeated news takes nothing back."""
        return msgspec.structs.replace(
            self,
            filled=max(self.filled, order.filled),
            filled_quote=max(self.filled_quote, order.filled_quote),
            is_over=self.is_over or order.is_settled,
            is_open=order.status in (OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED),
            exchange_id=order.exchange_id or self.exchange_id,
        )


class ParentState(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What every algorithm keeps of its parent order. Quantities in base, prices in quote, times ms UTC."""

    parent_id: str
    decision_id: str
    symbol: str
    side: Side
    purpose: Purpose
    quantity: Decimal
    algorithm: AlgorithmName  # how it was started; stays "limit" when a limit order ends as a market order
    arrival_bid: float  # 0 when there was no book
    arrival_ask: float
    market_order_bps: float  # average of walking the arrival book against arrival mid; inf = too thin
    started_ms: int
    deadline_ms: int
    children: tuple[Child, ...] = ()  # in order of placing; only the last can be live
    failures: int = 0  # children in a row that the exchange did not take
    refusal: Refusal | None = None  # of the last of them
    retry_ms: int = 0  # no child is placed before
    wake_ms: int | None = None  # when the armed timer is due
    abort_reason: str = ""
    finished: bool = False
    decision_price: float = 0.0  # the market when it was decided; 0: not known
    decided_ms: int = 0
    modelled_frac: float | None = None  # what an entry is modelled to cost to get in
    cut: Decimal = ZERO  # base that `quantity` lost to a limit of the review on the way

    @property
    def arrival_mid(self) -> float:
        """The mid when it was decided, quote."""
        return (self.arrival_bid + self.arrival_ask) / 2

    @property
    def step(self) -> int:
        """How many children were placed; the next child's number."""
        return len(self.children)

    @property
    def filled(self) -> Decimal:
        """Base quantity that the children got."""
        return sum((child.filled for child in self.children), ZERO) if self.children else ZERO

    @property
    def filled_quote(self) -> Decimal:
        """What that was worth, quote."""
        return sum((child.filled_quote for child in self.children), ZERO)

    @property
    def remaining(self) -> Decimal:
        """Base quantity still to get."""
        return max(ZERO, self.quantity - self.filled)

    @property
    def average_price(self) -> Decimal | None:
        """Weighted by quantity; None before the first fill."""
        filled = self.filled
        return self.filled_quote / filled if filled else None

    @property
    def live(self) -> Child | None:
        """The child that may still fill, whatever its status. While there is one, no other is placed."""
        if self.children and not self.children[-1].is_over:
            return self.children[-1]
        return None

    @property
    def cancelled(self) -> bool:
        """Whether it was asked to stop."""
        return bool(self.abort_reason)

    def with_child(self, child: Child) -> Self:
        """`child` in place of the one with its client id."""
        children = tuple(child if old.client_id == child.client_id else old for old in self.children)
        return msgspec.structs.replace(self, children=children)

    def ref(self, child: Child) -> OrderRef:
        """`child` as the exchange can find it."""
        return OrderRef(self.symbol, child.client_id, child.exchange_id)
