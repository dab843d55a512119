"""What the exchange checks about a request before it looks at the market or the account."""

from decimal import Decimal

from trader.domain.errors import Rejected
from trader.domain.instrument import Instrument, exact
from trader.domain.orders import OrderType
from trader.domain.refusals import RefusalCode
from trader.simulation.records.sim_orders import SimRequest


def check_request(instrument: Instrument, request: SimRequest, reference: float | None) -> None:
    """Raise `Rejected` (bad_request, lot_size, price_filter, min_notional) for what the instrument does not allow.

    `reference`: the newest price, for the notional of market orders; None skips that check.
    """
    _check_shape(request)
    for name, price in (("price", request.price), ("stop price", request.stop_price)):
        if price is not None:
            _check_price(instrument, name, price)
    if request.quantity is not None:
        check_quantity(instrument, request.quantity)
    _check_notional(instrument, request, reference)


def _check_shape(request: SimRequest) -> None:
    kind = request.type
    if (request.quantity is None) == (request.quote_quantity is None):
        raise _bad("exactly one of quantity and quote_quantity is needed")
    if request.quote_quantity is not None and kind is not OrderType.MARKET:
        raise _bad(f"quote_quantity is allowed only for a market order, not for {kind.value}")
    if (request.price is not None) != (kind is OrderType.LIMIT):
        raise _bad(f"price is needed for a limit order and only there, not for {kind.value}")
    if not 0 <= request.trail_frac < 1:
        raise _bad(f"trail_frac {request.trail_frac} must be from 0 to below 1")
    has_stop_price = request.stop_price is not None or bool(request.trail_frac)
    if (kind is OrderType.STOP_MARKET and not has_stop_price) or (kind is OrderType.MARKET and has_stop_price):
        raise _bad(f"stop_price is needed for a stop order and allowed for a limit order, not for {kind.value}")
    if request.trigger == "take_profit" and not has_stop_price:
        raise _bad("a take profit needs a stop_price")
    is_resting = kind is OrderType.LIMIT and request.time_in_force.value == "gtc" and not has_stop_price
    if request.post_only and not is_resting:
        raise _bad("post_only is allowed only for a limit order that rests at once (gtc, no stop price)")


def _check_price(instrument: Instrument, name: str, price: Decimal) -> None:
    if price <= 0 or price % instrument.price_tick:
        raise Rejected(
            f"{name} {price} is not a positive multiple of {instrument.price_tick}", code=RefusalCode.PRICE_FILTER
        )


def check_quantity(instrument: Instrument, quantity: Decimal) -> None:
    """Raise `Rejected` (lot_size) unless `quantity` is within the limits and on the step."""
    low, high, step = instrument.min_quantity, instrument.max_quantity, instrument.quantity_step
    if quantity <= 0 or quantity < low or (high and quantity > high) or quantity % step:
        bounds = f"{low} to {high or 'any'}"
        raise Rejected(
            f"quantity {quantity} must be {bounds} in steps of {step} {instrument.base}", code=RefusalCode.LOT_SIZE
        )


def _check_notional(instrument: Instrument, request: SimRequest, reference: float | None) -> None:
    if request.reduce_only:  # however small: the rest of a position must always be closable
        return
    if request.quote_quantity is not None:
        notional = request.quote_quantity
    else:
        price = request.price or request.stop_price or (None if reference is None else exact(reference))
        if price is None or request.quantity is None:
            return
        notional = request.quantity * price
    if notional < instrument.min_notional:
        raise Rejected(
            f"notional {notional} is below the minimum {instrument.min_notional} {instrument.quote}",
            code=RefusalCode.MIN_NOTIONAL,
        )


def _bad(message: str) -> Rejected:
    return Rejected(message, code=RefusalCode.BAD_REQUEST)
