"""Orders, trades, conditional orders and wallet movements in the words of Binance USD-M."""

from decimal import Decimal

from trader.domain.instrument import ZERO
from trader.domain.orders import OrderType
from trader.sandbox.binance.protocol.order_words import STATUS
from trader.sandbox.market.numbers import text
from trader.simulation.records.conditional import Conditional, ConditionalKind, ConditionalStatus, WorkingPrice
from trader.simulation.records.positions import IncomeKind, SimIncome
from trader.simulation.records.sim_orders import SimOrder, SimTrade

INCOME_TYPES: dict[str, IncomeKind] = {
    "REALIZED_PNL": "realised",
    "COMMISSION": "commission",
    "FUNDING_FEE": "funding",
    "INSURANCE_CLEAR": "liquidation",
    "TRANSFER": "transfer",
}
_TYPE_OF_INCOME = {kind: name for name, kind in INCOME_TYPES.items()}
CONDITIONAL_STATUS = {status: status.value.upper() for status in ConditionalStatus}
_WORKING = {WorkingPrice.CONTRACT: "CONTRACT_PRICE", WorkingPrice.MARK: "MARK_PRICE"}


def wire_id(symbol: str) -> str:
    """Binance's name of a unified symbol: "BTC/USDT:USDT" is "BTCUSDT"."""
    return symbol.partition(":")[0].replace("/", "")


def order_type(order: SimOrder) -> str:
    return "MARKET" if order.type is OrderType.MARKET else "LIMIT"


def time_in_force(order: SimOrder) -> str:
    return "GTX" if order.post_only else order.time_in_force.value.upper()


def placed_order(order: SimOrder) -> dict[str, object]:
    """The answer to a new, cancelled or amended order."""
    return {
        "orderId": order.exchange_id,
        "symbol": wire_id(order.symbol),
        "status": STATUS[order.status],
        "clientOrderId": order.client_id,
        "price": text(order.price or ZERO),
        "avgPrice": text(order.average_price or ZERO),
        "origQty": text(order.quantity),
        "executedQty": text(order.filled),
        "cumQty": text(order.filled),
        "cumQuote": text(order.filled_quote),
        "timeInForce": time_in_force(order),
        "type": order_type(order),
        "reduceOnly": order.reduce_only,
        "closePosition": False,
        "side": order.side.value.upper(),
        "positionSide": "BOTH",
        "stopPrice": text(ZERO),
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": order_type(order),
        "priceMatch": "NONE",
        "selfTradePreventionMode": "NONE",
        "goodTillDate": 0,
        "updateTime": order.updated_ms,
    }


def queried_order(order: SimOrder) -> dict[str, object]:
    """An element of order, openOrders, allOrders."""
    answer = {name: value for name, value in placed_order(order).items() if name != "cumQty"}
    return {**answer, "time": order.created_ms}


def account_trade(trade: SimTrade) -> dict[str, object]:
    """An element of userTrades."""
    return {
        "symbol": wire_id(trade.symbol), "id": trade.trade_id, "orderId": trade.exchange_id,
        "side": trade.side.value.upper(), "price": text(trade.price), "qty": text(trade.quantity),
        "realizedPnl": text(trade.realised), "quoteQty": text(trade.quote_quantity), "commission": text(trade.fee),
        "commissionAsset": trade.fee_currency, "time": trade.ts_ms, "positionSide": "BOTH",
        "buyer": trade.side.sign > 0, "maker": trade.is_maker,
    }  # fmt: skip


def income(movement: SimIncome) -> dict[str, object]:
    """An element of income."""
    kind = _TYPE_OF_INCOME[movement.kind]
    return {
        "symbol": wire_id(movement.symbol), "incomeType": kind, "income": text(movement.amount),
        "asset": movement.asset, "time": movement.ts_ms, "info": kind, "tranId": movement.income_id,
        "tradeId": str(movement.trade_id) if movement.trade_id else "",
    }  # fmt: skip


def placed_conditional(conditional: Conditional) -> dict[str, object]:
    """The answer to a new algo order."""
    answer: dict[str, object] = {
        "algoId": conditional.conditional_id,
        "clientAlgoId": conditional.client_id,
        "algoType": "CONDITIONAL",
        "orderType": conditional.kind.value.upper(),
        "symbol": wire_id(conditional.symbol),
        "side": conditional.side.value.upper(),
        "positionSide": "BOTH",
        "timeInForce": conditional_force(conditional),
        "quantity": text(conditional.quantity or ZERO),
        "algoStatus": CONDITIONAL_STATUS[conditional.status],
        "triggerPrice": text(conditional.trigger_price or ZERO),
        "price": text(conditional.price or ZERO),
        "icebergQuantity": None,
        "selfTradePreventionMode": "NONE",
        "workingType": working_type(conditional),
        "priceMatch": "NONE",
        "closePosition": conditional.closes_position,
        "priceProtect": False,
        "reduceOnly": conditional.reduce_only,
        "createTime": conditional.created_ms,
        "updateTime": conditional.updated_ms,
        "triggerTime": conditional.triggered_ms,
        "goodTillDate": 0,
    }
    if conditional.kind is ConditionalKind.TRAILING_STOP_MARKET:
        answer["activatePrice"] = text(conditional.trigger_price or ZERO)
        answer["callbackRate"] = callback_rate(conditional)
    return answer


def queried_conditional(conditional: Conditional, order: SimOrder | None) -> dict[str, object]:
    """An element of algoOrder, openAlgoOrders, allAlgoOrders. `order`: what it became."""
    return {
        **placed_conditional(conditional),
        "actualOrderId": str(conditional.order_id) if conditional.order_id else "",
        "actualPrice": text((order.average_price if order else None) or ZERO),
        "actualQty": text(order.filled if order else ZERO),
        "tpTriggerPrice": text(ZERO),
        "tpPrice": text(ZERO),
        "slTriggerPrice": text(ZERO),
        "slPrice": text(ZERO),
        "tpOrderType": "",
    }


def conditional_force(conditional: Conditional) -> str:
    return "GTX" if conditional.post_only else conditional.time_in_force.value.upper()


def working_type(conditional: Conditional) -> str:
    return _WORKING[conditional.working]


def callback_rate(conditional: Conditional) -> str:
    """Percent, as a string with one decimal."""
    return f"{conditional.callback_frac * Decimal(100):.1f}"
