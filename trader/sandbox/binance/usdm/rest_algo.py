"""Signed REST of conditional orders at Binance USD-M, which live in a book of their own (algo orders)."""

from decimal import Decimal

from trader.domain.errors import Rejected
from trader.domain.instrument import ZERO, Instrument
from trader.sandbox.binance.protocol.errors import BinanceError, missing
from trader.sandbox.binance.protocol.order_words import new_id
from trader.sandbox.binance.protocol.params import Params
from trader.sandbox.binance.usdm import order_params
from trader.sandbox.binance.usdm.desk import UsdmDesk
from trader.sandbox.binance.usdm.errors import refuse
from trader.sandbox.binance.usdm.rest_market import MOST_CONDITIONALS
from trader.sandbox.binance.usdm.rest_orders import check_span
from trader.sandbox.binance.usdm.wire import placed_conditional, queried_conditional
from trader.simulation.records.conditional import Conditional, ConditionalKind, WorkingPrice

_KINDS = {kind.value.upper(): kind for kind in ConditionalKind}
_WORKING = {"CONTRACT_PRICE": WorkingPrice.CONTRACT, "MARK_PRICE": WorkingPrice.MARK}
_LEAST_CALLBACK, _MOST_CALLBACK = Decimal("0.1"), Decimal(10)  # percent
_UNKNOWN = BinanceError(-2011, "Unknown order sent.")


def new_algo_order(desk: UsdmDesk, params: Params) -> object:
    if params.text("algoType") != "CONDITIONAL":
        raise BinanceError(-1130, "Data sent for parameter 'algoType' is not valid.")
    draft = _draft(desk, params)
    desk.limiter.charge_order()
    if len(desk.exchange.waiting_conditionals(draft.symbol)) >= MOST_CONDITIONALS:
        raise BinanceError(-4045, "Reach max stop order limit.")
    try:
        placed = desk.exchange.place_conditional(draft, desk.clock.now_ms())
    except Rejected as refusal:
        refuse(refusal)
    return placed_conditional(placed)


def cancel_algo_order(desk: UsdmDesk, params: Params) -> object:
    number, client_id = _name(params)
    try:
        canceled = desk.exchange.cancel_conditional(desk.clock.now_ms(), client_id=client_id, conditional_id=number)
    except Rejected as refusal:
        refuse(refusal)
    return {
        "algoId": canceled.conditional_id, "clientAlgoId": canceled.client_id, "code": "200", "msg": "success",
    }  # fmt: skip


def cancel_all_algo_orders(desk: UsdmDesk, params: Params) -> object:
    for waiting in desk.exchange.waiting_conditionals(desk.symbol(params).symbol):
        desk.exchange.cancel_conditional(desk.clock.now_ms(), conditional_id=waiting.conditional_id)
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def query_algo_order(desk: UsdmDesk, params: Params) -> object:
    number, client_id = _name(params)
    found = desk.exchange.conditional(client_id=client_id, conditional_id=number)
    if found is None:
        raise BinanceError(-2013, "Order does not exist.")
    return _told(desk, found)


def open_algo_orders(desk: UsdmDesk, params: Params) -> object:
    symbol = desk.symbol(params).symbol if params.optional("symbol") else None
    return [_told(desk, waiting) for waiting in desk.exchange.waiting_conditionals(symbol)]


def all_algo_orders(desk: UsdmDesk, params: Params) -> object:
    check_span(params)
    found = desk.exchange.conditionals(desk.symbol(params).symbol, params.window("algoId"))
    return [_told(desk, each) for each in found]


def _told(desk: UsdmDesk, conditional: Conditional) -> dict[str, object]:
    order = None
    if conditional.order_id:
        order = desk.exchange.order(conditional.symbol, exchange_id=conditional.order_id)
    return queried_conditional(conditional, order)


def _name(params: Params) -> tuple[int | None, str | None]:
    number, client_id = params.integer("algoId"), params.optional("clientAlgoId")
    if number is None and client_id is None:
        raise missing("algoId")
    return number, client_id


def _draft(desk: UsdmDesk, params: Params) -> Conditional:
    """The conditional order that the parameters describe; everything Binance checks about their form."""
    instrument = order_params.instrument_of(desk, params)
    side = order_params.side(params)
    word = params.choice("type", _KINDS, BinanceError(-1116, "Invalid orderType."))
    kind, now_ms = _KINDS[word], desk.clock.now_ms()
    is_trailing = kind is ConditionalKind.TRAILING_STOP_MARKET
    closes = order_params.flag(params, "closePosition")
    _check_closing(params, word, closes=closes, is_market=not kind.has_limit and not is_trailing)
    working = params.optional("workingType") or "CONTRACT_PRICE"
    if working not in _WORKING:
        raise BinanceError(-4031, f"Invalid parameter working type: {working}")
    force = order_params.force(params, is_limit=True) if params.optional("timeInForce") else "GTC"
    return Conditional(
        conditional_id=0,
        client_id=params.client_id("clientAlgoId") or new_id(),
        symbol=instrument.symbol,
        side=side,
        kind=kind,
        quantity=None if closes else order_params.quantity(params, instrument),
        trigger_price=_trigger(params, instrument, is_trailing=is_trailing),
        price=order_params.price(params, instrument) if kind.has_limit else None,
        time_in_force=order_params.FORCES[force],
        post_only=force == "GTX",
        reduce_only=order_params.flag(params, "reduceOnly"),
        working=_WORKING[working],
        created_ms=now_ms,
        updated_ms=now_ms,
        callback_frac=_callback(params) if is_trailing else ZERO,
    )


def _check_closing(params: Params, kind: str, *, closes: bool, is_market: bool) -> None:
    if not closes:
        return
    if not is_market:
        raise BinanceError(-4136, f"Target strategy invalid for orderType {kind},closePosition true")
    if params.optional("quantity") is not None:
        raise BinanceError(-4137, "Quantity must be zero with closePosition equals true")
    if params.optional("reduceOnly") is not None:
        raise BinanceError(-1106, "Parameter 'reduceOnly' sent when not required.")


def _trigger(params: Params, instrument: Instrument, *, is_trailing: bool) -> Decimal | None:
    if not is_trailing:
        return order_params.price(params, instrument, "triggerPrice")
    name = "activatePrice" if params.optional("activatePrice") else "activationPrice"
    return order_params.price(params, instrument, name) if params.optional(name) else None


def _callback(params: Params) -> Decimal:
    """The way back of a trailing stop, as a fraction."""
    rate = params.decimal("callbackRate")
    if rate is None:
        raise missing("callbackRate")
    if not _LEAST_CALLBACK <= rate <= _MOST_CALLBACK:
        raise BinanceError(-1130, "Data sent for parameter 'callbackRate' is not valid.")
    return rate / 100
