"""What the orders of Binance's exchanges have in common."""

import secrets

from trader.domain.orders import OrderStatus

STATUS = {
    OrderStatus.OPEN: "NEW",
    OrderStatus.PARTIALLY_FILLED: "PARTIALLY_FILLED",
    OrderStatus.FILLED: "FILLED",
    OrderStatus.CANCELED: "CANCELED",
    OrderStatus.EXPIRED: "EXPIRED",
    OrderStatus.REJECTED: "REJECTED",
}
BIPS = 10_000  # of what trailingDelta counts


def new_id() -> str:
    """A client id the exchange makes up: 22 characters."""
    return secrets.token_hex(11)
