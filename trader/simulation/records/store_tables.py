"""The tables of a simulation store, and a batch of changes as rows of them.

Tables may be added within a schema version: an older file gets them when it is opened.
"""

from decimal import Decimal
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import Insert, insert

from trader.domain.instrument import Instrument
from trader.simulation.records.conditional import Conditional
from trader.simulation.records.memory import LIVE_CONDITIONALS, Changes
from trader.simulation.records.positions import SimIncome
from trader.simulation.records.sim_orders import SimOrder, SimTrade

MARKET_TIME = "market_time_ms"  # key of a blob
Statement = tuple[sa.Insert | sa.Update, list[dict[str, Any]]]

schema = sa.MetaData()
orders = sa.Table(
    "orders",
    schema,
    sa.Column("exchange_id", sa.Integer, primary_key=True),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("created_ms", sa.Integer, nullable=False),
    sa.Column("is_open", sa.Integer, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),  # msgpack of SimOrder
    sa.Column("ahead", sa.Text),  # quantity of others before a resting order, null = not known
    sa.Index("orders_by_client", "symbol", "client_id"),
    sa.Index("orders_open", "is_open", sqlite_where=sa.text("is_open = 1")),
)
trades = sa.Table(
    "trades",
    schema,
    sa.Column("trade_id", sa.Integer, primary_key=True),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("exchange_id", sa.Integer, nullable=False),
    sa.Column("ts_ms", sa.Integer, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),  # msgpack of SimTrade
    sa.Index("trades_by_time", "symbol", "ts_ms"),
    sa.Index("trades_by_order", "exchange_id"),
)
conditionals = sa.Table(
    "conditionals",
    schema,
    sa.Column("conditional_id", sa.Integer, primary_key=True),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("created_ms", sa.Integer, nullable=False),
    sa.Column("is_live", sa.Integer, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),  # msgpack of Conditional
    sa.Index("conditionals_by_client", "client_id"),
    sa.Index("conditionals_live", "is_live", sqlite_where=sa.text("is_live = 1")),
)
incomes = sa.Table(
    "incomes",
    schema,
    sa.Column("income_id", sa.Integer, primary_key=True),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("ts_ms", sa.Integer, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),  # msgpack of SimIncome
    sa.Index("incomes_by_time", "ts_ms"),
)
blobs = sa.Table(
    "blobs",
    schema,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),
)


def _one_body_each(name: str, key: str) -> sa.Table:
    """A table that keeps the newest msgpack of something by its name."""
    return sa.Table(
        name,
        schema,
        sa.Column(key, sa.Text, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )


balances = _one_body_each("balances", "currency")  # Balance
instruments = _one_body_each("instruments", "symbol")  # Instrument
taken_levels = _one_body_each("taken_levels", "symbol")  # TakenSides
positions = _one_body_each("positions", "symbol")  # SimPosition

_pack = msgspec.msgpack.Encoder().encode


def replace(table: sa.Table) -> sa.Insert:
    return sa.insert(table).prefix_with("OR REPLACE")


def _upsert_order() -> Insert:
    """Unlike a replacement it leaves `ahead` alone."""
    statement = insert(orders)
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=["exchange_id"], set_={"is_open": new.is_open, "body": new.body}
    )


_keep_order = _upsert_order()
_keep_queue = (
    sa.update(orders).where(orders.c.exchange_id == sa.bindparam("order_")).values(ahead=sa.bindparam("ahead_"))
)


def statements(batch: Changes) -> list[Statement]:
    """Everything of `batch`, to be executed in one transaction."""
    return [
        (_keep_order, [_order_row(order) for order in batch.orders.values()]),
        (_keep_queue, [{"order_": i, "ahead_": _text(ahead)} for i, ahead in batch.queues.items()]),
        (replace(trades), [_trade_row(trade) for trade in batch.trades]),
        (replace(balances), [{"currency": b.currency, "body": _pack(b)} for b in batch.balances.values()]),
        (replace(taken_levels), [{"symbol": s, "body": _pack(taken)} for s, taken in batch.taken.items()]),
        (replace(positions), [{"symbol": p.symbol, "body": _pack(p)} for p in batch.positions.values()]),
        (replace(incomes), [_income_row(income) for income in batch.incomes]),
        (replace(conditionals), [_conditional_row(each) for each in batch.conditionals.values()]),
        (replace(blobs), [{"key": MARKET_TIME, "value": str(batch.now_ms).encode()}]),
    ]


def instrument_row(instrument: Instrument) -> dict[str, Any]:
    return {"symbol": instrument.symbol, "body": _pack(instrument)}


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _order_row(order: SimOrder) -> dict[str, Any]:
    return {
        "exchange_id": order.exchange_id,
        "symbol": order.symbol,
        "client_id": order.client_id,
        "created_ms": order.created_ms,
        "is_open": int(order.is_open),
        "body": _pack(order),
    }


def _trade_row(trade: SimTrade) -> dict[str, Any]:
    return {
        "trade_id": trade.trade_id,
        "symbol": trade.symbol,
        "exchange_id": trade.exchange_id,
        "ts_ms": trade.ts_ms,
        "body": _pack(trade),
    }


def _income_row(income: SimIncome) -> dict[str, Any]:
    return {
        "income_id": income.income_id,
        "symbol": income.symbol,
        "kind": income.kind,
        "ts_ms": income.ts_ms,
        "body": _pack(income),
    }


def _conditional_row(conditional: Conditional) -> dict[str, Any]:
    return {
        "conditional_id": conditional.conditional_id,
        "symbol": conditional.symbol,
        "client_id": conditional.client_id,
        "created_ms": conditional.created_ms,
        "is_live": int(conditional.status in LIVE_CONDITIONALS),
        "body": _pack(conditional),
    }
