"""Domain values to table rows and back. Exact: a value read is equal to the one written."""

from collections.abc import Mapping
from decimal import Decimal
from math import nan
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Float, RowMapping, Table

from trader.adapters.sql import schema
from trader.domain.errors import Misconfigured
from trader.domain.orders import Approved, Order, OrderIntent, OrderStatus
from trader.domain.reasons import with_codes
from trader.domain.refusals import Refusal, from_words
from trader.domain.signals import DecisionRecord
from trader.domain.workings import Workings

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Workings).decode

Row = dict[str, Any]
Stored = Mapping[str, Any] | RowMapping
Value = TypeVar("Value", bound=msgspec.Struct)

_INTENT_FIELDS = OrderIntent.__struct_fields__
_OF_AN_ORDER = ("side", "quantity", "algorithm")  # of a decision
_ORDER_FIELDS = tuple(name for name in Order.__struct_fields__ if name not in ("intent", "refusal"))


def row_of(value: msgspec.Struct) -> Row:
    """A flat struct as a row: its fields are the columns."""
    return {name: _stored(getattr(value, name)) for name in value.__struct_fields__}


def value_of(kind: type[Value], table: Table, row: Stored) -> Value:
    """The flat struct a row holds; a column that is NULL takes the field's default.

    Raises `Misconfigured`, naming the row, when it cannot be read.
    """
    try:
        return msgspec.convert(_fields(kind.__struct_fields__, table, row), kind)
    except (msgspec.DecodeError, TypeError, ValueError) as error:
        raise unreadable(table, row, error) from error


def order_row(order: Order) -> Row:
    """An order and its intent side by side."""
    row = row_of(order.intent)
    for name in _ORDER_FIELDS:
        row[name] = _stored(getattr(order, name))
    refusal = order.refusal
    row["reason"] = str(refusal or "")
    row["refusal"] = None if refusal is None else msgspec.json.encode(refusal).decode()
    return row


def intent_row(approved: Approved, now_ms: int) -> Row:
    """The row of an order that is about to be sent."""
    return order_row(Order(approved.intent, OrderStatus.PENDING, created_ms=now_ms, updated_ms=now_ms))


def order_of(row: Stored) -> Order:
    """The order of a row. Raises `Misconfigured`, naming the row, when it cannot be read."""
    try:
        fields = _fields(_ORDER_FIELDS, schema.orders, row)
        order = msgspec.convert({**fields, "intent": _fields(_INTENT_FIELDS, schema.orders, row)}, Order)
        return msgspec.structs.replace(order, refusal=_refusal_of(row))
    except (msgspec.DecodeError, TypeError, ValueError) as error:
        raise unreadable(schema.orders, row, error) from error


def unreadable(table: Table, row: Stored, error: Exception) -> Misconfigured:
    """What to tell a person about a row that a newer version wrote, or that is damaged."""
    key = ", ".join(f"{column.name} {row[column.name]!r}" for column in table.primary_key)
    return Misconfigured(
        f"the ledger's row in {table.name} ({key}) cannot be read: {error}; "
        "start the version that wrote it, or restore a backup"
    )


def _refusal_of(row: Stored) -> Refusal | None:
    if row["refusal"] is None:
        return from_words(row["reason"])
    return msgspec.json.decode(row["refusal"], type=Refusal)


def decision_row(record: DecisionRecord) -> Row:
    """A decision; what it does not have is empty text."""
    row = row_of(record)
    row["workings"] = None if record.workings is None else _encode(record.workings)
    return {**row, **{name: "" for name in _OF_AN_ORDER if row[name] is None}}


def decision_of(row: Stored) -> DecisionRecord:
    """The decision of a row. Raises `Misconfigured`, naming the row, when it cannot be read."""
    try:
        fields = _fields(DecisionRecord.__struct_fields__, schema.decisions, row)
        told = {name: value for name, value in fields.items() if value != "" or name not in _OF_AN_ORDER}
        workings = _workings_of(told.pop("workings", None))
        return msgspec.structs.replace(msgspec.convert(with_codes(told), DecisionRecord), workings=workings)
    except (msgspec.DecodeError, TypeError, ValueError) as error:
        raise unreadable(schema.decisions, row, error) from error


def _workings_of(stored: bytes | None) -> Workings | None:
    """What can be read of them: a row that says what was decided is never lost for what explains it."""
    try:
        return None if stored is None else _decode(stored)
    except msgspec.DecodeError:
        return None


def _stored(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, tuple):
        return msgspec.json.encode(value).decode()
    return value


def _fields(names: tuple[str, ...], table: Table, row: Stored) -> Row:
    fields: Row = {}
    for name in names:
        value, column = row[name], table.c[name]
        if value is None and isinstance(column.type, Float) and not column.info.get("optional"):
            fields[name] = nan
        elif value is not None:
            fields[name] = msgspec.json.decode(value) if column.info.get("json") else value
    return fields
