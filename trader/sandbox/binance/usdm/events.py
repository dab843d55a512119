"""The account's events in the words of Binance USD-M."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from trader.domain.account import Balance
from trader.domain.instrument import ZERO
from trader.domain.orders import OrderStatus
from trader.sandbox.binance.protocol.order_words import STATUS
from trader.sandbox.binance.usdm.wire import (
    CONDITIONAL_STATUS,
    callback_rate,
    conditional_force,
    order_type,
    time_in_force,
    wire_id,
    working_type,
)
from trader.sandbox.market.numbers import text
from trader.simulation.derivatives.liquidation import LIQUIDATION_PREFIX
from trader.simulation.records.conditional import Conditional, ConditionalKind
from trader.simulation.records.positions import SimPosition
from trader.simulation.records.sim_orders import ChangeReason, OrderChanged, SimOrder

_EXECUTION = {"new": "NEW", "trade": "TRADE", "canceled": "CANCELED", "expired": "EXPIRED", "amended": "AMENDMENT"}
_REASON: dict[ChangeReason, str] = {
    "order": "ORDER",
    "funding": "FUNDING_FEE",
    "liquidation": "INSURANCE_CLEAR",
    "transfer": "DEPOSIT",
    "leverage": "ORDER",
}


def order_trade_update(change: OrderChanged, now_ms: int) -> dict[str, object]:
    """An `ORDER_TRADE_UPDATE` event. What a liquidation executes is CALCULATED, not TRADE."""
    order, trade = change.order, change.trade
    is_liquidation = order.client_id.startswith(LIQUIDATION_PREFIX)
    kind = order_type(order)
    content: dict[str, object] = {
        "s": wire_id(order.symbol),
        "c": order.client_id,
        "S": order.side.value.upper(),
        "o": kind,
        "f": time_in_force(order),
        "q": text(order.quantity),
        "p": text(order.price or ZERO),
        "ap": text(order.average_price or ZERO),
        "sp": text(ZERO),
        "x": "CALCULATED" if is_liquidation else _EXECUTION[change.kind],
        "X": STATUS[order.status],
        "i": order.exchange_id,
        "l": text(trade.quantity if trade else ZERO),
        "z": text(order.filled),
        "L": text(trade.price if trade else ZERO),
        "n": text(trade.fee if trade else ZERO),
        "N": trade.fee_currency if trade else order.symbol.rpartition(":")[2],
        "T": order.updated_ms,
        "t": trade.trade_id if trade else 0,
        "b": text(ZERO),
        "a": text(ZERO),
        "m": bool(trade and trade.is_maker),
        "R": order.reduce_only,
        "wt": "CONTRACT_PRICE",
        "ot": kind,
        "ps": "BOTH",
        "cp": False,
        "rp": text(trade.realised if trade else ZERO),
        "pP": False,
        "si": 0,
        "ss": 0,
        "V": "NONE",
        "pm": "NONE",
        "gtd": 0,
        "er": "0" if order.status is not OrderStatus.EXPIRED else "2",
    }
    return {"e": "ORDER_TRADE_UPDATE", "E": now_ms, "T": order.updated_ms, "o": content}


def force_order(change: OrderChanged, now_ms: int) -> dict[str, object] | None:
    """A `forceOrder` event, which everybody hears; None for anything but the execution of a liquidation."""
    order, trade = change.order, change.trade
    if trade is None or not order.client_id.startswith(LIQUIDATION_PREFIX):
        return None
    content = {
        "s": wire_id(order.symbol), "S": order.side.value.upper(), "o": order_type(order), "f": time_in_force(order),
        "q": text(order.quantity), "p": text(order.price or ZERO), "ap": text(order.average_price or ZERO),
        "X": STATUS[order.status], "l": text(trade.quantity), "z": text(order.filled), "T": order.updated_ms,
    }  # fmt: skip
    return {"e": "forceOrder", "E": now_ms, "o": content}


def account_update(
    balances: Iterable[Balance],
    positions: Iterable[SimPosition],
    reason: ChangeReason,
    *,
    moved: Mapping[str, Decimal],
    marks: Mapping[str, Decimal],
    ts_ms: int,
    now_ms: int,
) -> dict[str, object]:
    """An `ACCOUNT_UPDATE` event. `moved`: what came into a wallet without a trade, by asset; `marks` by symbol."""
    return {
        "e": "ACCOUNT_UPDATE",
        "E": now_ms,
        "T": ts_ms,
        "a": {
            "m": _reason(reason, moved),
            "B": [
                {"a": b.currency, "wb": text(b.total), "cw": text(b.total), "bc": text(moved.get(b.currency, ZERO))}
                for b in balances
            ],
            "P": [_position(position, marks[position.symbol]) for position in positions],
        },
    }


def _reason(reason: ChangeReason, moved: Mapping[str, Decimal]) -> str:
    is_withdrawal = reason == "transfer" and any(amount < 0 for amount in moved.values())
    return "WITHDRAW" if is_withdrawal else _REASON[reason]


def _position(position: SimPosition, mark: Decimal) -> dict[str, object]:
    return {
        "s": wire_id(position.symbol), "pa": text(position.quantity), "ep": text(position.entry_price),
        "bep": text(position.entry_price), "cr": text(position.realised), "up": text(position.unrealised(mark)),
        "mt": "cross", "iw": text(ZERO), "ps": "BOTH", "ma": position.symbol.rpartition(":")[2],
    }  # fmt: skip


def leverage_update(position: SimPosition, ts_ms: int, now_ms: int) -> dict[str, object]:
    """An `ACCOUNT_CONFIG_UPDATE` event."""
    return {
        "e": "ACCOUNT_CONFIG_UPDATE",
        "E": now_ms,
        "T": ts_ms,
        "ac": {"s": wire_id(position.symbol), "l": position.leverage},
    }


def algo_update(conditional: Conditional, order: SimOrder | None, ts_ms: int, now_ms: int) -> dict[str, object]:
    """An `ALGO_UPDATE` event. `order`: what it became."""
    content: dict[str, object] = {
        "caid": conditional.client_id,
        "aid": conditional.conditional_id,
        "at": "CONDITIONAL",
        "o": conditional.kind.value.upper(),
        "s": wire_id(conditional.symbol),
        "S": conditional.side.value.upper(),
        "ps": "BOTH",
        "f": conditional_force(conditional),
        "q": text(conditional.quantity or ZERO),
        "X": CONDITIONAL_STATUS[conditional.status],
        "ai": str(conditional.order_id) if conditional.order_id else "",
        "ap": text((order.average_price if order else None) or ZERO),
        "aq": text(order.filled if order else ZERO),
        "act": order_type(order) if order else "0",
        "tp": text(conditional.trigger_price or ZERO),
        "p": text(conditional.price or ZERO),
        "V": "NONE",
        "wt": working_type(conditional),
        "pm": "NONE",
        "cp": conditional.closes_position,
        "pP": False,
        "R": conditional.reduce_only,
        "tt": conditional.triggered_ms,
        "gtd": 0,
        "rm": _why(conditional.reason),
    }
    if conditional.kind is ConditionalKind.TRAILING_STOP_MARKET:
        content |= {"AP": text(conditional.trigger_price or ZERO), "cr": callback_rate(conditional)}
    return {"e": "ALGO_UPDATE", "E": now_ms, "T": ts_ms, "o": content}


def _why(reason: str) -> str:
    """Binance's words for why a conditional order failed."""
    known = {"reduce_only": "Reduce Only reject", "insufficient_margin": "Margin check failed"}
    return known.get(reason, reason)
