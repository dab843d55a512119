"""Signed REST of Binance spot: orders, their queries, trades, balances. The ws-api answers with the same functions."""

from decimal import Decimal

from trader.domain.errors import Rejected
from trader.domain.instrument import ZERO
from trader.domain.orders import OrderType, Side, TimeInForce
from trader.domain.units import DAY_MS
from trader.sandbox.binance.protocol.errors import BinanceError, as_binance, missing, refuse
from trader.sandbox.binance.protocol.order_words import BIPS, new_id
from trader.sandbox.binance.protocol.params import Params
from trader.sandbox.binance.spot.desk import SpotDesk
from trader.sandbox.binance.spot.rest_market import (
    LEAST_TRAIL,
    MOST_OPEN_ORDERS,
    MOST_OPEN_STOPS,
    MOST_TRAIL,
    ORDER_TYPES,
)
from trader.sandbox.binance.spot.wire import account_trade, canceled_order, placed_order, queried_order
from trader.simulation.records.sim_orders import ReplaceFailed, SimOrder, SimRequest

_NOT_USED = "Parameter '{}' sent when not required."
_LONGEST_SPAN_MS = DAY_MS
_PARAMETERS = frozenset(
    {
        "symbol", "side", "type", "timeInForce", "quantity", "quoteOrderQty", "price", "newClientOrderId", "strategyId",
        "strategyType", "stopPrice", "trailingDelta", "icebergQty", "newOrderRespType", "selfTradePreventionMode",
        "reduceOnly", "computeCommissionRates", "cancelReplaceMode", "cancelOrderId", "cancelOrigClientOrderId",
        "cancelNewClientOrderId", "cancelRestrictions", "orderRateLimitExceededMode", "returnRateLimits", "apiKey",
        "recvWindow", "timestamp", "signature",
    }
)  # fmt: skip
_RESPONSE_TYPES = frozenset({"ACK", "RESULT", "FULL"})


def new_order(desk: SpotDesk, params: Params) -> object:
    request = _request(desk, params, params.client_id("newClientOrderId"))
    desk.limiter.charge_order()
    _check_trading(desk, request)
    _check_room(desk, request)
    try:
        order, trades = desk.exchange.submit(request, desk.clock.now_ms())
    except Rejected as refusal:
        refuse(refusal)
    return placed_order(order, trades, _response_type(params, request))


def check_order(desk: SpotDesk, params: Params) -> object:
    """order/test: only the parameters are looked at."""
    _request(desk, params, params.client_id("newClientOrderId"))
    return {}


def cancel_order(desk: SpotDesk, params: Params) -> object:
    order = _named(desk, params, "orderId", "origClientOrderId")
    if order is None or not order.is_open:
        raise BinanceError(-2011, "Unknown order sent.")
    return _cancel(desk, order, params.client_id("newClientOrderId") or new_id())


def cancel_all(desk: SpotDesk, params: Params) -> object:
    open_orders = desk.exchange.open_orders(desk.symbol(params).symbol)
    if not open_orders:
        raise BinanceError(-2011, "Unknown order sent.")
    return [_cancel(desk, order, new_id()) for order in open_orders]


def query_order(desk: SpotDesk, params: Params) -> object:
    order = _named(desk, params, "orderId", "origClientOrderId")
    if order is None:
        raise BinanceError(-2013, "Order does not exist.")
    return queried_order(order)


def open_orders(desk: SpotDesk, params: Params) -> object:
    symbol = desk.symbol(params).symbol if params.optional("symbol") else None
    return [queried_order(order) for order in desk.exchange.open_orders(symbol)]


def all_orders(desk: SpotDesk, params: Params) -> object:
    _check_span(params)
    found = desk.exchange.orders(desk.symbol(params).symbol, params.window("orderId"))
    return [queried_order(order) for order in found]


def my_trades(desk: SpotDesk, params: Params) -> object:
    _check_span(params)
    number = params.integer("orderId")
    found = desk.exchange.trades(desk.symbol(params).symbol, params.window("fromId"), exchange_id=number)
    return [account_trade(trade) for trade in found]


def cancel_replace(desk: SpotDesk, params: Params) -> object:
    params.choice(
        "cancelReplaceMode",
        frozenset({"STOP_ON_FAILURE"}),
        BinanceError(-1013, "Only STOP_ON_FAILURE is offered here."),
    )
    request = _request(desk, params, params.client_id("newClientOrderId"))
    old = _named(desk, params, "cancelOrderId", "cancelOrigClientOrderId")
    desk.limiter.charge_order()
    if old is None or not old.is_open:
        raise _replace_error(-2022, cancel=BinanceError(-2011, "Unknown order sent.").body(), new=None, status=400)
    _check_trading(desk, request)
    cancel_id = params.client_id("cancelNewClientOrderId") or new_id()
    desk.user_feed.cancel_ids[old.exchange_id] = cancel_id
    try:
        canceled, order, trades = desk.exchange.replace(request, desk.clock.now_ms(), exchange_id=old.exchange_id)
    except ReplaceFailed as failure:
        new_body = as_binance(failure).body()
        cancel_body = canceled_order(failure.canceled, cancel_id)
        raise _replace_error(-2021, cancel=cancel_body, new=new_body, status=409) from failure
    except Rejected as refusal:
        desk.user_feed.cancel_ids.pop(old.exchange_id, None)
        raise as_binance(refusal) from refusal
    return {
        "cancelResult": "SUCCESS",
        "newOrderResult": "SUCCESS",
        "cancelResponse": canceled_order(canceled, cancel_id),
        "newOrderResponse": placed_order(order, trades, _response_type(params, request)),
    }


def _check_trading(desk: SpotDesk, request: SimRequest) -> None:
    if desk.faults.refuses_order(request.symbol):
        raise BinanceError(-2010, "Market is closed.")


def _check_room(desk: SpotDesk, request: SimRequest) -> None:
    """The two filters that limit how many orders may be open in a symbol."""
    resting = desk.exchange.open_orders(request.symbol)
    if len(resting) >= MOST_OPEN_ORDERS and request.type is not OrderType.MARKET:
        raise BinanceError(-1013, "Filter failure: MAX_NUM_ORDERS")
    stops = sum(order.stop_price is not None for order in resting)
    if stops >= MOST_OPEN_STOPS and request.stop_price is not None:
        raise BinanceError(-1013, "Filter failure: MAX_NUM_ALGO_ORDERS")


def _check_span(params: Params) -> None:
    start, end = params.integer("startTime"), params.integer("endTime")
    if start is not None and end is not None and end - start > _LONGEST_SPAN_MS:
        raise BinanceError(-1127, "More than 24 hours between startTime and endTime.")


def _cancel(desk: SpotDesk, order: SimOrder, cancel_id: str) -> object:
    desk.user_feed.cancel_ids[order.exchange_id] = cancel_id
    try:
        canceled = desk.exchange.cancel(order.symbol, desk.clock.now_ms(), exchange_id=order.exchange_id)
    except Rejected as refusal:
        desk.user_feed.cancel_ids.pop(order.exchange_id, None)
        refuse(refusal)
    return canceled_order(canceled, cancel_id)


def _named(desk: SpotDesk, params: Params, id_name: str, client_name: str) -> SimOrder | None:
    market = desk.symbol(params)
    number, client_id = params.integer(id_name), params.optional(client_name)
    if number is None and client_id is None:
        raise missing(id_name)
    found = desk.exchange.order(market.symbol, client_id=client_id, exchange_id=number)
    is_other = found is not None and client_id is not None and found.client_id != client_id
    return None if is_other else found


def _response_type(params: Params, request: SimRequest) -> str:
    default = "FULL" if request.type in (OrderType.MARKET, OrderType.LIMIT) else "ACK"
    value = params.optional("newOrderRespType") or default
    if value not in _RESPONSE_TYPES:
        raise BinanceError(-1104, "Invalid newOrderRespType.")
    return value


def _request(desk: SpotDesk, params: Params, client_id: str | None) -> SimRequest:
    """The order that the parameters describe; everything Binance checks about their form."""
    params.require_known(_PARAMETERS)
    symbol = desk.symbol(params).symbol
    side = params.choice("side", frozenset({"BUY", "SELL"}), BinanceError(-1117, "Invalid side."))
    kind = params.choice("type", frozenset(ORDER_TYPES), BinanceError(-1116, "Invalid orderType."))
    force = params.optional("timeInForce")
    if force is not None and force not in ("GTC", "IOC", "FOK"):
        raise BinanceError(-1115, "Invalid timeInForce.")
    is_limit, is_stop = "LIMIT" in kind, kind.startswith(("STOP_LOSS", "TAKE_PROFIT"))
    has_force = is_limit and kind != "LIMIT_MAKER"
    if force is not None and not has_force:
        raise BinanceError(-1106, _NOT_USED.format("timeInForce"))
    if force is None and has_force:
        raise missing("timeInForce")
    trail_frac = _trail(params) if is_stop else ZERO
    for name, wanted in (("price", is_limit), ("stopPrice", is_stop)):
        if params.optional(name) is None and wanted and not (name == "stopPrice" and trail_frac):
            raise missing(name)
        if params.optional(name) is not None and not wanted:
            raise BinanceError(-1106, _NOT_USED.format(name))
    quantity, quote_quantity = params.decimal("quantity"), params.decimal("quoteOrderQty")
    if quantity is None and (quote_quantity is None or kind != "MARKET"):
        raise missing("quantity")
    if quantity is not None and quote_quantity is not None:
        raise BinanceError(-1106, _NOT_USED.format("quoteOrderQty"))
    for name in ("trailingDelta", "icebergQty", "reduceOnly"):
        if params.optional(name) is not None and not (name == "trailingDelta" and is_stop):
            raise BinanceError(-1106, _NOT_USED.format(name))
    return SimRequest(
        symbol=symbol,
        client_id=client_id or new_id(),
        side=Side.BUY if side == "BUY" else Side.SELL,
        type=OrderType.LIMIT if is_limit else OrderType.STOP_MARKET if is_stop else OrderType.MARKET,
        quantity=quantity,
        price=params.decimal("price"),
        stop_price=params.decimal("stopPrice"),
        time_in_force=TimeInForce(force.lower()) if force else TimeInForce.GTC,
        post_only=kind == "LIMIT_MAKER",
        quote_quantity=quote_quantity,
        trigger="take_profit" if kind.startswith("TAKE_PROFIT") else "stop",
        trail_frac=trail_frac,
    )


def _trail(params: Params) -> Decimal:
    """`trailingDelta`, in hundredths of a percent, as a fraction; 0 without one."""
    delta = params.integer("trailingDelta")
    if delta is not None and not LEAST_TRAIL <= delta <= MOST_TRAIL:
        raise BinanceError(-1013, "Filter failure: TRAILING_DELTA")
    return Decimal(delta or 0) / BIPS


def _replace_error(code: int, *, cancel: object, new: object, status: int) -> BinanceError:
    cancel_failed = code == -2022
    return BinanceError(
        code,
        "Order cancel-replace failed." if cancel_failed else "Order cancel-replace partially failed.",
        status=status,
        extra={
            "data": {
                "cancelResult": "FAILURE" if cancel_failed else "SUCCESS",
                "newOrderResult": "NOT_ATTEMPTED" if cancel_failed else "FAILURE",
                "cancelResponse": cancel,
                "newOrderResponse": new,
            }
        },
    )
