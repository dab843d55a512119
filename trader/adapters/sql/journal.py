"""The durable memory of the engine in one SQLite file.

A durable batch is committed with `synchronous=FULL` (fsync) before its await returns; batches that wait together
share one transaction. The others are committed within `commit_interval_s`, without fsync: SQLite's WAL keeps them
whole and in order, and a power cut may cost the last moments.
"""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

import msgspec
from sqlalchemy import Connection

from trader.adapters.sql import selects
from trader.adapters.sql.writer import Batch, Call, LedgerWriter
from trader.adapters.sql.writing import Step, has_rows
from trader.domain.account import Balance, Position
from trader.domain.decisions import EquitySnapshot
from trader.domain.errors import InvariantBroken, TraderError
from trader.domain.events import Ticked
from trader.domain.orders import Order

_REMEMBERED_DAYS = 7
_NUMBERS_AT_RISK = 1_000  # events without rows after which their number is written all the same


class RecoveredLedger(msgspec.Struct):
    """`ports.Recovered`: what the journal remembers at start."""

    ledger_id: str  # made once, when the file was
    last_seq: int
    orders: Sequence[Order]
    fill_ids: frozenset[tuple[str, str]]
    last_fill_ms: Mapping[str, int]
    payment_ids: frozenset[str]
    last_payment_ms: int
    decided_ms: Mapping[str, int]
    positions: Sequence[Position]
    balances: Sequence[Balance]
    state: Mapping[tuple[str, str], bytes]
    equity: EquitySnapshot | None


class SqlJournal:
    """`ports.Journal` over `path`.

    The constructor opens and checks the file, and raises `Misconfigured` when it cannot be used. After a failed
    write every further call raises the same `InvariantBroken`: memory and disk no longer agree, and only a restart
    mends that.
    """

    def __init__(self, path: Path, *, commit_interval_s: float = 0.05, keep_days: int = 90) -> None:
        self._writer = LedgerWriter(path, commit_interval_s, keep_days)
        self._path = path
        self._seen_seq = 0  # of the newest event
        self._queued_seq = 0  # of the newest event whose number is on its way to the file
        self._is_closed = False

    @property
    def failure(self) -> TraderError | None:
        """Why nothing can be written any more, or None."""
        return self._writer.failure

    async def recover(self) -> RecoveredLedger:
        """Everything needed to go on. Raises `InvariantBroken` when the file cannot be read."""
        call = Call(_recovered, Future())
        self._put(call)
        found = await asyncio.wrap_future(call.done)
        assert isinstance(found, RecoveredLedger)
        return found

    async def write(self, steps: Sequence[Step], *, durable: bool) -> None:
        """One transaction. With `durable`, returns only once it would survive a power cut.

        Raises `InvariantBroken` when this write (or, not durable, an earlier one) failed: act on nothing then.
        """
        if steps:
            self._seen_seq = max(self._seen_seq, steps[-1][0].seq)
        if durable:
            done: Future[None] = Future()
            self._queue_steps(tuple(steps), done)
            await asyncio.wrap_future(done)
            return
        kept = [step for step in steps if has_rows(step)]
        if not kept and self._seen_seq - self._queued_seq >= _NUMBERS_AT_RISK:
            kept = list(steps[-1:])
        if kept:
            self._queue_steps(kept, None)
        elif self._writer.failure is not None:
            raise self._writer.failure

    async def close(self) -> None:
        """Write what is queued and close. Safe to call twice. Raises `InvariantBroken` if something was lost."""
        if self._is_closed:
            return
        if self._seen_seq > self._queued_seq and self._writer.failure is None:
            self._writer.put(Batch([(Ticked(seq=self._seen_seq), ())], None))  # only its number
        self._is_closed = True
        await asyncio.to_thread(self._writer.close)
        if self._writer.failure is not None:
            raise self._writer.failure

    def _queue_steps(self, steps: Sequence[Step], done: "Future[None] | None") -> None:
        self._put(Batch(steps, done))
        self._queued_seq = self._seen_seq

    def _put(self, item: Batch | Call) -> None:
        if self._is_closed:
            raise InvariantBroken(f"ledger {self._path}: written to after it was closed")
        self._writer.put(item)


def _recovered(connection: Connection) -> RecoveredLedger:
    fill_ids, last_fill_ms = selects.remembered_fills(connection, days=_REMEMBERED_DAYS)
    payment_ids, last_payment_ms = selects.remembered_payments(connection, days=_REMEMBERED_DAYS)
    return RecoveredLedger(
        ledger_id=selects.meta(connection, "ledger_id") or "",
        last_seq=int(selects.meta(connection, "last_seq") or 0),
        orders=selects.remembered_orders(connection, days=_REMEMBERED_DAYS),
        fill_ids=fill_ids,
        last_fill_ms=last_fill_ms,
        payment_ids=payment_ids,
        last_payment_ms=last_payment_ms,
        decided_ms=selects.newest_decided(connection),
        positions=selects.positions(connection),
        balances=selects.balances(connection),
        state=selects.state(connection),
        equity=next(iter(selects.equity(connection, limit=1)), None),
    )
