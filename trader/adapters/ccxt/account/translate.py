"""ccxt's orders, trades and balances as domain values: each answer is checked and translated once, here.

An answer that lacks what must be there raises `BrokenAnswer`; the caller knows whether that means "ask again"
or "the outcome is unknown". Numbers go through their shortest text, never through binary.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from trader.domain.account import Balance
from trader.domain.instrument import ZERO
from trader.domain.orders import Fill, OrderReport, OrderStatus, OrderType, Side

# entries of a ccxt balance answer that are not currencies
_NOT_CURRENCIES = frozenset({"info", "timestamp", "datetime", "free", "used", "total", "debt"})
_ENDED = {
    "canceled": OrderStatus.CANCELED,
    "expired": OrderStatus.EXPIRED,
    "rejected": OrderStatus.REJECTED,
}


class BrokenAnswer(ValueError):
    """The exchange answered, but not with what was asked for."""


def decimal_of(value: Any, what: str) -> Decimal:
    """An exact number; raises `BrokenAnswer` naming `what`."""
    number = decimal_or_none(value)
    if number is None:
        raise BrokenAnswer(f"{what} is {value!r}, not a number")
    return number


def decimal_or_none(value: Any) -> Decimal | None:
    """An exact finite number, or None."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def order_report(
    order: Any,
    *,
    client_id: str | None = None,
    symbol: str | None = None,
    is_new: bool = False,
    with_fills: bool = True,
    now_ms: int = 0,
) -> OrderReport:
    """One ccxt order. `client_id`, `symbol` override what it says (a cancel's answer names the cancel).

    `is_new`: an acknowledgement, which on some exchanges holds nothing but an id. `with_fills`: take over the
    executions it carries.
    """
    if not isinstance(order, Mapping) or not order.get("id"):
        raise BrokenAnswer(f"an order without id: {_shown(order)}")
    name = symbol or order.get("symbol")
    if not name:
        raise BrokenAnswer(f"order {order['id']} without symbol")
    quantity = decimal_or_none(order.get("amount"))
    filled = decimal_or_none(order.get("filled")) or ZERO
    ts_ms = int(order.get("lastUpdateTimestamp") or order.get("timestamp") or now_ms)
    kind = _type(order)
    report = OrderReport(
        symbol=str(name),
        client_id=client_id if client_id is not None else str(order.get("clientOrderId") or ""),
        exchange_id=str(order["id"]),
        status=_status(order, quantity, filled, is_new),
        filled=filled,
        ts_ms=ts_ms,
        side=_side_or_none(order.get("side")),
        type=kind,
        quantity=quantity,
        # of a market order ccxt calls the average, or a slippage bound, its price
        price=decimal_or_none(order.get("price")) or None if kind is OrderType.LIMIT else None,
        stop_price=_stop_price(order),
        reason=_reason(order),
    )
    return _with_fills(report, order.get("trades") or ()) if with_fills else report


def fill_of(trade: Any, *, symbol: str | None = None, client_id: str = "") -> Fill:
    """One ccxt trade of our account."""
    if not isinstance(trade, Mapping) or not trade.get("id") or not trade.get("order"):
        raise BrokenAnswer(f"an own trade without id or order: {_shown(trade)}")
    what = f"trade {trade['id']}"
    name = symbol or trade.get("symbol")
    side = _side_or_none(trade.get("side"))
    if not name or side is None or not trade.get("timestamp"):
        raise BrokenAnswer(f"{what} lacks symbol, side or time: {_shown(trade)}")
    fee, currency = _fee(trade)
    return Fill(
        fill_id=str(trade["id"]),
        symbol=str(name),
        client_id=client_id,
        exchange_order_id=str(trade["order"]),
        side=side,
        quantity=decimal_of(trade.get("amount"), f"{what} amount"),
        price=decimal_of(trade.get("price"), f"{what} price"),
        fee=fee,
        fee_currency=currency,
        ts_ms=int(trade["timestamp"]),
        is_maker=trade.get("takerOrMaker") == "maker",
    )


def balances_of(answer: Any, required: str = "") -> list[Balance]:
    """Every currency a ccxt balance answer names, zero ones too. `required`: a key its raw answer must have."""
    if not isinstance(answer, Mapping):
        raise BrokenAnswer(f"balances are {_shown(answer)}")
    if required and required not in (answer.get("info") or ()):
        raise BrokenAnswer(f"an answer about balances without {required!r}: {_shown(answer.get('info'))}")
    return [
        _balance(str(currency), entry)
        for currency, entry in answer.items()
        if currency not in _NOT_CURRENCIES and isinstance(entry, Mapping) and ("free" in entry or "total" in entry)
    ]


def client_id_in(info: Any, keys: Iterable[str]) -> str:
    """The order's client id in a raw own trade, or empty."""
    if not isinstance(info, Mapping):
        return ""
    return next((str(info[key]) for key in keys if info.get(key)), "")


def _balance(currency: str, entry: Mapping[str, Any]) -> Balance:
    free, used, total = (decimal_or_none(entry.get(key)) for key in ("free", "used", "total"))
    if free is None:
        if total is None:
            raise BrokenAnswer(f"balance of {currency} has neither free nor total: {_shown(entry)}")
        free = total - (used or ZERO)
    if used is None:
        used = total - free if total is not None else ZERO
    return Balance(currency, free, used)


def _status(order: Mapping[str, Any], quantity: Decimal | None, filled: Decimal, is_new: bool) -> OrderStatus:
    stated = order.get("status")
    if stated in _ENDED:
        return _ENDED[stated]
    if stated == "closed":
        # some exchanges call an order closed that was partly filled and then cancelled
        return OrderStatus.FILLED if quantity is None or filled >= quantity else OrderStatus.CANCELED
    if stated in ("open", "canceling") or (stated is None and is_new):
        if quantity is not None and 0 < quantity <= filled:
            return OrderStatus.FILLED
        return OrderStatus.PARTIALLY_FILLED if filled > 0 else OrderStatus.OPEN
    raise BrokenAnswer(f"order {order.get('id')} has status {stated!r}")


def _with_fills(report: OrderReport, trades: Sequence[Any]) -> OrderReport:
    """`report` with the fills its answer carried; those inherit what they leave out from the order."""
    if not trades:
        return report
    fills = []
    for trade in trades:
        inherited = {"order": report.exchange_id, "timestamp": report.ts_ms, "side": report.side, "takerOrMaker": None}
        known = {key: value for key, value in dict(trade).items() if value is not None}
        fills.append(fill_of({**inherited, **known}, symbol=report.symbol, client_id=report.client_id))
    return msgspec.structs.replace(report, fills=tuple(fills))


def _fee(trade: Mapping[str, Any]) -> tuple[Decimal, str]:
    """(amount, currency). A trade with fees in two currencies cannot be kept as one: that is an error."""
    fees = [fee for fee in (trade.get("fees") or [trade.get("fee")]) if isinstance(fee, Mapping) and fee.get("cost")]
    if len({fee.get("currency") for fee in fees}) > 1:
        raise BrokenAnswer(f"trade {trade.get('id')} has fees in several currencies: {_shown(fees)}")
    if not fees:
        return ZERO, ""
    total = sum((decimal_of(fee["cost"], f"fee of trade {trade.get('id')}") for fee in fees), start=ZERO)
    return total, str(fees[0].get("currency") or "")


def _side_or_none(value: Any) -> Side | None:
    return Side(value) if value in ("buy", "sell") else None


def _type(order: Mapping[str, Any]) -> OrderType | None:
    kind = str(order.get("type") or "").lower()
    if _stop_price(order) is not None and "limit" not in kind:
        return OrderType.STOP_MARKET
    if "limit" in kind and _stop_price(order) is None:
        return OrderType.LIMIT
    return OrderType.MARKET if kind == "market" else None


def _stop_price(order: Mapping[str, Any]) -> Decimal | None:
    for key in ("stopLossPrice", "triggerPrice", "stopPrice"):
        price = decimal_or_none(order.get(key))
        if price:
            return price
    return None


def _reason(order: Mapping[str, Any]) -> str:
    info = order.get("info")
    reason = info.get("r") or info.get("rejectReason") if isinstance(info, Mapping) else None
    return "" if reason in (None, "NONE", "EC_NoError") else str(reason)


def _shown(value: Any) -> str:
    return repr(value)[:200]
