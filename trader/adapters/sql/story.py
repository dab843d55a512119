"""One decision in the ledger, and what came of it: its orders, their fills and cost, the position."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select

from trader.adapters.sql import schema
from trader.adapters.sql.rows import decision_of, order_of, value_of
from trader.domain.account import Position
from trader.domain.decisions import ClosedTrade, ExecutionReport
from trader.domain.orders import Fill, Order, Purpose
from trader.domain.signals import DecisionRecord, Verdict
from trader.ports import Aftermath

_LEAVING = (Purpose.EXIT.value, Purpose.FLATTEN.value)


def decided_symbols(connection: Connection) -> list[str]:
    column = schema.decisions.c.symbol
    return [str(symbol) for symbol in connection.execute(select(column).distinct().order_by(column)).scalars()]


def decision_near(
    connection: Connection, symbol: str, open_ms: int
) -> tuple[DecisionRecord | None, DecisionRecord | None]:
    """The newest decision on a candle that opened at `open_ms` or before, and the oldest on one after."""
    table = schema.decisions
    own = select(table).where(table.c.symbol == symbol).limit(1)
    before = own.where(table.c.candle_open_ms <= open_ms).order_by(table.c.candle_open_ms.desc())
    after = own.where(table.c.candle_open_ms > open_ms).order_by(table.c.candle_open_ms)
    return _decision(connection, before), _decision(connection, after)


def aftermath(connection: Connection, record: DecisionRecord, until_ms: int) -> Aftermath:
    """Of an entry its own orders and the position they opened; of an exit what was sent for it before `until_ms`."""
    if record.verdict is Verdict.SKIP:
        return Aftermath()
    orders = () if record.verdict is Verdict.HOLD else _orders(connection, record, until_ms)
    ids = [order.client_id for order in orders if order.intent.purpose is not Purpose.STOP]
    fills = _fills(connection, record.symbol, ids)
    parents = {order.intent.parent_id for order in orders if order.intent.purpose is not Purpose.STOP}
    held_ms = fills[0].ts_ms if fills and record.verdict is Verdict.ENTER else record.ts_ms
    is_known = record.verdict is not Verdict.ENTER or bool(fills)
    trade = _trade(connection, record.symbol, held_ms) if is_known else None
    position = _position(connection, record.symbol, held_ms) if is_known and trade is None else None
    return Aftermath(orders, fills, _executions(connection, sorted(parents)), trade, position)


def _decision(connection: Connection, query: Select[Any]) -> DecisionRecord | None:
    row = connection.execute(query).mappings().first()
    return None if row is None else decision_of(row)


def _orders(connection: Connection, record: DecisionRecord, until_ms: int) -> tuple[Order, ...]:
    table = schema.orders
    asked: ColumnElement[bool] = table.c.decision_id == record.decision_id
    if record.verdict is Verdict.EXIT:
        within = table.c.created_ms.between(record.ts_ms, until_ms - 1)
        asked = (table.c.symbol == record.symbol) & table.c.purpose.in_(_LEAVING) & within
    query = select(table).where(asked).order_by(table.c.created_ms, table.c.client_id)
    found = tuple(order_of(row) for row in connection.execute(query).mappings())
    if record.verdict is Verdict.EXIT:
        return found
    return tuple(order for order in found if order.intent.purpose not in (Purpose.EXIT, Purpose.FLATTEN))


def _fills(connection: Connection, symbol: str, client_ids: list[str]) -> tuple[Fill, ...]:
    table = schema.fills
    query = select(table).where(table.c.symbol == symbol, table.c.client_id.in_(client_ids))
    rows = connection.execute(query.order_by(table.c.ts_ms, table.c.fill_id)).mappings()
    return tuple(value_of(Fill, table, row) for row in rows)


def _executions(connection: Connection, parents: list[str]) -> tuple[ExecutionReport, ...]:
    table = schema.executions
    rows = connection.execute(select(table).where(table.c.parent_id.in_(parents)).order_by(table.c.ended_ms)).mappings()
    return tuple(value_of(ExecutionReport, table, row) for row in rows)


def _trade(connection: Connection, symbol: str, held_ms: int) -> ClosedTrade | None:
    """The position that was held at `held_ms`, or came of what was done then."""
    table = schema.trades
    query = select(table).where(table.c.symbol == symbol, table.c.opened_ms <= held_ms, table.c.closed_ms >= held_ms)
    row = connection.execute(query.order_by(table.c.number).limit(1)).mappings().first()
    return None if row is None else value_of(ClosedTrade, table, row)


def _position(connection: Connection, symbol: str, held_ms: int) -> Position | None:
    table = schema.positions
    query = select(table).where(table.c.symbol == symbol, table.c.opened_ms <= held_ms)
    row = connection.execute(query).mappings().first()
    return None if row is None else value_of(Position, table, row)
