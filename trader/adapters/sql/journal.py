"""The durable memory of the engine in one SQLite file.

A durable batch is committed with `synchronous=FULL` (fsync) before its await returns; batches that wait together
share one transaction. The others are committed within `commit_interval_s`, without fsync: SQLite's WAL keeps them
whole and in order, and a power cut may cost the last moments.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

from trader.adapters.sql.recovery import RecoveredLedger, recovered
from trader.adapters.sql.writer import Batch, Call, LedgerWriter
from trader.adapters.sql.writing import Step, has_rows
from trader.domain.errors import InvariantBroken, TraderError
from trader.domain.events import Ticked

_NUMBERS_AT_RISK = 1_000  # events without rows after which their number is written all the same


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
        call = Call(recovered, Future())
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
