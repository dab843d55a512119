"""Durable state of the simulated exchange: one SQLite file, one process.

WAL with synchronous=NORMAL: what was committed survives `kill -9` at any instruction; a power cut may lose the
last commits, which a simulation may. The file is locked as long as it is open.
"""

import contextlib
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.exc import DatabaseError, OperationalError

from trader.domain.account import Balance
from trader.domain.errors import InvariantBroken, Misconfigured
from trader.domain.instrument import Instrument
from trader.simulation.orders import SimOrder, SimTrade
from trader.simulation.records import Batch, Resumed, TakenSides

APPLICATION_ID = 0x7453494D  # "tSIM": tells our files from other SQLite files
SCHEMA_VERSION = 1

_schema = sa.MetaData()
_orders = sa.Table(
    "orders",
    _schema,
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
_trades = sa.Table(
    "trades",
    _schema,
    sa.Column("trade_id", sa.Integer, primary_key=True),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("exchange_id", sa.Integer, nullable=False),
    sa.Column("ts_ms", sa.Integer, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),  # msgpack of SimTrade
    sa.Index("trades_by_time", "symbol", "ts_ms"),
    sa.Index("trades_by_order", "exchange_id"),
)
_balances = sa.Table(
    "balances",
    _schema,
    sa.Column("currency", sa.Text, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),  # msgpack of Balance
)
_instruments = sa.Table(
    "instruments",
    _schema,
    sa.Column("symbol", sa.Text, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),  # msgpack of Instrument
)
_taken = sa.Table(
    "taken_levels",
    _schema,
    sa.Column("symbol", sa.Text, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),  # msgpack of TakenSides
)
_blobs = sa.Table(
    "blobs",
    _schema,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),
)
_MARKET_TIME = "market_time_ms"
_pack = msgspec.msgpack.Encoder().encode
_T = TypeVar("_T")


def _replace(table: sa.Table) -> sa.Insert:
    return sa.insert(table).prefix_with("OR REPLACE")


def _upsert_order() -> Insert:
    """Unlike a replacement it leaves `ahead` alone."""
    statement = insert(_orders)
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=["exchange_id"], set_={"is_open": new.is_open, "body": new.body}
    )


_keep_order = _upsert_order()
_keep_queue = (
    sa.update(_orders).where(_orders.c.exchange_id == sa.bindparam("order_")).values(ahead=sa.bindparam("ahead_"))
)


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
        _schema.create_all(connection)
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
        opened = (
            sa.select(_orders.c.body, _orders.c.ahead).where(_orders.c.is_open == 1).order_by(_orders.c.exchange_id)
        )
        instruments = self._bodies(sa.select(_instruments.c.body), Instrument)
        taken = {row.symbol: self._decode(row.body, TakenSides) for row in self._rows(sa.select(_taken))}
        return Resumed(
            now_ms=int(self.get_blob(_MARKET_TIME) or b"0"),
            last_order_id=self._scalar(sa.select(sa.func.max(_orders.c.exchange_id))) or 0,
            last_trade_id=self._scalar(sa.select(sa.func.max(_trades.c.trade_id))) or 0,
            instruments={instrument.symbol: instrument for instrument in instruments},
            balances=self._bodies(sa.select(_balances.c.body), Balance),
            open_orders=[
                (self._decode(row.body, SimOrder), None if row.ahead is None else Decimal(row.ahead))
                for row in self._rows(opened)
            ],
            taken=taken,
        )

    def keep_instruments(self, instruments: Iterable[Instrument]) -> None:
        """Remember them, so that orders of a symbol that is no longer configured can still be cancelled."""
        rows = [{"symbol": each.symbol, "body": _pack(each)} for each in instruments]
        self._write([(_replace(_instruments), rows)])

    def write(self, batch: Batch) -> None:
        """One transaction; survives kill -9 when it returns. Raises `InvariantBroken` if it could not be written."""
        self._write(
            [
                (_keep_order, [_order_row(order) for order in batch.orders.values()]),
                (_keep_queue, [{"order_": i, "ahead_": _text(ahead)} for i, ahead in batch.queues.items()]),
                (_replace(_trades), [_trade_row(trade) for trade in batch.trades]),
                (_replace(_balances), [{"currency": b.currency, "body": _pack(b)} for b in batch.balances.values()]),
                (_replace(_taken), [{"symbol": s, "body": _pack(taken)} for s, taken in batch.taken.items()]),
                (_replace(_blobs), [{"key": _MARKET_TIME, "value": str(batch.now_ms).encode()}]),
            ]
        )

    # --- queries ----------------------------------------------------------------------------------------------

    def order(self, symbol: str, *, client_id: str | None, exchange_id: int | None) -> SimOrder | None:
        query = sa.select(_orders.c.body).where(_orders.c.symbol == symbol).order_by(_orders.c.exchange_id.desc())
        if exchange_id is not None:
            query = query.where(_orders.c.exchange_id == exchange_id)
        else:
            query = query.where(_orders.c.client_id == client_id)
        found = self._bodies(query.limit(1), SimOrder)
        return found[0] if found else None

    def orders(
        self, symbol: str, *, since_ms: int | None, until_ms: int | None, from_id: int | None, limit: int | None
    ) -> list[SimOrder]:
        query = sa.select(_orders.c.body).where(_orders.c.symbol == symbol)
        columns = (_orders.c.exchange_id, _orders.c.created_ms)
        return self._window(query, columns, since_ms, until_ms, from_id, limit, SimOrder)

    def trades(
        self,
        symbol: str,
        *,
        since_ms: int | None,
        until_ms: int | None,
        from_id: int | None,
        exchange_id: int | None,
        limit: int | None,
    ) -> list[SimTrade]:
        query = sa.select(_trades.c.body).where(_trades.c.symbol == symbol)
        if exchange_id is not None:
            query = query.where(_trades.c.exchange_id == exchange_id)
        return self._window(query, (_trades.c.trade_id, _trades.c.ts_ms), since_ms, until_ms, from_id, limit, SimTrade)

    def _window(
        self,
        query: sa.Select[Any],
        columns: tuple[sa.Column[int], sa.Column[int]],
        since_ms: int | None,
        until_ms: int | None,
        from_id: int | None,
        limit: int | None,
        kind: type[_T],
    ) -> list[_T]:
        id_column, time_column = columns
        if since_ms is not None:
            query = query.where(time_column >= since_ms)
        if until_ms is not None:
            query = query.where(time_column <= until_ms)
        if from_id is not None:
            query = query.where(id_column >= from_id)
        newest_first = since_ms is None and from_id is None
        query = query.order_by(id_column.desc() if newest_first else id_column).limit(limit)
        rows = self._bodies(query, kind)
        return rows[::-1] if newest_first else rows

    # --- blobs ------------------------------------------------------------------------------------------------

    def put_blob(self, key: str, value: bytes) -> None:
        """Keep `value` under `key`; survives kill -9 when it returns."""
        if key == _MARKET_TIME:
            raise ValueError(f"key {key!r} is the store's own")
        self._write([(_replace(_blobs), [{"key": key, "value": value}])])

    def get_blob(self, key: str) -> bytes | None:
        """The last value put under `key`."""
        value: bytes | None = self._scalar(sa.select(_blobs.c.value).where(_blobs.c.key == key))
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

    def _write(self, statements: Iterable[tuple[sa.Insert | sa.Update, list[dict[str, Any]]]]) -> None:
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

    def _bodies(self, query: sa.Select[Any], kind: type[_T]) -> list[_T]:
        return [self._decode(row.body, kind) for row in self._rows(query)]

    def _decode(self, body: bytes, kind: type[_T]) -> _T:
        try:
            return msgspec.msgpack.decode(body, type=kind)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise Misconfigured(f"{self.path} is damaged (a stored {kind.__name__}: {error})") from error


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


def _refusal(path: Path, error: DatabaseError) -> str:
    if isinstance(error, OperationalError) and "locked" in str(error.orig):
        return f"{path} is open in another process; one file serves one simulated exchange"
    if isinstance(error, OperationalError):
        return f"{path} cannot be opened: {error.orig}"
    return f"{path} is damaged or not a simulation store ({error.orig}); move it away to start anew"
