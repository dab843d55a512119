"""Conditional orders: requests that wait outside the book until a price is reached, and when that is. Pure.

They have numbers of their own and need no margin while they wait; when triggered, an ordinary order is placed.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec
from msgspec.structs import replace as altered

from trader.domain.instrument import ZERO, exact
from trader.domain.orders import Side, TimeInForce


class ConditionalKind(StrEnum):
    """What it waits for and what it becomes."""

    STOP_MARKET = "stop_market"
    STOP = "stop"  # becomes a limit order
    TAKE_PROFIT_MARKET = "take_profit_market"
    TAKE_PROFIT = "take_profit"  # becomes a limit order
    TRAILING_STOP_MARKET = "trailing_stop_market"

    @property
    def has_limit(self) -> bool:
        """Whether it becomes a limit order."""
        return self in (ConditionalKind.STOP, ConditionalKind.TAKE_PROFIT)

    @property
    def takes_profit(self) -> bool:
        """Whether it waits for a better price, not for a worse one."""
        return self in (ConditionalKind.TAKE_PROFIT_MARKET, ConditionalKind.TAKE_PROFIT)


class ConditionalStatus(StrEnum):
    """How a conditional order stands."""

    NEW = "new"
    CANCELED = "canceled"
    TRIGGERING = "triggering"  # told on the way to one of those below
    TRIGGERED = "triggered"  # its order is in the book
    FINISHED = "finished"  # its order has ended
    REJECTED = "rejected"  # its order was refused
    EXPIRED = "expired"  # nothing was left to close


class WorkingPrice(StrEnum):
    """Which price triggers it."""

    CONTRACT = "contract"  # the last trade
    MARK = "mark"


class Conditional(msgspec.Struct, frozen=True):
    """The exchange's record of one conditional order. Replaced, never changed.

    Prices in quote per base. `quantity` is None where the whole position is to be closed. Of a trailing stop
    `trigger_price` is where it activates (None: at once), `callback_frac` how far the price must come back from its
    best since then, and `best` that best price so far (None: not active yet).
    """

    conditional_id: int
    client_id: str
    symbol: str
    side: Side
    kind: ConditionalKind
    quantity: Decimal | None
    trigger_price: Decimal | None
    price: Decimal | None
    time_in_force: TimeInForce
    post_only: bool
    reduce_only: bool
    working: WorkingPrice
    created_ms: int
    updated_ms: int
    status: ConditionalStatus = ConditionalStatus.NEW
    callback_frac: Decimal = ZERO
    best: Decimal | None = None
    order_id: int = 0  # of the order it became
    triggered_ms: int = 0
    reason: str = ""  # why it was rejected or expired

    @property
    def is_waiting(self) -> bool:
        """Whether its price has not come yet."""
        return self.status is ConditionalStatus.NEW

    @property
    def closes_position(self) -> bool:
        """Whether it sells whatever is held then."""
        return self.quantity is None

    @property
    def rises(self) -> bool:
        """Whether a rising price triggers it (of a trailing stop: the price coming back up)."""
        return (self.side is Side.BUY) != self.kind.takes_profit


def followed(conditional: Conditional, price: float) -> Conditional:
    """A trailing stop after `price` was seen: activated, or with a new best price. Others as they are."""
    if conditional.kind is not ConditionalKind.TRAILING_STOP_MARKET:
        return conditional
    seen, best = exact(price), conditional.best
    if best is None:
        starts_at = conditional.trigger_price
        is_active = starts_at is None or (seen <= starts_at if conditional.rises else seen >= starts_at)
        return altered(conditional, best=seen) if is_active else conditional
    is_better = seen < best if conditional.rises else seen > best
    return altered(conditional, best=seen) if is_better else conditional


def is_triggered(conditional: Conditional, price: float) -> bool:
    """Whether `price` triggers it; a trailing stop must have `followed` it first."""
    level = trigger_level(conditional)
    if level is None:
        return False
    return exact(price) >= level if conditional.rises else exact(price) <= level


def trigger_level(conditional: Conditional) -> Decimal | None:
    """The price that triggers it now; None for a trailing stop that is not active yet."""
    if conditional.kind is not ConditionalKind.TRAILING_STOP_MARKET:
        return conditional.trigger_price
    if conditional.best is None:
        return None
    return conditional.best * (1 + conditional.callback_frac if conditional.rises else 1 - conditional.callback_frac)
