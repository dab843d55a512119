"""What a trade costs at the exchange."""

from decimal import ROUND_DOWN, Decimal
from functools import lru_cache

from trader.domain.instrument import Instrument, exact
from trader.domain.orders import Side

_UNIT = Decimal("0.00000001")  # spot exchanges keep 8 decimals


@lru_cache(maxsize=64)
def _rate(frac: float) -> Decimal:
    return exact(frac)


def commission(
    instrument: Instrument, side: Side, price: Decimal, quantity: Decimal, *, is_maker: bool
) -> tuple[Decimal, str]:
    """(fee, its currency) of one execution, taken from what is received: base of a buy, quote of a sell.

    Truncated to 8 decimals, so it never exceeds what was received. Binance spot without a BNB discount.
    """
    rate = _rate(instrument.maker_fee_frac if is_maker else instrument.taker_fee_frac)
    received = quantity if side is Side.BUY else quantity * price
    currency = instrument.base if side is Side.BUY else instrument.quote
    return (received * rate).quantize(_UNIT, ROUND_DOWN), currency
