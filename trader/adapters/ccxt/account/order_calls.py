"""Our order intents as ccxt calls, and proof that ccxt sends exactly the numbers we approved."""

import decimal
from decimal import Decimal
from typing import Any, NamedTuple

from trader.adapters.ccxt.exchanges import ExchangeFacts
from trader.adapters.ccxt.transport import errors
from trader.domain.errors import Rejected
from trader.domain.orders import OrderIntent, OrderType, TimeInForce
from trader.domain.refusals import RefusalCode


class OrderCall(NamedTuple):
    """Arguments of ccxt's `create_order`."""

    symbol: str
    type: str
    side: str
    amount: float
    price: float | None
    params: dict[str, Any]


def order_call(raw: Any, intent: OrderIntent, facts: ExchangeFacts) -> OrderCall:
    """The call for `intent`; raises `Rejected` when a number would be changed on the way."""
    params: dict[str, Any] = {facts.client_id_key: intent.client_id}
    price: float | None = None
    if intent.type is OrderType.LIMIT:
        price = _sent(raw, intent, intent.price, "price")
        if intent.post_only:
            params["postOnly"] = True
        elif intent.time_in_force is TimeInForce.IOC:
            params["timeInForce"] = "IOC"
    if intent.type is OrderType.STOP_MARKET:
        params["stopLossPrice"] = _sent(raw, intent, intent.stop_price, "stop price")
    if intent.reduce_only and not raw.market(intent.symbol)["spot"]:
        params["reduceOnly"] = True
    kind = "limit" if intent.type is OrderType.LIMIT else "market"
    return OrderCall(
        intent.symbol, kind, intent.side.value, _sent(raw, intent, intent.quantity, "quantity"), price, params
    )


def replacement(call: OrderCall, old_client_id: str, facts: ExchangeFacts) -> OrderCall:
    """The same order as a replacement of `old_client_id`."""
    params = dict(call.params)
    stop_price = params.pop("stopLossPrice", None)
    if stop_price is not None:
        params[facts.replace_stop_key] = stop_price
    params[facts.replace_cancel_id_key] = old_client_id
    return call._replace(params=params)


def _sent(raw: Any, intent: OrderIntent, value: Decimal | None, what: str) -> float:
    """`value` as the float ccxt takes, if ccxt writes exactly `value` from it."""
    if value is None:
        raise Rejected(f"{intent.type.value} order {intent.client_id} has no {what}", code=RefusalCode.BAD_REQUEST)
    number = float(value)
    to_text = raw.amount_to_precision if what == "quantity" else raw.price_to_precision
    with decimal.localcontext():  # ccxt changes the rounding of the context it runs in
        try:
            text = to_text(intent.symbol, number)
        except errors.CAUGHT as error:  # below one step
            raise Rejected(f"{intent.symbol} {what} {value}: {errors.said(error)}", code=_code(what)) from None
    if Decimal(text) != value:
        raise Rejected(f"{intent.symbol} {what} {value} would be sent as {text}: not on its grid", code=_code(what))
    return number


def _code(what: str) -> RefusalCode:
    return RefusalCode.LOT_SIZE if what == "quantity" else RefusalCode.PRICE_FILTER
