"""What goes into the simulated exchange and what it tells: requests, orders, trades, events.

These are the exchange's own records. They share no code with our tracker or ledger, so that comparing both
proves something.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Literal

import msgspec

from trader.domain.account import Balance
from trader.domain.errors import Rejected
from trader.domain.instrument import ZERO
from trader.domain.orders import OrderStatus, OrderType, Side, TimeInForce
from trader.domain.refusals import RefusalCode
from trader.simulation.records.conditional import Conditional
from trader.simulation.records.positions import SimPosition

Trigger = Literal["stop", "take_profit"]  # which way the price must come to a `stop_price`: against, or in favour


class SimRequest(msgspec.Struct, frozen=True):
    """An order as it arrives at the exchange. Quantities in base, prices in quote per base.

    Exactly one of `quantity` and `quote_quantity` is set; the latter (spend or receive so much quote) only for a
    MARKET order. With a `stop_price` the order waits for that price; it then becomes a market order (STOP_MARKET)
    or a limit order (LIMIT). An empty `client_id` is given one by the exchange. `reduce_only`: of a margined account,
    never more than what is left of the position. With a `trail_frac` it waits for a move of that size against it from
    the best price seen (`simulation.trailing`); the stop price may be left out then.
    """

    symbol: str
    client_id: str
    side: Side
    type: OrderType
    quantity: Decimal | None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    quote_quantity: Decimal | None = None
    trigger: Trigger = "stop"
    reduce_only: bool = False
    trail_frac: Decimal = ZERO


class SimOrder(msgspec.Struct, frozen=True):
    """The exchange's record of one order. Replaced, never changed."""

    exchange_id: int
    client_id: str
    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    post_only: bool
    quantity: Decimal  # base
    price: Decimal | None
    stop_price: Decimal | None
    status: OrderStatus
    filled: Decimal  # base
    filled_quote: Decimal  # sum of price x quantity
    created_ms: int
    updated_ms: int
    is_triggered: bool = False  # its stop price was reached
    trigger: Trigger = "stop"
    reduce_only: bool = False
    trail_frac: Decimal = ZERO
    best: Decimal | None = None  # the best price since it follows; None: it does not yet, or never will
    follows_since_ms: int = 0

    @property
    def remaining(self) -> Decimal:
        """Base quantity that is not filled."""
        return self.quantity - self.filled

    @property
    def is_open(self) -> bool:
        """Whether it may still fill."""
        return not self.status.is_terminal

    @property
    def is_waiting(self) -> bool:
        """Its stop price has not been reached: it is not in the book."""
        return self.stop_price is not None and not self.is_triggered

    @property
    def average_price(self) -> Decimal | None:
        """Quantity-weighted average price of the fills."""
        return self.filled_quote / self.filled if self.filled else None


class SimTrade(msgspec.Struct, frozen=True):
    """One execution of one of our orders. `trade_id` is unique over all symbols and only grows."""

    trade_id: int
    exchange_id: int
    client_id: str
    symbol: str
    side: Side
    price: Decimal
    quantity: Decimal  # base
    fee: Decimal
    fee_currency: str
    is_maker: bool
    ts_ms: int
    realised: Decimal = ZERO  # profit on what it closed of a margined position, before its fee

    @property
    def quote_quantity(self) -> Decimal:
        """price x quantity, exact."""
        return self.price * self.quantity


ChangeKind = Literal["new", "trade", "canceled", "expired", "amended"]
ChangeReason = Literal["order", "funding", "liquidation", "transfer", "leverage"]


class OrderChanged(msgspec.Struct, frozen=True):
    """One order after one change; `trade` is set exactly when `kind` is "trade".

    A replaced order tells "canceled", its successor "new". A refused request tells nothing: it raises.
    """

    order: SimOrder
    trade: SimTrade | None
    kind: ChangeKind


class BalanceChanged(msgspec.Struct, frozen=True):
    """The currencies and positions an operation changed, once at its end, after its `OrderChanged` events."""

    balances: tuple[Balance, ...]
    ts_ms: int
    positions: tuple[SimPosition, ...] = ()
    reason: ChangeReason = "order"


class Transferred(msgspec.Struct, frozen=True):
    """A deposit, or a withdrawal (`amount` below 0). The balances it changed are told after it."""

    currency: str
    amount: Decimal
    ts_ms: int


class ConditionalChanged(msgspec.Struct, frozen=True):
    """A conditional order after one change. Only a `PerpetualExchange` tells these."""

    conditional: Conditional
    ts_ms: int


SimEvent = OrderChanged | BalanceChanged | Transferred | ConditionalChanged
Listener = Callable[[SimEvent], None]


class ReplaceFailed(Rejected):
    """A replacement whose cancel succeeded and whose new order was refused. `canceled` is the old order."""

    def __init__(self, message: str, *, code: RefusalCode, canceled: SimOrder) -> None:
        super().__init__(message, code=code)
        self.canceled = canceled
