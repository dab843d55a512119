"""Balances and positions, as the exchange states them and as the ledger keeps them."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from trader.domain.instrument import EXACT, ZERO


class Balance(msgspec.Struct, frozen=True):
    """One currency. `locked` is held by open orders; total = free + locked."""

    currency: str
    free: Decimal
    locked: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """Everything held of the currency, free or not."""
        return EXACT.add(self.free, self.locked)


class Position(msgspec.Struct, frozen=True):
    """A net position. `quantity` > 0 long, < 0 short (base); `entry_price` is the average cost in quote.

    `realised_quote` counts closed profit since the position was opened from flat, fees included.
    """

    symbol: str
    quantity: Decimal
    entry_price: Decimal
    opened_ms: int
    realised_quote: Decimal = ZERO
    fees_quote: Decimal = ZERO

    @property
    def is_flat(self) -> bool:
        """Whether nothing is held."""
        return self.quantity == 0


class PaymentKind(StrEnum):
    """What a payment was for."""

    FUNDING = "funding"  # between longs and shorts of a perpetual, every few hours
    LIQUIDATION = "liquidation"  # what a liquidation cost beyond its fills


class Payment(msgspec.Struct, frozen=True):
    """Money that came in (`amount` > 0) or went out without a fill of ours. `payment_id` is unique per account."""

    payment_id: str
    kind: PaymentKind
    symbol: str
    currency: str
    amount: Decimal
    ts_ms: int
