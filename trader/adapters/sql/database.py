"""Opening the ledger's file, and refusing clearly what is not one."""

import os
import sqlite3
import uuid
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, Engine, Select, create_engine, event, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from trader.adapters.sql import schema
from trader.domain.errors import Misconfigured

_CHECKED_BYTES = 200_000_000  # above this a full check would delay the start by seconds
_LOCK_WAIT_S = 5.0
_HEADER = b"SQLite format 3\0"


def open_for_writing(path: Path, *, lock_wait_s: float = _LOCK_WAIT_S) -> Connection:
    """The one writing connection, schema present and checked. To be used by the calling thread only.

    Raises `Misconfigured` with the path and what was found: no directory, not writable, foreign, damaged, locked,
    or written by a newer program.
    """
    _prepare_file(path)
    engine = _engine(f"file:{_quoted(path)}?mode=rwc", lock_wait_s)
    try:
        connection = engine.connect()
        _check_identity(connection, path)
        connection.rollback()
        for setting in ("journal_mode=WAL", "synchronous=FULL", "fullfsync=ON", "journal_size_limit=67108864"):
            pragma(connection, setting)
        with connection.begin():
            _create(connection)
    except (DBAPIError, sqlite3.Error) as error:
        engine.dispose()
        raise _explained(path, error) from error
    except Misconfigured:
        engine.dispose()
        raise
    return connection


def open_for_reading(path: Path) -> Engine:
    """Read-only, whether the daemon runs or not. Raises `Misconfigured` when there is no readable ledger.

    A column that came later and may be empty reads as NULL, so that a ledger can be looked at before the first start
    of a newer version brings it up to date.
    """
    if not path.is_file():
        raise Misconfigured(f"{path}: no ledger here yet; `trader run` with this configuration makes one")
    engine = _engine(f"file:{_quoted(path)}?mode=ro", _LOCK_WAIT_S)
    try:
        with engine.connect() as connection:
            _check_identity(connection, path, quick=True)
            missing = _missing_columns(connection)
            if not all(schema.metadata.tables[table].c[column].nullable for table, column in missing):
                raise Misconfigured(
                    f"{path}: written by an older version; start `trader run` once to bring it up to date"
                )
    except (DBAPIError, sqlite3.Error) as error:
        raise _explained(path, error) from error
    if missing:
        _as_if_there(engine, missing)
    return engine


def _as_if_there(engine: Engine, missing: Sequence[tuple[str, str]]) -> None:
    """Every connection from now on has the `missing` (table, column) pairs, empty. The file stays as it is."""
    columns: dict[str, list[str]] = {}
    for table, column in missing:
        columns.setdefault(table, []).append(f'NULL AS "{column}"')
    views = [
        f'CREATE TEMP VIEW "{name}" AS SELECT *, {", ".join(each)} FROM main."{name}"' for name, each in columns.items()
    ]

    @event.listens_for(engine, "connect")
    def _shadow(connection: sqlite3.Connection, _record: object) -> None:
        for view in views:  # temporary names come before those of the file
            connection.execute(view)


def pragma(connection: Connection, setting: str) -> None:
    """Set one PRAGMA outside of any transaction."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    driver.execute(f"PRAGMA {setting}").fetchall()


def _engine(uri: str, lock_wait_s: float) -> Engine:
    def connect() -> sqlite3.Connection:
        # no implicit transactions: BEGIN is ours, below
        return sqlite3.connect(uri, uri=True, timeout=lock_wait_s, isolation_level=None, check_same_thread=False)

    # readers may come from several threads: a connection each
    engine = create_engine("sqlite+pysqlite://", creator=connect, poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if "mode=ro" in uri else "BEGIN IMMEDIATE")

    return engine


def _prepare_file(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except IsADirectoryError:
        raise Misconfigured(f"{path}: is a directory; the ledger must be a file") from None
    except (FileExistsError, NotADirectoryError):
        raise Misconfigured(f"{path}: {path.parent} is not a directory; set storage.state_dir to one") from None
    except OSError as error:
        raise Misconfigured(f"{path}: cannot be written: {error.strerror}; set storage.state_dir elsewhere") from error
    if not os.access(path.parent, os.W_OK):
        raise Misconfigured(f"{path}: {path.parent} is not writable; SQLite needs to make files beside the ledger")
    with path.open("rb") as file:
        begins = file.read(len(_HEADER))
    if begins and begins != _HEADER:  # SQLite itself takes a file of a few bytes for an empty one
        raise Misconfigured(f"{path}: is damaged (file is not a database); {_CURE}")


def _check_identity(connection: Connection, path: Path, *, quick: bool = False) -> None:
    application_id = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
    tables = set(connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars())
    if not tables and not quick:
        return
    if application_id != schema.APPLICATION_ID or "meta" not in tables:
        found = f"tables {', '.join(sorted(tables)[:5])}" if tables else "no tables"
        raise Misconfigured(
            f"{path}: is a database of another program ({found}); move it away or set storage.state_dir"
        )
    version = connection.execute(_meta("schema_version")).scalar()
    if version is None or not str(version).isdigit() or int(version) > schema.SCHEMA_VERSION:
        raise Misconfigured(
            f"{path}: has schema version {version}, this program reads up to {schema.SCHEMA_VERSION}; "
            "install the newer version of trader or set storage.state_dir elsewhere"
        )
    if not quick and path.stat().st_size <= _CHECKED_BYTES:
        verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        if verdict != "ok":
            raise Misconfigured(f"{path}: is damaged ({verdict}); {_CURE}")


_CURE = "restore a backup, or move it away: a new ledger adopts what the exchange reports"


def _create(connection: Connection) -> None:
    connection.exec_driver_sql(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    schema.metadata.create_all(connection)
    for table, column in _missing_columns(connection):
        kind = schema.metadata.tables[table].c[column].type.compile(connection.dialect)
        connection.exec_driver_sql(f'ALTER TABLE "{table}" ADD COLUMN "{column}" {kind}')
    for name, value in (("schema_version", str(schema.SCHEMA_VERSION)), ("ledger_id", uuid.uuid4().hex[:12])):
        if connection.execute(_meta(name)).scalar() is None:
            connection.execute(schema.meta.insert().values(name=name, value=value))


def _meta(name: str) -> Select[str]:
    return select(schema.meta.c.value).where(schema.meta.c.name == name)


def _missing_columns(connection: Connection) -> list[tuple[str, str]]:
    found = inspect(connection)
    return [
        (table.name, column.name)
        for table in schema.metadata.sorted_tables
        for column in table.columns
        if column.name not in {known["name"] for known in found.get_columns(table.name)}
    ]


def sqlite_code(error: BaseException) -> int:
    """SQLite's primary result code behind `error`; 0 where there is none."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return int(getattr(cause, "sqlite_errorcode", 0)) & 0xFF  # the bits above it tell the kind in detail


def _explained(path: Path, error: DBAPIError | sqlite3.Error) -> Misconfigured:
    cause = str(error.orig if isinstance(error, DBAPIError) else error)
    code = sqlite_code(error)
    if code in (sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_BUSY):
        return Misconfigured(
            f"{path}: is locked by another program; close it (an SQLite browser, a backup?) and start again"
        )
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return Misconfigured(f"{path}: is damaged ({cause}); {_CURE}")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        return Misconfigured(f"{path}: cannot be written ({cause}); set storage.state_dir to a writable directory")
    return Misconfigured(f"{path}: cannot be used: {cause}")


def _quoted(path: Path) -> str:
    """The path as it must stand in an SQLite URI."""
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
