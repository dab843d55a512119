"""What a start goes on from, read from an open connection."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Connection

from trader.adapters.sql import selects
from trader.domain.account import Balance, Position
from trader.domain.decisions import ClosedTrade, EquitySnapshot
from trader.domain.orders import Fill, Order
from trader.ports import REMEMBERED_TRADES

_REMEMBERED_DAYS = 7


class RecoveredLedger(msgspec.Struct):
    """`ports.Recovered`: what the journal remembers at start."""

    ledger_id: str  # made once, when the file was
    last_seq: int
    orders: Sequence[Order]
    fill_ids: frozenset[tuple[str, str]]
    position_fills: Sequence[Fill]
    last_fill_ms: Mapping[str, int]
    payment_ids: frozenset[str]
    last_payment_ms: int
    decided_ms: Mapping[str, int]
    positions: Sequence[Position]
    balances: Sequence[Balance]
    state: Mapping[tuple[str, str], bytes]
    equity: EquitySnapshot | None
    trades: Sequence[ClosedTrade]


def recovered(connection: Connection) -> RecoveredLedger:
    """Everything needed to go on."""
    fill_ids, last_fill_ms = selects.remembered_fills(connection, days=_REMEMBERED_DAYS)
    payment_ids, last_payment_ms = selects.remembered_payments(connection, days=_REMEMBERED_DAYS)
    return RecoveredLedger(
        ledger_id=selects.meta(connection, "ledger_id") or "",
        last_seq=int(selects.meta(connection, "last_seq") or 0),
        orders=selects.remembered_orders(connection, days=_REMEMBERED_DAYS),
        fill_ids=fill_ids,
        position_fills=selects.position_fills(connection),
        last_fill_ms=last_fill_ms,
        payment_ids=payment_ids,
        last_payment_ms=last_payment_ms,
        decided_ms=selects.newest_decided(connection),
        positions=selects.positions(connection),
        balances=selects.balances(connection),
        state=selects.state(connection),
        equity=next(iter(selects.equity(connection, limit=1)), None),
        trades=selects.trades(connection, limit=REMEMBERED_TRADES),
    )
