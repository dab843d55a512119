"""What the parameters of an order are, checked as Binance USD-M checks their form."""

from collections.abc import Mapping
from decimal import Decimal

from trader.domain.instrument import Instrument
from trader.domain.orders import Side, TimeInForce
from trader.sandbox.binance.protocol.errors import BinanceError, missing
from trader.sandbox.binance.protocol.params import Params
from trader.sandbox.binance.usdm.desk import UsdmDesk
from trader.sandbox.market.listing import decimals

_SIDES = frozenset({"BUY", "SELL"})
FORCES: Mapping[str, TimeInForce] = {
    "GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK, "GTX": TimeInForce.GTC,
}  # fmt: skip
_NOT_OFFERED = ("priceMatch", "goodTillDate")
_TOO_PRECISE = BinanceError(-1111, "Precision is over the maximum defined for this asset.")


def instrument_of(desk: UsdmDesk, params: Params) -> Instrument:
    """The instrument that the parameter `symbol` names, if it can be traded."""
    market = desk.symbol(params)
    if desk.faults.refuses_order(market.symbol):
        raise BinanceError(-4141, "Symbol is closed.")
    return desk.exchange.instrument(market.symbol)


def side(params: Params) -> Side:
    word = params.choice("side", _SIDES, BinanceError(-1117, "Invalid side."))
    if params.optional("positionSide") not in (None, "BOTH"):
        raise BinanceError(-4061, "Order's position side does not match user's setting.")
    for name in _NOT_OFFERED:
        if params.optional(name) not in (None, "NONE", "0"):
            raise BinanceError(-1106, f"Parameter '{name}' sent when not required.")
    return Side.BUY if word == "BUY" else Side.SELL


def force(params: Params, *, is_limit: bool) -> str:
    """The word for the time in force; market orders ignore what is sent, as Binance does."""
    word = params.optional("timeInForce") if is_limit else "GTC"
    if word is None:
        raise missing("timeInForce")
    if word not in FORCES:
        raise BinanceError(-1115, "Invalid timeInForce.")
    return word


def quantity(params: Params, instrument: Instrument, name: str = "quantity") -> Decimal:
    """Mandatory, within the limits and on the step."""
    value = params.decimal(name)
    if value is None:
        raise missing(name)
    if _places(value) > decimals(instrument.quantity_step):
        raise _TOO_PRECISE
    if value <= 0:
        raise BinanceError(-4003, "Quantity less than or equal to zero.")
    if value < instrument.min_quantity:
        raise BinanceError(-4004, f"Quantity less than min quantity {instrument.min_quantity}.")
    if instrument.max_quantity and value > instrument.max_quantity:
        raise BinanceError(-4005, "Quantity greater than max quantity.")
    if value % instrument.quantity_step:
        raise BinanceError(-4023, "Qty not increased by step size.")
    return value


def price(params: Params, instrument: Instrument, name: str = "price") -> Decimal:
    """Mandatory, positive and on the tick."""
    value = params.decimal(name)
    if value is None:
        raise missing(name)
    if _places(value) > decimals(instrument.price_tick) + 1:
        raise _TOO_PRECISE
    if value <= 0:
        raise BinanceError(-4001, "Price less than or equal to zero.")
    if value % instrument.price_tick:
        raise BinanceError(-4014, "Price not increased by tick size.")
    return value


def flag(params: Params, name: str) -> bool:
    """ "true" or "false", in any case; absent is false."""
    word = (params.optional(name) or "false").lower()
    if word not in ("true", "false"):
        raise BinanceError(-1130, f"Data sent for parameter '{name}' is not valid.")
    return word == "true"


def _places(value: Decimal) -> int:
    """Digits after the point."""
    return decimals(value) if value else 0
