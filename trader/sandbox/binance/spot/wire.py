"""The account's records in Binance's words."""

from collections.abc import Iterable
from decimal import Decimal

from trader.domain.account import Balance
from trader.domain.instrument import ZERO
from trader.domain.orders import OrderType
from trader.sandbox.binance.protocol.order_words import BIPS, STATUS
from trader.sandbox.market.numbers import text
from trader.simulation.records.sim_orders import OrderChanged, SimOrder, SimTrade, Transferred

_EXECUTION = {"new": "NEW", "trade": "TRADE", "canceled": "CANCELED", "expired": "EXPIRED"}


def order_type(order: SimOrder) -> str:
    if order.stop_price is not None:
        kind = "STOP_LOSS" if order.trigger == "stop" else "TAKE_PROFIT"
        return f"{kind}_LIMIT" if order.type is OrderType.LIMIT else kind
    if order.type is OrderType.MARKET:
        return "MARKET"
    return "LIMIT_MAKER" if order.post_only else "LIMIT"


def order_core(order: SimOrder) -> dict[str, object]:
    """What every answer about an order has."""
    return {
        "symbol": order.symbol.replace("/", ""),
        "orderId": order.exchange_id,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        "price": text(order.price or ZERO),
        "origQty": text(order.quantity),
        "executedQty": text(order.filled),
        "origQuoteOrderQty": text(ZERO),
        "cummulativeQuoteQty": text(order.filled_quote),
        "status": STATUS[order.status],
        "timeInForce": order.time_in_force.value.upper(),
        "type": order_type(order),
        "side": order.side.value.upper(),
    }


def queried_order(order: SimOrder) -> dict[str, object]:
    """An element of order, openOrders, allOrders."""
    return {
        **order_core(order),
        "stopPrice": text(order.stop_price or ZERO),
        "icebergQty": text(ZERO),
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "isWorking": not order.is_waiting,
        "workingTime": -1 if order.is_waiting else order.updated_ms,
        "selfTradePreventionMode": "NONE",
        **_trailing(order, "trailingDelta", "trailingTime"),
    }


def _trailing(order: SimOrder, delta: str, since: str) -> dict[str, object]:
    """Of a stop that follows the price: by how much, and since when if it has begun."""
    told: dict[str, object] = {}
    if order.trail_frac:
        told[delta] = int(order.trail_frac * BIPS)
        if order.best is not None:
            told[since] = order.follows_since_ms
    return told


def placed_order(order: SimOrder, trades: Iterable[SimTrade], response_type: str) -> dict[str, object]:
    """The answer to a new order: ACK, RESULT or FULL."""
    if response_type == "ACK":
        return {
            "symbol": order.symbol.replace("/", ""), "orderId": order.exchange_id, "orderListId": -1,
            "clientOrderId": order.client_id, "transactTime": order.updated_ms,
        }  # fmt: skip
    answer = {
        **order_core(order),
        "transactTime": order.updated_ms,
        "workingTime": -1 if order.is_waiting else order.created_ms,
        "selfTradePreventionMode": "NONE",
    }
    if order.stop_price is not None:
        answer["stopPrice"] = text(order.stop_price)
        answer |= _trailing(order, "trailingDelta", "trailingTime")
    if response_type == "FULL":
        answer["fills"] = [
            {
                "price": text(trade.price), "qty": text(trade.quantity), "commission": text(trade.fee),
                "commissionAsset": trade.fee_currency, "tradeId": trade.trade_id,
            }
            for trade in trades
        ]  # fmt: skip
    return answer


def canceled_order(order: SimOrder, cancel_id: str) -> dict[str, object]:
    """The answer to a cancel, which has a client id of its own."""
    return {
        **order_core(order),
        "origClientOrderId": order.client_id,
        "clientOrderId": cancel_id,
        "transactTime": order.updated_ms,
        "selfTradePreventionMode": "NONE",
    }


def account_trade(trade: SimTrade) -> dict[str, object]:
    """An element of myTrades."""
    return {
        "symbol": trade.symbol.replace("/", ""), "id": trade.trade_id, "orderId": trade.exchange_id, "orderListId": -1,
        "price": text(trade.price), "qty": text(trade.quantity), "quoteQty": text(trade.quote_quantity),
        "commission": text(trade.fee), "commissionAsset": trade.fee_currency, "time": trade.ts_ms,
        "isBuyer": trade.side.sign > 0, "isMaker": trade.is_maker, "isBestMatch": True,
    }  # fmt: skip


def execution_report(
    change: OrderChanged, *, now_ms: int, execution_id: int, cancel_id: str | None
) -> dict[str, object]:
    """An `executionReport` event. A cancel names itself in `c` and the order in `C`, as Binance does."""
    order, trade = change.order, change.trade
    last = trade.quantity if trade else ZERO
    price = trade.price if trade else ZERO
    # an order expires here where there is no more to take: IOC, FOK, a market order in a thin book
    reason = {"eR": "INSUFFICIENT_LIQUIDITY"} if change.kind == "expired" else {}
    return {
        "e": "executionReport",
        "E": now_ms,
        "s": order.symbol.replace("/", ""),
        "c": cancel_id or order.client_id,
        "S": order.side.value.upper(),
        "o": order_type(order),
        "f": order.time_in_force.value.upper(),
        "q": text(order.quantity),
        "p": text(order.price or ZERO),
        "P": text(order.stop_price or ZERO),
        "F": text(ZERO),
        "g": -1,
        "C": order.client_id if cancel_id else "",
        "x": _EXECUTION[change.kind],
        "X": STATUS[order.status],
        "r": "NONE",
        "i": order.exchange_id,
        "l": text(last),
        "z": text(order.filled),
        "L": text(price),
        "n": text(trade.fee) if trade else "0",
        "N": trade.fee_currency if trade else None,
        "T": order.updated_ms,
        "t": trade.trade_id if trade else -1,
        "I": execution_id,
        "w": order.is_open and not order.is_waiting,
        "m": bool(trade and trade.is_maker),
        "M": False,
        "O": order.created_ms,
        "Z": text(order.filled_quote),
        "Y": text(_eight(last * price)),
        "Q": text(ZERO),
        "W": order.created_ms,
        "V": "NONE",
        **reason,
        **_trailing(order, "d", "D"),
    }


def account_position(balances: Iterable[Balance], ts_ms: int, now_ms: int) -> dict[str, object]:
    """An `outboundAccountPosition` event: the currencies that changed."""
    return {
        "e": "outboundAccountPosition",
        "E": now_ms,
        "u": ts_ms,
        "B": [{"a": b.currency, "f": text(b.free), "l": text(b.locked)} for b in balances],
    }


def balance_update(transfer: Transferred, now_ms: int) -> dict[str, object]:
    """A `balanceUpdate` event: a deposit or withdrawal."""
    return {
        "e": "balanceUpdate",
        "E": now_ms,
        "a": transfer.currency,
        "d": text(transfer.amount),
        "T": transfer.ts_ms,
    }


def _eight(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.00000001"))
