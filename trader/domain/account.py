"""Balances and positions, as the exchange states them and as the ledger keeps them."""

from decimal import Decimal

import msgspec

from trader.domain.instrument import EXACT, ZERO


class Balance(msgspec.Struct, frozen=True):
    """One currency. `locked` is held by open orders; total = free + locked."""

    currency: str
    free: Decimal
    locked: Decimal = ZERO

    @property
    def total(self) -> Decimal:
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
        return self.quantity == 0
