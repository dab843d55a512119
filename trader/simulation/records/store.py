"""Durable state of the simulated exchange: one SQLite file, one process.

WAL with synchronous=NORMAL: what was committed survives `kill -9` at any instruction; a power cut may lose the
last commits, which a simulation may. The file is locked as long as it is open.
"""

import contextlib
import sqlite3
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, OperationalError

from trader.domain.account import Balance
from trader.domain.errors import InvariantBroken, Misconfigured
from trader.domain.instrument import Instrument
from trader.simulation.records import store_tables as tables
from trader.simulation.records.conditional import Conditional
from trader.simulation.records.memory import Changes, Resumed, TakenSides, Window
from trader.simulation.records.positions import IncomeKind, SimIncome, SimPosition
from trader.simulation.records.sim_orders import SimOrder, SimTrade

APPLICATION_ID = 0x7453494D  # "tSIM": tells our files from other SQLite files
SCHEMA_VERSION = 1

_T = TypeVar("_T")


class SimulationStore:
    """The records of one simulated exchange on disk, and opaque blobs for whoever drives it."""

    def __init__(self, path: Path, *, lock_timeout_s: float = 2.0) -> None:
        """Open or create `path`. Raises `Misconfigured`, naming it, for a file that is damaged, not ours, of another
        version, or still open in another process after `lock_timeout_s`."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._engine = sa.create_engine(
            f"sqlite:///{path}", poolclass=sa.NullPool, connect_args={"timeout": lock_timeout_s}
        )
        self._connection: sa.Connection | None = None
        try:
            self._connection = self._engine.connect()
            self._open(self._connection)
        except DatabaseError as error:
            self.close()
            raise Misconfigured(_refusal(path, error)) from error
        except Misconfigured:
            self.close()
            raise

    def _open(self, connection: sa.Connection) -> None:
        connection.exec_driver_sql("PRAGMA locking_mode=EXCLUSIVE")
        self._check(connection)
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL"):
            connection.exec_driver_sql(f"PRAGMA {pragma}")
        connection.commit()
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # takes the lock that EXCLUSIVE mode then keeps
        tables.schema.create_all(connection)
        connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
        connection.exec_driver_sql(f"PRAGMA user_version={SCHEMA_VERSION}")
        connection.commit()

    def _check(self, connection: sa.Connection) -> None:
        if connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one() == 0:
            return
        application = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
        version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        if application != APPLICATION_ID:
            raise Misconfigured(f"{self.path} is not a simulation store; name another path or move it away")
        if version != SCHEMA_VERSION:
            raise Misconfigured(
                f"{self.path} has schema version {version}, this program uses {SCHEMA_VERSION}; "
                "move it away to start anew"
            )
        found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        if found != "ok":
            raise Misconfigured(f"{self.path} is damaged ({found}); move it away to start anew")

    # --- state ------------------------------------------------------------------------------------------------

    def resume(self) -> Resumed:
        """Everything the exchange needs to go on."""
        orders, live = tables.orders.c, tables.conditionals.c
        opened = sa.select(orders.body, orders.ahead).where(orders.is_open == 1).order_by(orders.exchange_id)
        waiting = sa.select(live.body).where(live.is_live == 1).order_by(live.conditional_id)
        instruments = self._bodies(sa.select(tables.instruments.c.body), Instrument)
        taken = {row.symbol: self._decode(row.body, TakenSides) for row in self._rows(sa.select(tables.taken_levels))}
        return Resumed(
            now_ms=int(self.get_blob(tables.MARKET_TIME) or b"0"),
            last_order_id=self._largest(orders.exchange_id),
            last_trade_id=self._largest(tables.trades.c.trade_id),
            instruments={instrument.symbol: instrument for instrument in instruments},
            balances=self._bodies(sa.select(tables.balances.c.body), Balance),
            open_orders=[
                (self._decode(row.body, SimOrder), None if row.ahead is None else Decimal(row.ahead))
                for row in self._rows(opened)
            ],
            taken=taken,
            positions=self._bodies(sa.select(tables.positions.c.body), SimPosition),
            last_income_id=self._largest(tables.incomes.c.income_id),
            conditionals=self._bodies(waiting, Conditional),
            last_conditional_id=self._largest(live.conditional_id),
        )

    def keep_instruments(self, instruments: Iterable[Instrument]) -> None:
        """Remember them, so that orders of a symbol that is no longer configured can still be cancelled."""
        self._write([(tables.replace(tables.instruments), [tables.instrument_row(each) for each in instruments])])

    def write(self, batch: Changes) -> None:
        """One transaction; survives kill -9 when it returns. Raises `InvariantBroken` if it could not be written."""
        self._write(tables.statements(batch))

    # --- queries ----------------------------------------------------------------------------------------------

    def order(self, symbol: str, *, client_id: str | None, exchange_id: int | None) -> SimOrder | None:
        orders = tables.orders.c
        query = sa.select(orders.body).where(orders.symbol == symbol).order_by(orders.exchange_id.desc())
        by_id = exchange_id is not None
        query = query.where(orders.exchange_id == exchange_id if by_id else orders.client_id == client_id)
        return next(iter(self._bodies(query.limit(1), SimOrder)), None)

    def orders(self, symbol: str, window: Window) -> list[SimOrder]:
        orders = tables.orders.c
        query = sa.select(orders.body).where(orders.symbol == symbol)
        return self._window(query, (orders.exchange_id, orders.created_ms), window, SimOrder)

    def trades(self, symbol: str, window: Window, *, exchange_id: int | None) -> list[SimTrade]:
        trades = tables.trades.c
        query = sa.select(trades.body).where(trades.symbol == symbol)
        if exchange_id is not None:
            query = query.where(trades.exchange_id == exchange_id)
        return self._window(query, (trades.trade_id, trades.ts_ms), window, SimTrade)

    def incomes(self, window: Window, *, symbol: str | None, kind: IncomeKind | None) -> list[SimIncome]:
        incomes = tables.incomes.c
        query = sa.select(incomes.body)
        if symbol is not None:
            query = query.where(incomes.symbol == symbol)
        if kind is not None:
            query = query.where(incomes.kind == kind)
        return self._window(query, (incomes.income_id, incomes.ts_ms), window, SimIncome)

    def conditional(self, *, client_id: str | None, conditional_id: int | None) -> Conditional | None:
        known = tables.conditionals.c
        by_id = conditional_id is not None
        query = sa.select(known.body).order_by(known.conditional_id.desc())
        query = query.where(known.conditional_id == conditional_id if by_id else known.client_id == client_id)
        return next(iter(self._bodies(query.limit(1), Conditional)), None)

    def conditionals(self, symbol: str, window: Window) -> list[Conditional]:
        known = tables.conditionals.c
        query = sa.select(known.body).where(known.symbol == symbol)
        return self._window(query, (known.conditional_id, known.created_ms), window, Conditional)

    def _window(
        self, query: sa.Select[Any], columns: tuple[sa.Column[int], sa.Column[int]], window: Window, kind: type[_T]
    ) -> list[_T]:
        """`columns`: number and time."""
        number, time = columns
        if window.since_ms is not None:
            query = query.where(time >= window.since_ms)
        if window.until_ms is not None:
            query = query.where(time <= window.until_ms)
        if window.from_id is not None:
            query = query.where(number >= window.from_id)
        query = query.order_by(number.desc() if window.wants_newest else number).limit(window.limit)
        rows = self._bodies(query, kind)
        return rows[::-1] if window.wants_newest else rows

    # --- blobs ------------------------------------------------------------------------------------------------

    def put_blob(self, key: str, value: bytes) -> None:
        """Keep `value` under `key`; survives kill -9 when it returns."""
        if key == tables.MARKET_TIME:
            raise ValueError(f"key {key!r} is the store's own")
        self._write([(tables.replace(tables.blobs), [{"key": key, "value": value}])])

    def get_blob(self, key: str) -> bytes | None:
        """The last value put under `key`."""
        value: bytes | None = self._scalar(sa.select(tables.blobs.c.value).where(tables.blobs.c.key == key))
        return value

    def close(self) -> None:
        """Release the file. Safe to call twice."""
        if self._connection is not None:
            with contextlib.suppress(DatabaseError):  # nothing is pending: every write commits
                self._connection.close()
            self._connection = None
        self._engine.dispose()

    # --- plumbing ---------------------------------------------------------------------------------------------

    @property
    def _open_connection(self) -> sa.Connection:
        if self._connection is None:
            raise InvariantBroken(f"{self.path} is closed")
        return self._connection

    def _write(self, statements: Iterable[tables.Statement]) -> None:
        connection = self._open_connection
        try:
            for statement, rows in statements:
                if rows:
                    connection.execute(statement, rows)
            connection.commit()
        except DatabaseError as error:
            with contextlib.suppress(DatabaseError):
                connection.rollback()
            raise InvariantBroken(f"{self.path} could not be written: {error.orig}") from error

    def _rows(self, query: sa.Select[Any]) -> list[sa.Row[Any]]:
        return list(self._open_connection.execute(query).all())

    def _scalar(self, query: sa.Select[Any]) -> Any:
        return self._open_connection.execute(query).scalar()

    def _largest(self, column: sa.Column[int]) -> int:
        return self._scalar(sa.select(sa.func.max(column))) or 0

    def _bodies(self, query: sa.Select[Any], kind: type[_T]) -> list[_T]:
        return [self._decode(row.body, kind) for row in self._rows(query)]

    def _decode(self, body: bytes, kind: type[_T]) -> _T:
        try:
            return msgspec.msgpack.decode(body, type=kind)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise Misconfigured(f"{self.path} is damaged (a stored {kind.__name__}: {error})") from error


def _refusal(path: Path, error: DatabaseError) -> str:
    code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF  # the bits above it tell the kind in detail
    if code in (sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_BUSY):
        return f"{path} is open in another process; one file serves one simulated exchange"
    if isinstance(error, OperationalError):
        return f"{path} cannot be opened: {error.orig}"
    return f"{path} is damaged or not a simulation store ({error.orig}); move it away to start anew"
