"""Numbers as Binance writes them: decimal strings with eight digits after the point."""

from decimal import Decimal

_EIGHT = Decimal("0.00000001")


def text(value: float | Decimal) -> str:
    """`value` with eight decimals. A recorded float that needs more keeps its shortest exact form."""
    if isinstance(value, Decimal):
        return f"{value.quantize(_EIGHT):f}"
    short = f"{value:.8f}"
    return short if float(short) == value else repr(value)
