"""Reading domain values from an open connection; newest first where rows have a time."""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, RowMapping, Select, Table, and_, func, or_, select

from trader.adapters.sql import schema
from trader.adapters.sql.rows import decision_of, order_of, unreadable, value_of
from trader.domain.account import Balance, Payment, Position
from trader.domain.decisions import ClosedTrade, EquitySnapshot, ExecutionReport, TradingState
from trader.domain.orders import Fill, Order, OrderStatus
from trader.domain.reasons import Reason, of_stored
from trader.domain.signals import DecisionRecord
from trader.domain.units import DAY_MS

Value = TypeVar("Value", bound=msgspec.Struct)

_OPEN = tuple(status.value for status in OrderStatus if not status.is_terminal)


def _rows(connection: Connection, query: Select[Any]) -> Sequence[RowMapping]:
    return connection.execute(query).mappings().all()


def _values(connection: Connection, kind: type[Value], table: Table, query: Select[Any] | None = None) -> list[Value]:
    return [value_of(kind, table, row) for row in _rows(connection, select(table) if query is None else query)]


def count_inputs(connection: Connection, *, after: int) -> int:
    query = select(func.count()).select_from(schema.inputs).where(schema.inputs.c.seq > after)
    return int(connection.execute(query).scalar_one())


def positions(connection: Connection) -> list[Position]:
    return _values(connection, Position, schema.positions, select(schema.positions).order_by(schema.positions.c.symbol))


def balances(connection: Connection) -> list[Balance]:
    return _values(connection, Balance, schema.balances, select(schema.balances).order_by(schema.balances.c.currency))


def orders(connection: Connection, *, limit: int, open_only: bool = False) -> list[Order]:
    query = select(schema.orders).order_by(schema.orders.c.updated_ms.desc()).limit(limit)
    if open_only:
        query = query.where(schema.orders.c.status.in_(_OPEN))
    return [order_of(row) for row in _rows(connection, query)]


def remembered_orders(connection: Connection, *, days: int) -> list[Order]:
    """Open orders, ended ones whose fills are not complete, and what ended in the last `days` before the newest."""
    table = schema.orders
    newest = select(func.max(table.c.updated_ms)).scalar_subquery()
    recent = table.c.updated_ms >= newest - days * DAY_MS
    unsettled = table.c.status.in_(_OPEN) | (table.c.filled != table.c.reported_filled)
    query = select(table).where(or_(recent, unsettled)).order_by(table.c.created_ms, table.c.client_id)
    return [order_of(row) for row in _rows(connection, query)]


def fills(connection: Connection, *, limit: int) -> list[Fill]:
    query = select(schema.fills).order_by(schema.fills.c.ts_ms.desc(), schema.fills.c.fill_id.desc()).limit(limit)
    return _values(connection, Fill, schema.fills, query)


def remembered_fills(connection: Connection, *, days: int) -> tuple[frozenset[tuple[str, str]], dict[str, int]]:
    """(symbol, fill_id) of each symbol's last `days` before its own newest fill, and that fill's time."""
    table = schema.fills
    newest = select(table.c.symbol, func.max(table.c.ts_ms).label("ts_ms")).group_by(table.c.symbol).subquery()
    recent = and_(newest.c.symbol == table.c.symbol, table.c.ts_ms >= newest.c.ts_ms - days * DAY_MS)
    ids = connection.execute(select(table.c.symbol, table.c.fill_id).join(newest, recent)).all()
    last = connection.execute(select(newest)).all()
    return frozenset((symbol, fill_id) for symbol, fill_id in ids), dict(tuple(row) for row in last)


def position_fills(connection: Connection) -> list[Fill]:
    """All of each open position since it was opened, oldest first."""
    table, held = schema.fills, schema.positions
    of_it = and_(table.c.symbol == held.c.symbol, table.c.ts_ms >= held.c.opened_ms)
    query = select(table).join(held, of_it).order_by(table.c.ts_ms, table.c.symbol, table.c.fill_id)
    return _values(connection, Fill, table, query)


def payments(connection: Connection, *, limit: int) -> list[Payment]:
    table = schema.payments
    query = select(table).order_by(table.c.ts_ms.desc(), table.c.payment_id.desc()).limit(limit)
    return _values(connection, Payment, table, query)


def remembered_payments(connection: Connection, *, days: int) -> tuple[frozenset[str], int]:
    """Ids of the last `days` before the newest payment, and that one's time (0 where there is none)."""
    table = schema.payments
    newest = int(connection.execute(select(func.max(table.c.ts_ms))).scalar() or 0)
    recent = select(table.c.payment_id).where(table.c.ts_ms >= newest - days * DAY_MS)
    return frozenset(connection.execute(recent).scalars()), newest


def decisions(connection: Connection, *, limit: int, symbol: str | None = None) -> list[DecisionRecord]:
    table = schema.decisions
    query = select(table).order_by(table.c.ts_ms.desc(), table.c.decision_id.desc()).limit(limit)
    if symbol is not None:
        query = query.where(table.c.symbol == symbol)
    return [decision_of(row) for row in _rows(connection, query)]


def newest_decided(connection: Connection) -> dict[str, int]:
    """Symbol -> open time of the candle its newest decision is about."""
    table = schema.decisions
    newest = select(table.c.symbol, func.max(table.c.ts_ms).label("ts_ms")).group_by(table.c.symbol).subquery()
    of_it = and_(newest.c.symbol == table.c.symbol, newest.c.ts_ms == table.c.ts_ms)
    query = select(table.c.symbol, func.max(table.c.candle_open_ms)).join(newest, of_it).group_by(table.c.symbol)
    return dict(tuple(row) for row in connection.execute(query).all())


def trades(connection: Connection, *, limit: int) -> list[ClosedTrade]:
    query = select(schema.trades).order_by(schema.trades.c.number.desc()).limit(limit)
    return _values(connection, ClosedTrade, schema.trades, query)


def executions(connection: Connection, *, limit: int) -> list[ExecutionReport]:
    query = select(schema.executions).order_by(schema.executions.c.ended_ms.desc()).limit(limit)
    return _values(connection, ExecutionReport, schema.executions, query)


def equity(connection: Connection, *, limit: int) -> list[EquitySnapshot]:
    query = select(schema.equity).order_by(schema.equity.c.ts_ms.desc()).limit(limit)
    return _values(connection, EquitySnapshot, schema.equity, query)


def trading_state(connection: Connection) -> tuple[TradingState, tuple[Reason, ...]]:
    """ACTIVE without reasons where nothing was ever written."""
    row = connection.execute(select(schema.trading_state)).mappings().first()
    if row is None:
        return TradingState.ACTIVE, ()
    try:
        return TradingState(row["state"]), of_stored(msgspec.json.decode(row["reasons"], type=list[Any]))
    except (ValueError, msgspec.DecodeError) as error:
        raise unreadable(schema.trading_state, row, error) from error


def state(connection: Connection) -> dict[tuple[str, str], bytes]:
    return {(row["kind"], row["key"]): row["value"] for row in _rows(connection, select(schema.state))}


def meta(connection: Connection, name: str) -> str | None:
    value = connection.execute(select(schema.meta.c.value).where(schema.meta.c.name == name)).scalar()
    return None if value is None else str(value)
