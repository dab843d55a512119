"""Ledgers that this version cannot take as they are: it says what it found, and changes nothing."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kit.stored_ledgers import Resumed, StoredLedger, instruments_of, recovered
from trader.adapters.sql import SqlLedgerReader
from trader.adapters.sql.schema import SCHEMA_VERSION
from trader.config.load import load
from trader.domain.errors import InvariantBroken, Misconfigured
from trader.engine.state.remembered import require_usable
from trader.service.doctor.state import ledger as ledger_finding

Read = Callable[[SqlLedgerReader], object]
Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture
def stored(tmp_path: Path) -> StoredLedger:
    return StoredLedger("entries", tmp_path)


def changed(stored: StoredLedger, statement: str) -> Rows:
    """After one statement of SQL: everything the file holds."""
    connection = sqlite3.connect(stored.path)
    connection.execute(statement)
    connection.commit()
    connection.close()
    return held(stored.path)


def held(path: Path) -> Rows:
    """Everything a file holds: table -> rows, each column by its name."""
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    tables = [row["name"] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    rows = {table: [dict(row) for row in connection.execute(f'SELECT * FROM "{table}"')] for table in tables}
    connection.close()
    return rows


def assert_untouched(path: Path, before: Rows) -> None:
    """The file holds what it held. Columns that came later, empty, are no change."""
    now = held(path)
    assert now.keys() == before.keys()
    for table, rows in before.items():
        assert len(now[table]) == len(rows), table
        for row, old in zip(now[table], rows, strict=True):
            assert {name: row[name] for name in old} == old
            assert [row[name] for name in row.keys() - old.keys() if row[name] is not None] == []


def start(stored: StoredLedger) -> None:
    """What a start does with the ledger before it asks anybody anything."""
    require_usable(recovered(stored.path), stored.settings)


def assert_refused(stored: StoredLedger, words: list[str]) -> None:
    """A start is refused with these words, and `trader doctor` tells them before."""
    finding = ledger_finding(stored.settings)
    assert (finding.verdict, [word for word in words if word not in finding.found]) == ("fail", [])
    with pytest.raises(Misconfigured) as refused:
        start(stored)
    assert [word for word in words if word not in str(refused.value)] == []


# --- a part of the state that cannot be read ------------------------------------------------------------------

STATE = [
    pytest.param(
        "INSERT INTO state VALUES ('hedge', 'BTC/USDT', x'80')",
        ["'hedge'", "'BTC/USDT'", "newer"],
        id="of a newer kind",
    ),
    pytest.param(
        "UPDATE state SET value = x'c1' WHERE kind = 'plan' AND key = 'BTC/USDT'",
        ["'plan'", "'BTC/USDT'", "malformed"],
        id="no msgpack",
    ),
    pytest.param(
        "UPDATE state SET value = x'80' WHERE kind = 'ticket' AND key = 'ETH/USDT'",
        ["'ticket'", "'ETH/USDT'", "`symbol`"],
        id="a field is missing",
    ),
    pytest.param(
        "UPDATE state SET value = substr(value, 1, 40) WHERE kind = 'breakers'", ["'breakers'", "truncated"], id="cut"
    ),
    pytest.param("UPDATE state SET value = x'a2ffff' WHERE kind = 'health'", ["'health'", "utf-8"], id="no text"),
    pytest.param("UPDATE state SET value = NULL WHERE kind = 'dust'", ["'dust'"], id="empty"),
    pytest.param(
        "UPDATE state SET value = x'81a474797065a769636562657267' WHERE kind = 'algorithm'",
        ["'algorithm'", "iceberg"],
        id="an algorithm of a newer version",
    ),
]


@pytest.mark.parametrize(("statement", "words"), STATE)
def test_state_that_cannot_be_read_is_named_and_kept(stored: StoredLedger, statement: str, words: list[str]) -> None:
    before = changed(stored, statement)
    assert_refused(stored, words)
    assert_untouched(stored.path, before)


# --- a row that cannot be read --------------------------------------------------------------------------------

ORDER = "t-109cf61593ccd7cc9e8501d9a7dd0342"
ROWS = [
    pytest.param("orders", "status = 'amended'", ["orders", ORDER, "'amended'", "status"], id="status"),
    pytest.param("orders", "purpose = 'carry'", ["orders", ORDER, "'carry'", "purpose"], id="purpose"),
    pytest.param("orders", "quantity = 'much'", ["orders", ORDER, "quantity"], id="quantity"),
    pytest.param("orders", "fees = '[[\"USDT\"'", ["orders", ORDER], id="fees"),
]


@pytest.mark.parametrize(("table", "change", "words"), ROWS)
def test_an_order_that_cannot_be_read_is_named_and_kept(
    stored: StoredLedger, table: str, change: str, words: list[str]
) -> None:
    before = changed(stored, f"UPDATE {table} SET {change} WHERE client_id = '{ORDER}'")
    assert_refused(stored, words)
    with pytest.raises(Misconfigured) as refused:
        SqlLedgerReader(stored.path).orders(limit=100)
    assert [word for word in words if word not in str(refused.value)] == []
    assert_untouched(stored.path, before)


READS: list[tuple[str, Read, list[str]]] = [
    (
        "UPDATE decisions SET verdict = 'perhaps' WHERE rowid = 1",
        lambda reader: reader.decisions(limit=100),
        ["decisions", "decision_id", "'perhaps'"],
    ),
    (
        "UPDATE decisions SET reasons = 'because' WHERE rowid = 1",
        lambda reader: reader.decisions(limit=100),
        ["decisions", "decision_id"],
    ),
    (
        "UPDATE trading_state SET state = 'asleep'",
        lambda reader: reader.trading_state(),
        ["trading_state", "'asleep'"],
    ),
    (
        "UPDATE trading_state SET reasons = '{}'",
        lambda reader: reader.trading_state(),
        ["trading_state"],
    ),
    (
        "UPDATE positions SET quantity = 'long' WHERE symbol = 'BTC/USDT'",
        lambda reader: reader.positions(),
        ["positions", "'BTC/USDT'", "quantity"],
    ),
]


@pytest.mark.parametrize(("statement", "read", "words"), READS)
def test_a_row_that_cannot_be_read_is_named(stored: StoredLedger, statement: str, read: Read, words: list[str]) -> None:
    before = changed(stored, statement)
    with pytest.raises(Misconfigured) as refused:
        read(SqlLedgerReader(stored.path))
    assert [word for word in words if word not in str(refused.value)] == []
    assert_untouched(stored.path, before)


def test_what_cannot_be_read_is_not_called_a_failed_write(stored: StoredLedger) -> None:
    changed(stored, "UPDATE meta SET value = 'last' WHERE name = 'last_seq'")
    finding = ledger_finding(stored.settings)
    assert (finding.verdict, "'last'" in finding.found) == ("fail", True)
    with pytest.raises(InvariantBroken, match=r"cannot be read: .*'last'"):
        recovered(stored.path)


def test_a_newer_schema_is_refused_by_its_number(stored: StoredLedger) -> None:
    before = changed(stored, "UPDATE meta SET value = '7' WHERE name = 'schema_version'")
    for open_it in (recovered, SqlLedgerReader):
        with pytest.raises(Misconfigured, match="schema version 7, this program reads up to"):
            open_it(stored.path)
    assert_untouched(stored.path, before)


def version_of(path: Path) -> str:
    [version] = [row["value"] for row in held(path)["meta"] if row["name"] == "schema_version"]
    return str(version)


def test_a_file_is_of_this_version_once_something_was_written(stored: StoredLedger) -> None:
    """Until then the version that wrote it can take it back; afterwards it could misread it, and must refuse it."""
    engine = Resumed(stored, instruments_of(stored), now_ms=1_700_000_300_000)
    SqlLedgerReader(stored.path).decisions(limit=100)
    assert version_of(stored.path) == "1"
    engine.price(100.0, "ETH/USDT")
    engine.write()
    assert version_of(stored.path) == str(SCHEMA_VERSION)
    assert len(recovered(stored.path).orders) == len(stored.told["orders"])


# --- a file that is not whole ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 40, 99, 4_096, 50_000, 100_001])
def test_a_cut_file_is_refused_and_left_as_it_is(stored: StoredLedger, size: int) -> None:
    part = stored.path.read_bytes()[:size]
    stored.path.write_bytes(part)
    with pytest.raises(Misconfigured, match="is damaged") as refused:
        recovered(stored.path)
    assert str(stored.path) in str(refused.value)
    assert stored.path.read_bytes() == part


def killed(stored: StoredLedger) -> tuple[Path, Path]:
    """(the file, its write-ahead log) as `kill -9` leaves them: nearly all is only in the log."""
    source = stored.path.with_name("open.sqlite")
    connection = sqlite3.connect(source, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.executescript((stored.folder / "ledger.sql").read_text())
    log = stored.path.with_name("ledger.sqlite-wal")
    stored.path.unlink()
    shutil.copy(source, stored.path)
    shutil.copy(source.with_name("open.sqlite-wal"), log)
    connection.close()
    return stored.path, log


def test_what_is_only_in_the_write_ahead_log_counts(stored: StoredLedger) -> None:
    before = held(stored.path)
    path, log = killed(stored)
    assert path.stat().st_size < log.stat().st_size
    assert len(SqlLedgerReader(path).orders(limit=100)) == len(stored.told["orders"])
    assert len(recovered(path).orders) == len(stored.told["orders"])
    assert_untouched(path, before)


# --- a symbol that is no longer configured --------------------------------------------------------------------


def without(stored: StoredLedger, symbol: str) -> None:
    """The same ledger under a configuration that does not list `symbol`."""
    config = yaml.safe_load(stored.config_file.read_text())
    config["exchange"]["symbols"] = [each for each in stored.settings.exchange.symbols if each != symbol]
    stored.config_file.write_text(yaml.safe_dump(config))
    stored.settings = load(stored.config_file, environ={})


@pytest.mark.parametrize(
    ("name", "symbol", "what"),
    [
        ("entries", "BTC/USDT", "a position in BTC/USDT"),
        ("entries", "XRP/USDT", "a position in XRP/USDT"),
        ("entries", "BNB/USDT", "an order in BNB/USDT"),  # an entry of unknown outcome: nothing is held yet
        ("halted", "ETH/USDT:USDT", "a position in ETH/USDT:USDT"),
        ("spot-live", "ETH/USDT", "a position in ETH/USDT"),
        ("perpetual-paper", "ETH/USDT:USDT", "an order in ETH/USDT:USDT"),
    ],
)
def test_a_symbol_with_something_under_way_must_stay(tmp_path: Path, name: str, symbol: str, what: str) -> None:
    stored = StoredLedger(name, tmp_path)
    start(stored)
    assert ledger_finding(stored.settings).verdict != "fail"
    without(stored, symbol)
    before = held(stored.path)
    assert_refused(stored, [f"the ledger holds {what}, which exchange.symbols does not list"])
    assert "restore" not in ledger_finding(stored.settings).cure
    assert_untouched(stored.path, before)


def test_a_symbol_that_is_done_with_may_go(stored: StoredLedger) -> None:
    without(stored, "ADA/USDT")  # a closed trade, dust and a regime are left of it
    start(stored)
    engine = Resumed(stored, instruments_of(stored), now_ms=1_700_000_300_000)
    for symbol in engine.instruments:
        engine.price(103.0 if symbol == "BTC/USDT" else 100.0, symbol)
    engine.restart()
    theirs = {balance.currency: balance.total for balance in engine.exchange.balances()}
    assert engine.engine.state.account.ledger.total("ADA") == theirs["ADA"] > 0
    assert "ADA/USDT" not in engine.engine.state.markets
    assert {row.symbol for row in SqlLedgerReader(stored.path).trades(limit=10)} == {"ADA/USDT"}
