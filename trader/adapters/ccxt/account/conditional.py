"""Conditional orders that live in a book of their own: their numbers, and what they become when they trigger.

ccxt calls one "closed" as soon as it triggers, and leaves out what its order has filled. The truth is that order's:
from then on its number and its state count.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from trader.adapters.ccxt.account.translate import BrokenAnswer, decimal_or_none
from trader.adapters.ccxt.exchanges import ConditionalFields
from trader.domain.instrument import ZERO
from trader.domain.orders import OrderReport, OrderStatus

_NOT_TRIGGERED = {
    "waiting": OrderStatus.OPEN,
    "canceled": OrderStatus.CANCELED,
    "expired": OrderStatus.EXPIRED,
    "ended": OrderStatus.EXPIRED,
}


def is_conditional(info: Any, fields: ConditionalFields | None) -> bool:
    """Whether `info` is the raw form of a conditional order."""
    return fields is not None and isinstance(info, Mapping) and bool(_first(info, fields.number_keys))


def order_number(info: Mapping[str, Any], fields: ConditionalFields) -> str:
    """The number of the order it has become, or empty."""
    return _first(info, fields.order_number_keys)


def conditional_report(report: OrderReport, info: Mapping[str, Any], fields: ConditionalFields) -> OrderReport:
    """`report` with what the raw conditional order `info` really says.

    One that has triggered is open here, whatever has become of its order: that tells its own end.
    """
    stated = _first(info, fields.status_keys)
    state = fields.statuses.get(stated)
    if state is None:
        raise BrokenAnswer(f"conditional order {report.client_id} has status {stated!r}")
    filled = decimal_or_none(_first(info, fields.filled_keys)) or ZERO
    number = order_number(info, fields)
    if number:
        status = OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.OPEN
    else:
        number = fields.prefix + _first(info, fields.number_keys)
        status = _NOT_TRIGGERED.get(state, OrderStatus.OPEN)
    return msgspec.structs.replace(report, exchange_id=number, status=status, filled=filled)


def ended(report: OrderReport) -> OrderReport:
    """`report` of one whose order the exchange has forgotten."""
    is_filled = report.quantity is not None and report.filled >= report.quantity
    return msgspec.structs.replace(report, status=OrderStatus.FILLED if is_filled else OrderStatus.EXPIRED)


def _first(info: Mapping[str, Any], keys: Iterable[str]) -> str:
    """The first of the fields that is there and not empty."""
    return next((str(info[key]) for key in keys if info.get(key) not in (None, "", 0, "0")), "")
