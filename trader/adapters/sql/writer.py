"""The one thread that owns the ledger's connection: takes batches in order, groups those that wait, commits."""

import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from itertools import groupby
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread

import msgspec
from sqlalchemy import Connection

from trader.adapters.sql.database import open_for_writing, pragma, sqlite_code
from trader.adapters.sql.retention import prune
from trader.adapters.sql.writing import Rows, Step
from trader.domain.errors import InvariantBroken, TraderError

_LARGEST_GROUP = 512  # items taken at once
_PRUNE_EVERY = 2_000  # steps between two looks for old rows; fewer than one look removes, so that growth is bounded


class Batch(msgspec.Struct):
    """Steps to commit together. `done` is set for a durable batch and resolved after its commit."""

    steps: Sequence[Step]
    done: "Future[None] | None"


class Call(msgspec.Struct):
    """Something else to run on the connection, in its turn."""

    run: Callable[[Connection], object]
    done: "Future[object]"


class LedgerWriter:
    """Opens `path` in its thread (raising `Misconfigured` here) and writes what is put in, in order.

    The first failed commit is final: everything waiting and everything later fails with the same `InvariantBroken`.
    """

    def __init__(self, path: Path, commit_interval_s: float, keep_days: int) -> None:
        self.failure: TraderError | None = None
        self._path = path
        self._commit_interval_s = commit_interval_s
        self._keep_days = keep_days
        self._queue: SimpleQueue[Batch | Call | None] = SimpleQueue()
        self._hurry = Event()  # something in the queue is waited for
        self._is_synchronous = True
        self._steps_since_prune = 0
        opened: Future[None] = Future()
        self._thread = Thread(target=self._run, args=(opened,), name="ledger-writer", daemon=True)
        self._thread.start()
        opened.result()

    def put(self, item: Batch | Call) -> None:
        """Queue `item`; raises the failure if there was one."""
        if self.failure is not None:
            raise self.failure
        self._queue.put(item)
        if isinstance(item, Call) or item.done is not None:
            self._hurry.set()

    def close(self) -> None:
        """Write what is queued, close the file, wait for both. Safe to call twice."""
        self._queue.put(None)
        self._hurry.set()
        self._thread.join()

    # --- on the thread -------------------------------------------------------------------------------------

    def _run(self, opened: "Future[None]") -> None:
        try:
            connection = open_for_writing(self._path)
        except BaseException as error:  # edge: the constructor waits in another thread and raises it there  # noqa: BLE001
            opened.set_exception(error)
            return
        opened.set_result(None)
        try:
            self._serve(connection)
        finally:
            connection.close()
            connection.engine.dispose()

    def _serve(self, connection: Connection) -> None:
        self._attempt(lambda: prune(connection, self._keep_days))
        going = True
        while going:
            for kind, items in groupby(self._take(), key=type):
                if kind is Batch:
                    self._commit(connection, [item for item in items if isinstance(item, Batch)])
                elif kind is Call:
                    for item in items:
                        assert isinstance(item, Call)
                        self._answer(connection, item)
                else:
                    going = False

    def _take(self) -> list[Batch | Call | None]:
        """What waits, in order. When nobody waits for it, more may gather for the commit interval."""
        taken = [self._queue.get()]
        if isinstance(taken[0], Batch) and taken[0].done is None:
            self._hurry.wait(self._commit_interval_s)
        self._hurry.clear()
        try:
            while len(taken) < _LARGEST_GROUP:
                taken.append(self._queue.get_nowait())
        except Empty:
            pass
        return taken

    def _commit(self, connection: Connection, batches: list[Batch]) -> None:
        durable = [batch.done for batch in batches if batch.done is not None]
        self._attempt(lambda: self._write(connection, batches, is_durable=bool(durable)))
        for done in durable:
            if not done.set_running_or_notify_cancel():
                continue  # its caller was cancelled; the rows are written all the same
            if self.failure is None:
                done.set_result(None)
            else:
                done.set_exception(self.failure)
        self._steps_since_prune += sum(len(batch.steps) for batch in batches)
        if self._steps_since_prune > _PRUNE_EVERY:
            self._steps_since_prune = 0
            self._attempt(lambda: prune(connection, self._keep_days))

    def _write(self, connection: Connection, batches: list[Batch], *, is_durable: bool) -> None:
        if is_durable != self._is_synchronous:  # cannot change inside a transaction
            pragma(connection, f"synchronous={'FULL' if is_durable else 'NORMAL'}")
            self._is_synchronous = is_durable
        rows = Rows()
        for batch in batches:
            rows.add(batch.steps)
        with connection.begin():
            rows.write(connection)

    def _attempt(self, work: Callable[[], object]) -> None:
        """Do `work` unless an earlier failure forbids it; its own failure is kept and final."""
        if self.failure is not None:
            return
        try:
            work()
        except Exception as error:  # edge: this thread must live to tell everyone who waits  # noqa: BLE001
            self.failure = self._explained(error)

    def _answer(self, connection: Connection, call: Call) -> None:
        """Reading changes nothing: its failure is told to whoever asked, and forbids no writing."""
        if not call.done.set_running_or_notify_cancel():
            return
        try:
            if self.failure is not None:
                raise self.failure
            with connection.begin():
                answer = call.run(connection)
        except TraderError as error:
            call.done.set_exception(error)
        except Exception as error:  # edge: this thread must live to tell everyone who waits  # noqa: BLE001
            call.done.set_exception(InvariantBroken(f"ledger {self._path} cannot be read: {error}"))
        else:
            call.done.set_result(answer)

    def _explained(self, error: Exception) -> InvariantBroken:
        cause = str(getattr(error, "orig", None) or error)
        code = sqlite_code(error)
        if code == sqlite3.SQLITE_FULL:
            cause += "; free space and start again"
        elif code in (sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_BUSY):
            cause += "; another program holds the ledger"
        failure = InvariantBroken(f"ledger {self._path} cannot be written: {cause}. Nothing after this is remembered")
        failure.__cause__ = error
        return failure
