"""The ledger's growth is bounded: old inputs, decisions and equity rows go; orders, fills and trades stay."""

from sqlalchemy import Connection, Table, delete, func, select

from trader.adapters.sql import schema
from trader.domain.units import DAY_MS

_AT_ONCE = 5_000  # rows per transaction: a durable batch behind it waits some milliseconds at most
_PRUNED: tuple[Table, ...] = (schema.inputs, schema.decisions, schema.equity)


def prune(connection: Connection, keep_days: int) -> int:
    """Delete at most some thousand rows per table older than `keep_days` before its newest; how many went.

    Older means market time: what counts is the ledger's own newest row, not the machine's clock.
    """
    removed = 0
    with connection.begin():
        for table in _PRUNED:
            newest = connection.execute(select(func.max(table.c.ts_ms))).scalar()
            if newest is None:
                continue
            key = next(iter(table.primary_key))
            old = select(key).where(table.c.ts_ms < newest - keep_days * DAY_MS).order_by(table.c.ts_ms).limit(_AT_ONCE)
            removed += connection.execute(delete(table).where(key.in_(old))).rowcount
    return removed
