"""What a trade costs at the exchange."""

from decimal import ROUND_DOWN, Decimal
from functools import lru_cache

from trader.domain.instrument import Instrument, InstrumentKind, exact
from trader.domain.orders import Side

_UNIT = Decimal("0.00000001")  # spot exchanges keep 8 decimals


@lru_cache(maxsize=64)
def _rate(frac: float) -> Decimal:
    return exact(frac)


def commission(
    instrument: Instrument, side: Side, price: Decimal, quantity: Decimal, *, is_maker: bool
) -> tuple[Decimal, str]:
    """(fee, its currency) of one execution, as Binance takes it without a BNB discount.

    On spot from what is received (base of a buy, quote of a sell), truncated to 8 decimals, so it never exceeds
    that; on a perpetual always in quote.
    """
    rate = _rate(instrument.maker_fee_frac if is_maker else instrument.taker_fee_frac)
    if instrument.kind is InstrumentKind.PERPETUAL:
        return (quantity * price * rate).quantize(_UNIT, ROUND_DOWN), instrument.quote
    received = quantity if side is Side.BUY else quantity * price
    currency = instrument.base if side is Side.BUY else instrument.quote
    return (received * rate).quantize(_UNIT, ROUND_DOWN), currency
