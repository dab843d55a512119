"""What a batch of steps becomes in the database: rows per table, the last word per key."""

from collections.abc import Iterable, Sequence
from typing import assert_never, get_args

import msgspec
from sqlalchemy import Connection, Table, delete
from sqlalchemy.dialects.sqlite import Insert, insert

from trader.adapters.sql import schema
from trader.adapters.sql.rows import Row, decision_row, intent_row, order_row, row_of
from trader.domain.decisions import (
    AnswerCommand,
    CancelOrder,
    Decision,
    KeepBalance,
    KeepFill,
    KeepOrder,
    KeepPayment,
    KeepPosition,
    KeepState,
    KeepTradingState,
    Kept,
    MarkExecution,
    Notify,
    QueryOrder,
    RecordDecision,
    RecordEquity,
    RecordExecution,
    RecordTrade,
    RequestReconcile,
    SetTimer,
    SubmitOrder,
)
from trader.domain.events import AnyEvent, KeptEvent

Step = tuple[AnyEvent, Sequence[Decision]]

_KEPT_EVENTS = frozenset(get_args(KeptEvent))
_KEPT_DECISIONS = frozenset((*get_args(Kept), SubmitOrder))

_encode = msgspec.msgpack.Encoder().encode


def has_rows(step: Step) -> bool:
    """Whether anything of a step is kept (its number aside)."""
    event, decisions = step
    return type(event) in _KEPT_EVENTS or any(type(decision) in _KEPT_DECISIONS for decision in decisions)


class Rows:
    """The rows of one transaction, in the order they are written."""

    def __init__(self) -> None:
        self.last_seq = 0
        self._inserts: dict[Table, list[Row]] = {}
        self._intents: dict[str, Row] = {}
        self._positions: dict[str, Row | None] = {}
        self._state: dict[tuple[str, str], bytes | None] = {}

    def add(self, steps: Iterable[Step]) -> None:
        for event, decisions in steps:
            self.last_seq = max(self.last_seq, event.seq)
            if type(event) in _KEPT_EVENTS:
                row = {"seq": event.seq, "ts_ms": event.ts_ms, "kind": type(event).__name__, "body": _encode(event)}
                self._put(schema.inputs, row)
            for decision in decisions:
                self._add_decision(decision, event.ts_ms)

    def _put(self, table: Table, row: Row) -> None:
        self._inserts.setdefault(table, []).append(row)

    def _add_decision(self, decision: Decision, now_ms: int) -> None:
        match decision:
            case SubmitOrder(approved=approved):
                self._intents.setdefault(approved.intent.client_id, intent_row(approved, now_ms))
            case KeepOrder(order=order):
                self._put(schema.orders, order_row(order))
            case KeepFill(fill=fill):
                self._put(schema.fills, row_of(fill))
            case KeepPayment(payment=payment):
                self._put(schema.payments, row_of(payment))
            case KeepPosition(position=position):
                self._positions[position.symbol] = None if position.is_flat else row_of(position)
            case KeepBalance(balance=balance):
                self._put(schema.balances, row_of(balance))
            case KeepState(kind=kind, key=key, value=value):
                self._state[kind, key] = value
            case KeepTradingState(state=state, reasons=reasons):
                words = msgspec.json.encode(reasons).decode()
                self._put(schema.trading_state, {"number": 1, "state": state, "reasons": words, "ts_ms": now_ms})
            case RecordDecision(record=record):
                self._put(schema.decisions, decision_row(record))
            case RecordTrade(trade=trade):
                self._put(schema.trades, row_of(trade))
            case RecordExecution(report=report) | MarkExecution(report=report):
                self._put(schema.executions, row_of(report))
            case RecordEquity(snapshot=snapshot):
                self._put(schema.equity, row_of(snapshot))
            case CancelOrder() | QueryOrder() | RequestReconcile() | SetTimer() | AnswerCommand() | Notify():
                pass  # carried out and done with
            case _:
                assert_never(decision)

    def write(self, connection: Connection) -> None:
        """All rows through the open transaction of `connection`."""
        if self._intents:  # before the orders: an intent never overwrites what is known of its order
            connection.execute(_INTENT, list(self._intents.values()))
        for table, rows in self._inserts.items():
            connection.execute(_UPSERTS[table], rows)
        self._write_keyed(connection)
        if self.last_seq:
            told = {"last_seq": self.last_seq, "schema_version": schema.SCHEMA_VERSION}
            rows = [{"name": name, "value": str(value)} for name, value in told.items()]
            connection.execute(_UPSERTS[schema.meta], rows)

    def _write_keyed(self, connection: Connection) -> None:
        held = [row for row in self._positions.values() if row is not None]
        flat = [symbol for symbol, row in self._positions.items() if row is None]
        if held:
            connection.execute(_UPSERTS[schema.positions], held)
        if flat:
            connection.execute(delete(schema.positions).where(schema.positions.c.symbol.in_(flat)))
        kept = [{"kind": k, "key": key, "value": v} for (k, key), v in self._state.items() if v is not None]
        if kept:
            connection.execute(_UPSERTS[schema.state], kept)
        for (kind, key), value in self._state.items():
            if value is None:
                connection.execute(delete(schema.state).where(schema.state.c.kind == kind, schema.state.c.key == key))


def _upsert(table: Table) -> Insert:
    """Insert, or replace everything but the key."""
    statement = insert(table)
    keys = [column.name for column in table.primary_key]
    rest = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=rest)


_INTENT = insert(schema.orders).on_conflict_do_nothing(index_elements=["client_id"])
_UPSERTS: dict[Table, Insert] = {table: _upsert(table) for table in schema.metadata.sorted_tables}
_UPSERTS[schema.fills] = insert(schema.fills).on_conflict_do_nothing(index_elements=["symbol", "fill_id"])
_UPSERTS[schema.payments] = insert(schema.payments).on_conflict_do_nothing(index_elements=["payment_id"])
_UPSERTS[schema.trades] = insert(schema.trades)
