"""Positions of a margined account and the money that moves on it: the exchange's records and their arithmetic."""

from decimal import Decimal
from typing import Literal

import msgspec
from msgspec.structs import replace as altered

from trader.domain.instrument import ZERO
from trader.domain.orders import Side

DEFAULT_LEVERAGE = 20  # what Binance starts a symbol with
CENT = Decimal("0.00000001")  # amounts of money have eight decimals

IncomeKind = Literal["realised", "commission", "funding", "liquidation", "transfer"]


class SimPosition(msgspec.Struct, frozen=True):
    """The net position in one symbol. `quantity` > 0 long, < 0 short (base).

    `cost` is what it was entered at: entry price x quantity, signed like the quantity, kept exactly. `realised` sums
    the profit of everything closed so far, before fees and funding. Quote throughout.
    """

    symbol: str
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    realised: Decimal = ZERO
    leverage: int = DEFAULT_LEVERAGE
    updated_ms: int = 0

    @property
    def entry_price(self) -> Decimal:
        """Average price of what is held; 0 when flat."""
        return self.cost / self.quantity if self.quantity else ZERO

    def unrealised(self, mark: Decimal) -> Decimal:
        """Profit if everything were closed at `mark`."""
        return self.quantity * mark - self.cost


class SimIncome(msgspec.Struct, frozen=True):
    """One movement of the wallet: `amount` > 0 came in. `trade_id` is 0 where no trade caused it."""

    income_id: int
    symbol: str
    kind: IncomeKind
    asset: str
    amount: Decimal
    ts_ms: int
    trade_id: int = 0


def traded(position: SimPosition, side: Side, price: Decimal, quantity: Decimal, now_ms: int) -> SimPosition:
    """`position` after `quantity` (> 0, base) was bought or sold at `price`; a larger opposite trade turns it."""
    closed, released = _closed(position, side, quantity)
    opened = side.sign * quantity + closed  # `closed` has the opposite sign of the trade
    return altered(
        position,
        quantity=position.quantity - closed + opened,
        cost=position.cost - released + opened * price,
        realised=position.realised + closed * price - released,
        updated_ms=now_ms,
    )


def realised_by(position: SimPosition, side: Side, price: Decimal, quantity: Decimal) -> Decimal:
    """Profit that such a trade realises: on what it closes, against the average entry, before its fee."""
    closed, released = _closed(position, side, quantity)
    return closed * price - released


def closable(position: SimPosition, side: Side) -> Decimal:
    """How much (base) a trade of `side` can take off the position."""
    return max(ZERO, -side.sign * position.quantity)


def _closed(position: SimPosition, side: Side, quantity: Decimal) -> tuple[Decimal, Decimal]:
    """(part of the position's quantity, part of its cost) that a trade takes off, both signed like the position.

    The share of the cost is cut to eight decimals; what is cut stays with the rest, so nothing is ever lost.
    """
    closing = min(quantity, closable(position, side))
    if not closing:
        return ZERO, ZERO
    closed = -side.sign * closing
    if closed == position.quantity:
        return closed, position.cost
    return closed, (position.cost * closed / position.quantity).quantize(CENT)
