"""The journal keeps what it acknowledged, whole and in order, and says clearly when it cannot."""

import asyncio
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tests.kit.ledger import DAY_MS, NOW_MS, a_record, an_intent, an_order, deciding, sending
from trader.adapters.sql import SqlJournal, SqlLedgerReader, writer
from trader.adapters.sql import schema as tables
from trader.adapters.sql.database import open_for_writing
from trader.domain.account import Balance, Payment, PaymentKind, Position
from trader.domain.decisions import (
    ClosedTrade,
    Decision,
    EquitySnapshot,
    ExecutionReport,
    KeepFill,
    KeepOrder,
    KeepPayment,
    KeepPosition,
    KeepTradingState,
    RecordDecision,
    RecordEquity,
    SubmitOrder,
    TradingState,
)
from trader.domain.errors import InvariantBroken, Misconfigured
from trader.domain.events import (
    AnyEvent,
    BookUpdated,
    CandleClosed,
    CommandName,
    CommandReceived,
    PaymentArrived,
    Ticked,
    TimerFired,
)
from trader.domain.market import Book, Candle
from trader.domain.orders import AlgorithmName, Approved, Fill, Order, OrderIntent, OrderStatus, Side
from trader.domain.reasons import Code, because, texts
from trader.domain.signals import DecisionRecord
from trader.domain.timers import TimerId, TimerKind
from trader.runtime.memory import Memory
from trader.runtime.turn import Turn


def file_of(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.sqlite"


def a_fill(fill_id: str, symbol: str = "BTC/USDT", ts_ms: int = NOW_MS) -> Fill:
    return Fill(
        fill_id=fill_id,
        symbol=symbol,
        client_id="t-1",
        exchange_order_id="9",
        side=Side.BUY,
        quantity=Decimal("0.1"),
        price=Decimal("50000.00"),
        fee=Decimal("0.00010"),
        fee_currency="BTC",
        ts_ms=ts_ms,
        is_maker=False,
    )


async def test_a_first_start_remembers_nothing(tmp_path: Path) -> None:
    journal = SqlJournal(file_of(tmp_path))
    remembered = await journal.recover()
    await journal.close()
    assert (remembered.last_seq, remembered.orders, remembered.balances, remembered.state) == (0, [], [], {})
    assert remembered.equity is None
    assert file_of(tmp_path).stat().st_mode & 0o777 == 0o600
    assert file_of(tmp_path).parent.stat().st_mode & 0o777 == 0o700


async def test_the_ledger_keeps_its_name(tmp_path: Path) -> None:
    names = set()
    for _ in range(2):
        journal = SqlJournal(file_of(tmp_path))
        names.add((await journal.recover()).ledger_id)
        await journal.close()
    assert len(names) == 1
    assert names.pop()


async def test_an_intent_is_a_pending_order_once_the_write_returns(tmp_path: Path) -> None:
    journal = SqlJournal(file_of(tmp_path))
    intent = an_intent("t-1")
    await journal.write([(Ticked(seq=7, ts_ms=NOW_MS), [SubmitOrder(Approved(intent, NOW_MS))])], durable=True)
    other_program = sqlite3.connect(file_of(tmp_path))
    row = other_program.execute("SELECT client_id, status, quantity, price, decision_id FROM orders").fetchone()
    other_program.close()
    await journal.close()
    assert row == ("t-1", "pending", "0.00100", "50000.10", "d-t-1")


async def test_a_durable_write_carries_everything_queued_before_it(tmp_path: Path) -> None:
    journal = SqlJournal(file_of(tmp_path), commit_interval_s=60)
    for number in range(10):
        await journal.write([deciding(number, number + 1)], durable=False)
    await journal.write([], durable=True)
    assert len(SqlLedgerReader(file_of(tmp_path)).decisions(limit=99)) == 10
    await journal.close()


async def test_what_nobody_waits_for_is_written_soon_and_on_close(tmp_path: Path) -> None:
    journal = SqlJournal(file_of(tmp_path), commit_interval_s=0.01)
    await journal.write([deciding(1, 1)], durable=False)
    reader = SqlLedgerReader(file_of(tmp_path))
    async with asyncio.timeout(300):
        while not reader.decisions(limit=1):  # noqa: ASYNC110  # another thread writes it; there is no event to wait for
            await asyncio.sleep(0.01)
    await journal.write([deciding(2, 2)], durable=False)
    await journal.close()
    assert [record.decision_id for record in reader.decisions(limit=9)] == ["d-000002", "d-000001"]


async def test_orders_of_many_waiting_writers_keep_their_order(tmp_path: Path) -> None:
    journal = SqlJournal(file_of(tmp_path))
    states = [OrderStatus.PENDING, OrderStatus.UNKNOWN, OrderStatus.OPEN, OrderStatus.FILLED]
    writes = [
        journal.write([(Ticked(seq=n), [KeepOrder(an_order(f"t-{key}", status, NOW_MS + n))])], durable=True)
        for n, status in enumerate(states)
        for key in range(50)
    ]
    await asyncio.gather(*writes)
    await journal.close()
    assert {order.status for order in SqlLedgerReader(file_of(tmp_path)).orders(limit=99)} == {OrderStatus.FILLED}


async def test_market_data_moves_only_the_number(tmp_path: Path) -> None:
    journal = SqlJournal(file_of(tmp_path))
    candle = Candle("BTC/USDT", NOW_MS, NOW_MS + 60_000, 1, 1, 1, 1, 1)
    book = Book("BTC/USDT", NOW_MS, ((1.0, 1.0),), ((2.0, 1.0),))
    await journal.write([(CandleClosed(seq=5, candle=candle), []), (BookUpdated(seq=6, book=book), [])], durable=False)
    await journal.close()
    again = SqlJournal(file_of(tmp_path))
    assert (await again.recover()).last_seq == 6
    await again.close()
    assert stored_inputs(file_of(tmp_path)) == []


async def test_inputs_are_stored_by_number_and_decode_to_the_event(tmp_path: Path) -> None:
    journal = SqlJournal(file_of(tmp_path))
    written: list[AnyEvent] = [
        CommandReceived(seq=3, ts_ms=NOW_MS, command_id="c", name=CommandName.PAUSE, origin="uid 0"),
        TimerFired(seq=4, ts_ms=NOW_MS, timer=TimerId(TimerKind.ALGORITHM, "x")),
    ]
    await journal.write([(event, []) for event in written], durable=True)
    await journal.close()
    decoder = msgspec.msgpack.Decoder(AnyEvent)
    assert [(seq, decoder.decode(body)) for seq, body in stored_inputs(file_of(tmp_path))] == [
        (event.seq, event) for event in written
    ]


def stored_inputs(path: Path) -> list[tuple[int, bytes]]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT seq, body FROM inputs ORDER BY seq").fetchall()
    connection.close()
    return rows


async def test_a_fill_told_twice_is_one_row(tmp_path: Path) -> None:
    journal = SqlJournal(file_of(tmp_path))
    for seq in (1, 2):
        await journal.write([(Ticked(seq=seq), [KeepFill(a_fill("f1")), KeepFill(a_fill("f2"))])], durable=True)
    await journal.close()
    assert len(SqlLedgerReader(file_of(tmp_path)).fills(limit=9)) == 2


async def test_fill_ids_go_back_from_each_symbols_own_last_fill(tmp_path: Path) -> None:
    """A symbol that has not traded for weeks still knows its last fills: the exchange will list them again."""
    journal = SqlJournal(file_of(tmp_path))
    long_ago = NOW_MS - 100 * DAY_MS
    kept = [
        KeepFill(a_fill("new")),
        KeepFill(a_fill("old", ts_ms=NOW_MS - 8 * DAY_MS)),
        KeepFill(a_fill("rare", "XRP/USDT", long_ago)),
        KeepFill(a_fill("rarer", "XRP/USDT", long_ago - DAY_MS)),
    ]
    await journal.write([(Ticked(seq=1), kept)], durable=True)
    remembered = await journal.recover()
    await journal.close()
    assert remembered.fill_ids == {("BTC/USDT", "new"), ("XRP/USDT", "rare"), ("XRP/USDT", "rarer")}
    assert remembered.last_fill_ms == {"BTC/USDT": NOW_MS, "XRP/USDT": long_ago}


async def test_the_fills_of_a_position_are_those_since_it_was_opened(tmp_path: Path) -> None:
    """Whatever their side, of open positions only, oldest first; the same as the journal in memory remembers."""
    held = [Position(symbol, Decimal(1), Decimal(9), NOW_MS) for symbol in ("BTC/USDT", "ETH/USDT", "SOL/USDT")]
    told = [
        *(a_fill(f"before-{position.symbol}", position.symbol, NOW_MS - 1) for position in held),
        a_fill("opens", "BTC/USDT", NOW_MS),
        a_fill("other", "ETH/USDT", NOW_MS + 1),
        msgspec.structs.replace(a_fill("leaves", "BTC/USDT", NOW_MS + 2), side=Side.SELL),
        a_fill("gone", "SOL/USDT", NOW_MS + 3),
        a_fill("dust", "XRP/USDT", NOW_MS + 3),
    ]
    flat = msgspec.structs.replace(held[2], quantity=Decimal(0))
    decisions: list[Decision] = [*map(KeepFill, told), *map(KeepPosition, [*held, flat])]
    journal, memory = SqlJournal(file_of(tmp_path)), Memory("test")
    await journal.write([(Ticked(seq=1), decisions)], durable=True)
    remembered = await journal.recover()
    await journal.close()
    memory.write(Turn(Ticked(seq=1), decisions))
    assert [fill.fill_id for fill in remembered.position_fills] == ["opens", "other", "leaves"]
    assert sorted(memory.position_fills, key=lambda fill: fill.ts_ms) == list(remembered.position_fills)


async def test_a_payment_told_twice_is_one_row_and_is_remembered(tmp_path: Path) -> None:
    paid = Payment("f-1", PaymentKind.FUNDING, "BTC/USDT:USDT", "USDT", Decimal("-0.12500000"), NOW_MS)
    old = Payment("f-0", PaymentKind.LIQUIDATION, "BTC/USDT:USDT", "USDT", Decimal(-3), NOW_MS - 8 * DAY_MS)
    journal = SqlJournal(file_of(tmp_path))
    for seq in (1, 2):
        step = (PaymentArrived(payment=paid, seq=seq), [KeepPayment(paid), KeepPayment(old)])
        await journal.write([step], durable=True)
    remembered = await journal.recover()
    await journal.close()
    assert (remembered.payment_ids, remembered.last_payment_ms) == (frozenset({"f-1"}), NOW_MS)
    assert SqlLedgerReader(file_of(tmp_path)).payments(limit=9) == [paid, old]


async def test_what_a_fill_realised_is_kept_and_may_be_missing_in_older_rows(tmp_path: Path) -> None:
    journal = SqlJournal(file_of(tmp_path))
    forced = msgspec.structs.replace(a_fill("f1"), realised=Decimal("-1.5"), is_forced=True)
    await journal.write([(Ticked(seq=1), [KeepFill(forced), KeepFill(a_fill("f2", ts_ms=NOW_MS - 1))])], durable=True)
    await journal.close()
    change(file_of(tmp_path), "UPDATE fills SET is_forced = NULL WHERE fill_id = 'f2'")
    assert SqlLedgerReader(file_of(tmp_path)).fills(limit=9) == [forced, a_fill("f2", ts_ms=NOW_MS - 1)]


async def test_the_newest_candle_decided_on_is_remembered_per_symbol(tmp_path: Path) -> None:
    journal = SqlJournal(file_of(tmp_path))
    told = [("BTC/USDT", 1), ("ETH/USDT", 1), ("BTC/USDT", 2)]
    records = [
        msgspec.structs.replace(a_record(number, NOW_MS + minute, symbol), candle_open_ms=minute)
        for number, (symbol, minute) in enumerate(told)
    ]
    await journal.write([(Ticked(seq=1), [RecordDecision(record) for record in records])], durable=True)
    remembered = await journal.recover()
    await journal.close()
    assert remembered.decided_ms == {"BTC/USDT": 2, "ETH/USDT": 1}


async def test_recovery_brings_open_unsettled_and_recent_orders(tmp_path: Path) -> None:
    journal = SqlJournal(file_of(tmp_path))
    long_ago = NOW_MS - 30 * DAY_MS
    canceled = an_order("unsettled", OrderStatus.CANCELED, long_ago)
    orders = [
        an_order("open", OrderStatus.OPEN, long_ago),
        an_order("unknown", OrderStatus.UNKNOWN, long_ago),
        an_order("forgotten", OrderStatus.FILLED, long_ago),
        an_order("recent", OrderStatus.FILLED, NOW_MS - DAY_MS),
        an_order("newest", OrderStatus.CANCELED, NOW_MS),
        msgspec.structs.replace(canceled, reported_filled=Decimal(1)),
    ]
    await journal.write([(Ticked(seq=1), [KeepOrder(order) for order in orders])], durable=True)
    remembered = await journal.recover()
    await journal.close()
    assert {o.client_id for o in remembered.orders} == {"open", "unknown", "recent", "newest", "unsettled"}


async def test_the_trading_state_and_equity_survive(tmp_path: Path) -> None:
    journal = SqlJournal(file_of(tmp_path))
    equity = EquitySnapshot(NOW_MS, 10_000.5, 9_000.0, 1_000.5, 10_100.0, 9_990.0)
    reasons = (because(Code.DRAWDOWN, loss_frac=0.16, most_frac=0.15), because(Code.KILLED))
    halted = KeepTradingState(TradingState.HALTED, reasons)
    await journal.write([(Ticked(seq=1), [RecordEquity(equity), halted])], durable=True)
    remembered = await journal.recover()
    await journal.close()
    assert remembered.equity == equity
    assert SqlLedgerReader(file_of(tmp_path)).trading_state() == (halted.state, halted.reasons)


async def test_not_a_number_survives(tmp_path: Path) -> None:
    record = msgspec.structs.replace(a_record(1), edge_bps=float("nan"), cost_bps=float("inf"))
    journal = SqlJournal(file_of(tmp_path))
    await journal.write([(Ticked(seq=1), [RecordDecision(record)])], durable=True)
    await journal.close()
    (read,) = SqlLedgerReader(file_of(tmp_path)).decisions(limit=1)
    assert repr(read) == repr(record)


async def test_decisions_of_a_version_without_codes_are_read_as_they_were(tmp_path: Path) -> None:
    journal = SqlJournal(file_of(tmp_path))
    await journal.write([(Ticked(seq=1), [RecordDecision(a_record(1))])], durable=True)
    await journal.close()
    with sqlite3.connect(file_of(tmp_path)) as connection:
        connection.execute("UPDATE decisions SET reasons = ?", ('["edge 3.1 below cost 24.0", "no confirmation"]',))
    (read,) = SqlLedgerReader(file_of(tmp_path)).decisions(limit=1)
    assert texts(read.reasons) == ("edge 3.1 below cost 24.0", "no confirmation")
    assert (read.side, read.quantity, read.algorithm) == (None, None, None)


async def test_an_order_of_a_decision_is_read_exactly(tmp_path: Path) -> None:
    order = {"side": Side.SELL, "quantity": Decimal("0.0100"), "algorithm": AlgorithmName.TWAP}
    record = msgspec.structs.replace(a_record(1), **order)
    journal = SqlJournal(file_of(tmp_path))
    await journal.write([(Ticked(seq=1), [RecordDecision(record)])], durable=True)
    await journal.close()
    (read,) = SqlLedgerReader(file_of(tmp_path)).decisions(limit=1)
    assert repr(read) == repr(record)


async def test_old_inputs_decisions_and_equity_go_and_the_rest_stays(tmp_path: Path) -> None:
    journal = SqlJournal(file_of(tmp_path))
    for number, ts_ms in enumerate((NOW_MS - 91 * DAY_MS, NOW_MS - 89 * DAY_MS, NOW_MS), 1):
        order, equity = an_order(f"t-{number}", OrderStatus.FILLED, ts_ms), EquitySnapshot(ts_ms, 1, 1, 0, 1, 1)
        event, decisions = deciding(number, number, ts_ms)
        await journal.write([(event, [*decisions, KeepOrder(order), RecordEquity(equity)])], durable=True)
    await journal.close()
    again = SqlJournal(file_of(tmp_path))
    await again.recover()
    await again.close()
    reader = SqlLedgerReader(file_of(tmp_path))
    assert [record.decision_id for record in reader.decisions(limit=9)] == ["d-000003", "d-000002"]
    assert len(reader.equity(limit=9)) == 2
    assert [seq for seq, _ in stored_inputs(file_of(tmp_path))] == [2, 3]
    assert len(reader.orders(limit=9)) == 3


async def test_growth_is_bounded_while_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_PRUNE_EVERY", 100)
    journal = SqlJournal(file_of(tmp_path), keep_days=1)
    for number in range(2_000):  # ten minutes apart: 144 a day
        await journal.write([deciding(number, number + 1, NOW_MS + number * 600_000)], durable=False)
        if number % 50 == 0:
            await journal.write([], durable=True)
    await journal.close()
    assert 144 <= len(SqlLedgerReader(file_of(tmp_path)).decisions(limit=5_000)) <= 144 + 200


# --- crashes ----------------------------------------------------------------------------------------------


def tell(value: object) -> None:
    sys.stdout.write(f"{value}\n")
    sys.stdout.flush()


async def write_until_killed(path: str) -> None:
    """In a child process: durable batches of three orders each, every one told on standard output once it is safe."""
    journal = SqlJournal(Path(path))
    for seq in range(1, 1_000_000):
        await journal.write([sending(f"t-{seq}-{part}", seq) for part in range(3)], durable=True)
        tell(seq)


def test_what_was_acknowledged_survives_kill_9_and_batches_are_whole(tmp_path: Path) -> None:
    path = file_of(tmp_path)
    child = subprocess.Popen(
        [sys.executable, "-c", _child("write_until_killed", path)], stdout=subprocess.PIPE, text=True, env=_environ()
    )
    assert child.stdout is not None
    acknowledged = 0
    for line in child.stdout:
        acknowledged = int(line)
        if acknowledged == 40:
            child.send_signal(signal.SIGKILL)
    child.wait()
    assert acknowledged >= 40
    reader = SqlLedgerReader(path)
    batches: dict[str, int] = {}
    for order in reader.orders(limit=1_000_000):
        batches[order.client_id.split("-")[1]] = batches.get(order.client_id.split("-")[1], 0) + 1
    assert set(batches.values()) == {3}
    assert {str(seq) for seq in range(1, acknowledged + 1)} <= set(batches)
    remembered = asyncio.run(_recovered(path))
    assert remembered == len(batches)


async def _recovered(path: Path) -> int:
    journal = SqlJournal(path)
    last_seq = (await journal.recover()).last_seq
    await journal.close()
    return last_seq


async def write_until_full(path: str) -> None:
    """In a child process whose files may not grow beyond 2 MB: write until it fails, then try again."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
    journal = SqlJournal(Path(path))
    seq = 0
    try:
        while True:
            await journal.write([sending(f"t-{seq + 1}", seq + 1)], durable=True)
            seq += 1
    except InvariantBroken as error:
        tell(seq)
        tell(error)
    for durable in (True, False):
        try:
            await journal.write([sending("later", seq + 2)], durable=durable)
        except InvariantBroken:
            tell("refused")
    try:
        await journal.close()
    except InvariantBroken:
        tell("closed")


def test_a_full_disk_reaches_the_caller_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    path = file_of(tmp_path)
    told = subprocess.run(
        [sys.executable, "-c", _child("write_until_full", path)], stdout=subprocess.PIPE, text=True, check=True,
        env=_environ(),
    ).stdout.splitlines()  # fmt: skip
    acknowledged = int(told[0])
    assert acknowledged > 10
    assert told[1].startswith(f"ledger {path} cannot be written: ")
    assert told[2:] == ["refused", "refused", "closed"]
    ids = {order.client_id for order in SqlLedgerReader(path).orders(limit=100_000)}
    assert ids == {f"t-{seq}" for seq in range(1, acknowledged + 1)}


def _child(function: str, path: Path) -> str:
    module = "tests.unit.adapters.test_sql_journal"
    return f"import asyncio; from {module} import {function}; asyncio.run({function}({str(path)!r}))"


def _environ() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}


async def test_a_cancelled_caller_does_not_stop_the_writer(tmp_path: Path) -> None:
    journal = SqlJournal(file_of(tmp_path))
    waiting = asyncio.ensure_future(journal.write([sending("t-1", 1)], durable=True))
    await asyncio.sleep(0)
    waiting.cancel()
    await journal.write([sending("t-2", 2)], durable=True)
    await journal.close()
    assert "t-2" in {order.client_id for order in SqlLedgerReader(file_of(tmp_path)).orders(limit=9)}


async def test_a_closed_journal_refuses(tmp_path: Path) -> None:
    journal = SqlJournal(file_of(tmp_path))
    await journal.close()
    await journal.close()
    with pytest.raises(InvariantBroken, match="after it was closed"):
        await journal.write([sending("t-1", 1)], durable=True)


# --- files that are no ledger -----------------------------------------------------------------------------


def refusal(path: Path) -> str:
    with pytest.raises(Misconfigured) as error:
        SqlJournal(path)
    assert str(error.value).startswith(f"{path}: ")
    return str(error.value)


def test_a_directory_a_file_in_the_way_and_an_unwritable_place(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").mkdir()
    assert "is a directory" in refusal(tmp_path / "ledger.sqlite")
    (tmp_path / "file").write_text("x")
    assert "is not a directory; set storage.state_dir" in refusal(tmp_path / "file" / "ledger.sqlite")
    assert "cannot be written" in refusal(Path("/proc/trader/ledger.sqlite"))


def test_a_text_file_and_a_damaged_ledger(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("this is no database, only words " * 40)
    assert "is damaged (file is not a database); restore a backup" in refusal(text)
    assert text.read_text().startswith("this is no database")
    path = file_of(tmp_path)
    asyncio.run(filled(path))
    data = bytearray(path.read_bytes())
    for offset in range(8_192, len(data), 512):
        data[offset : offset + 64] = b"\xff" * 64
    path.write_bytes(data)
    assert "is damaged (" in refusal(path)
    assert path.read_bytes() == bytes(data)


async def filled(path: Path) -> None:
    journal = SqlJournal(path)
    await journal.write([sending(f"t-{seq}", seq) for seq in range(1, 200)], durable=True)
    await journal.close()


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE bookmarks (url TEXT)")
    other.commit()
    other.close()
    before = path.read_bytes()
    assert "is a database of another program (tables bookmarks)" in refusal(path)
    assert path.read_bytes() == before


def test_a_newer_ledger_is_refused_by_writer_and_reader(tmp_path: Path) -> None:
    path = file_of(tmp_path)
    asyncio.run(filled(path))
    newer = tables.SCHEMA_VERSION + 1
    change(path, f"UPDATE meta SET value = '{newer}' WHERE name = 'schema_version'")
    found = f"has schema version {newer}, this program reads up to {tables.SCHEMA_VERSION}; install the newer version"
    assert found in refusal(path)
    with pytest.raises(Misconfigured, match=f"has schema version {newer}"):
        SqlLedgerReader(path)


def test_a_locked_ledger_is_told_after_a_short_wait(tmp_path: Path) -> None:
    path = file_of(tmp_path)
    asyncio.run(filled(path))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Misconfigured, match="is locked by another program"):
        open_for_writing(path, lock_wait_s=0.05)
    other.close()


def test_a_column_that_an_older_version_lacked_is_read_as_empty_and_added_by_the_writer(tmp_path: Path) -> None:
    path = file_of(tmp_path)
    asyncio.run(filled(path))
    change(path, "ALTER TABLE orders DROP COLUMN fees")
    before = path.read_bytes()
    reader = SqlLedgerReader(path)
    assert [order.fees for order in reader.orders(limit=1_000, open_only=True)] == [()] * 199
    assert [fill.fill_id for fill in reader.fills(limit=10)] == []
    reader.close()
    assert path.read_bytes() == before
    asyncio.run(filled(path))
    assert len(SqlLedgerReader(path).orders(limit=1_000)) == 199


def test_a_column_that_cannot_be_empty_must_be_there_to_read(tmp_path: Path) -> None:
    path = file_of(tmp_path)
    asyncio.run(filled(path))
    change(path, "ALTER TABLE orders DROP COLUMN reason")
    with pytest.raises(Misconfigured, match="written by an older version; start `trader run` once"):
        SqlLedgerReader(path)


def change(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_missing_ledger_is_told_to_readers(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no ledger here yet"):
        SqlLedgerReader(tmp_path / "ledger.sqlite")
    assert not (tmp_path / "ledger.sqlite").exists()


def test_every_field_of_what_is_kept_has_its_column() -> None:
    pairs: list[tuple[str, tuple[type[msgspec.Struct], ...]]] = [
        ("orders", (Order, OrderIntent)),
        ("fills", (Fill,)),
        ("payments", (Payment,)),
        ("positions", (Position,)),
        ("balances", (Balance,)),
        ("decisions", (DecisionRecord,)),
        ("trades", (ClosedTrade,)),
        ("executions", (ExecutionReport,)),
        ("equity", (EquitySnapshot,)),
    ]
    for name, kinds in pairs:
        columns = {column.name for column in tables.metadata.tables[name].columns}
        fields = {field for kind in kinds for field in kind.__struct_fields__} - {"intent"}
        assert fields <= columns, f"table {name} lacks {fields - columns}"
