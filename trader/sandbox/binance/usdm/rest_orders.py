"""Signed REST of ordinary orders at Binance USD-M; its websocket API answers with the same functions."""

from trader.domain.errors import Rejected
from trader.domain.orders import OrderStatus, OrderType
from trader.domain.units import WEEK_MS
from trader.sandbox.binance.protocol.errors import BinanceError, illegal, missing
from trader.sandbox.binance.protocol.order_words import new_id
from trader.sandbox.binance.protocol.params import Params
from trader.sandbox.binance.usdm import order_params
from trader.sandbox.binance.usdm.desk import UsdmDesk
from trader.sandbox.binance.usdm.errors import refuse
from trader.sandbox.binance.usdm.rest_market import MOST_OPEN_ORDERS, ORDER_TYPES
from trader.sandbox.binance.usdm.wire import account_trade, placed_order, queried_order
from trader.simulation.records.sim_orders import SimOrder, SimRequest

_LONGEST_SPAN_MS = WEEK_MS
_RESPONSE_TYPES = frozenset({"ACK", "RESULT"})
_ORDINARY = ("LIMIT", "MARKET")
_UNKNOWN = BinanceError(-2011, "Unknown order sent.")
_ABSENT = BinanceError(-2013, "Order does not exist.")


def new_order(desk: UsdmDesk, params: Params) -> object:
    request = _request(desk, params)
    answer_type = params.optional("newOrderRespType") or "ACK"
    if answer_type not in _RESPONSE_TYPES:
        raise BinanceError(-1136, "Invalid newOrderRespType.")
    desk.limiter.charge_order()
    rests = request.type is OrderType.LIMIT and request.time_in_force.value == "gtc"
    if rests and len(desk.exchange.open_orders(request.symbol)) >= MOST_OPEN_ORDERS:
        raise BinanceError(-2025, "Reach max open order limit.")
    try:
        order, _ = desk.exchange.submit(request, desk.clock.now_ms())
    except Rejected as refusal:
        refuse(refusal)
    return placed_order(order) if answer_type == "RESULT" else _acknowledged(order)


def check_order(desk: UsdmDesk, params: Params) -> object:
    """order/test: only the parameters are looked at."""
    _request(desk, params)
    return {}


def amend_order(desk: UsdmDesk, params: Params) -> object:
    """PUT order: another price and quantity for an open limit order."""
    instrument = order_params.instrument_of(desk, params)
    side = order_params.side(params)
    quantity, price = order_params.quantity(params, instrument), order_params.price(params, instrument)
    order = _open(desk, params)
    if order.side is not side:
        raise BinanceError(-1117, "Invalid side.")
    desk.limiter.charge_order()
    try:
        amended, _ = desk.exchange.amend(
            order.symbol, desk.clock.now_ms(), quantity=quantity, price=price, exchange_id=order.exchange_id
        )
    except Rejected as refusal:
        refuse(refusal)
    return placed_order(amended)


def cancel_order(desk: UsdmDesk, params: Params) -> object:
    order = _open(desk, params)
    try:
        canceled = desk.exchange.cancel(order.symbol, desk.clock.now_ms(), exchange_id=order.exchange_id)
    except Rejected as refusal:
        refuse(refusal)
    return placed_order(canceled)


def cancel_all(desk: UsdmDesk, params: Params) -> object:
    desk.cancel_open(desk.symbol(params).symbol)
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def cancel_all_after(desk: UsdmDesk, params: Params) -> object:
    """countdownCancelAll: the dead man's switch of one symbol."""
    market, countdown_ms = desk.symbol(params), params.integer("countdownTime")
    if countdown_ms is None:
        raise missing("countdownTime")
    if countdown_ms < 0:
        raise illegal("countdownTime", "^[0-9]{1,20}$")
    desk.countdowns.set(market.symbol, countdown_ms)
    return {"symbol": market.id, "countdownTime": str(countdown_ms)}


def query_order(desk: UsdmDesk, params: Params) -> object:
    order = _named(desk, params)
    if order is None:
        raise _ABSENT
    return queried_order(order)


def query_open_order(desk: UsdmDesk, params: Params) -> object:
    order = _named(desk, params)
    if order is None or not order.is_open:
        raise _ABSENT
    return queried_order(order)


def open_orders(desk: UsdmDesk, params: Params) -> object:
    symbol = desk.symbol(params).symbol if params.optional("symbol") else None
    return [queried_order(order) for order in desk.exchange.open_orders(symbol)]


def all_orders(desk: UsdmDesk, params: Params) -> object:
    check_span(params)
    found = desk.exchange.orders(desk.symbol(params).symbol, params.window("orderId"))
    return [queried_order(order) for order in found]


def user_trades(desk: UsdmDesk, params: Params) -> object:
    check_span(params)
    number = params.integer("orderId")
    found = desk.exchange.trades(desk.symbol(params).symbol, params.window("fromId"), exchange_id=number)
    return [account_trade(trade) for trade in found]


def force_orders(desk: UsdmDesk, params: Params) -> object:
    """Orders of liquidations."""
    chosen = [desk.symbol(params)] if params.optional("symbol") else list(desk.market.symbols.values())
    found = [order for market in chosen for order in desk.exchange.orders(market.symbol)]
    forced = [order for order in found if order.client_id.startswith("autoclose-")]
    return [queried_order(order) for order in forced[-params.limit(50, 100) :]]


def check_span(params: Params) -> None:
    start, end = params.integer("startTime"), params.integer("endTime")
    if start is not None and end is not None and end - start > _LONGEST_SPAN_MS:
        raise BinanceError(-4165, "Maximum time interval is 7 days.")


def _acknowledged(order: SimOrder) -> dict[str, object]:
    """What is known when an order has been accepted and not yet matched."""
    return {**placed_order(order), "status": "NEW", "executedQty": "0", "cumQty": "0", "cumQuote": "0", "avgPrice": "0"}


def _named(desk: UsdmDesk, params: Params) -> SimOrder | None:
    market = desk.symbol(params)
    number, client_id = params.integer("orderId"), params.optional("origClientOrderId")
    if number is None and client_id is None:
        raise missing("orderId")
    return desk.exchange.order(market.symbol, client_id=client_id, exchange_id=number)


def _open(desk: UsdmDesk, params: Params) -> SimOrder:
    order = _named(desk, params)
    if order is None or order.status not in (OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED):
        raise _UNKNOWN
    return order


def _request(desk: UsdmDesk, params: Params) -> SimRequest:
    """The order that the parameters describe."""
    instrument = order_params.instrument_of(desk, params)
    side = order_params.side(params)
    kind = params.choice("type", frozenset(ORDER_TYPES), BinanceError(-1116, "Invalid orderType."))
    if kind not in _ORDINARY:
        raise BinanceError(
            -4120, "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
        )
    is_limit = kind == "LIMIT"
    if order_params.flag(params, "closePosition"):
        raise BinanceError(-4136, f"Target strategy invalid for orderType {kind},closePosition true")
    if not is_limit and params.optional("price") is not None:
        raise BinanceError(-1106, "Parameter 'price' sent when not required.")
    force = order_params.force(params, is_limit=is_limit)
    return SimRequest(
        symbol=instrument.symbol,
        client_id=params.client_id("newClientOrderId") or new_id(),
        side=side,
        type=OrderType.LIMIT if is_limit else OrderType.MARKET,
        quantity=order_params.quantity(params, instrument),
        price=order_params.price(params, instrument) if is_limit else None,
        time_in_force=order_params.FORCES[force],
        post_only=force == "GTX",
        reduce_only=order_params.flag(params, "reduceOnly"),
    )
