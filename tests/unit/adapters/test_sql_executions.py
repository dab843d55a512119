"""Rows of TCA in the ledger, also in one of before."""

import asyncio
import sqlite3
from decimal import Decimal
from pathlib import Path

import msgspec

from trader.adapters.sql import SqlJournal, SqlLedgerReader
from trader.domain.decisions import Decision, ExecutionReport, MarkExecution, RecordExecution
from trader.domain.events import Ticked
from trader.domain.orders import AlgorithmName, Purpose, Side

OF_VERSION_3 = (
    "decision_price", "decided_ms", "delay_quote", "spread_quote", "impact_quote", "modelled_quote", "mark_price",
)  # fmt: skip


def an_execution(parent_id: str, *, ended_ms: int = 2_000) -> ExecutionReport:
    return ExecutionReport(
        parent_id=parent_id, symbol="BTC/USDT", side=Side.BUY, algorithm=AlgorithmName.TWAP, purpose=Purpose.ENTRY,
        quantity=Decimal(2), filled=Decimal(2), arrival_mid=100.1, average_price=100.2, slippage_bps=10.0,
        spread_bps=1.0, fees_quote=Decimal("0.2"), market_order_bps=12.0, started_ms=1_000, ended_ms=ended_ms, orders=3,
        decision_price=Decimal("100.0"), decided_ms=900, delay_quote=Decimal("0.20"), spread_quote=Decimal("0.02"),
        impact_quote=Decimal("0.18"), modelled_quote=Decimal("0.25"),
    )  # fmt: skip


def write(path: Path, *decisions: Decision, seq: int = 1) -> None:
    async def written() -> None:
        journal = SqlJournal(path)
        await journal.write([(Ticked(seq=seq, ts_ms=seq), list(decisions))], durable=True)
        await journal.close()

    asyncio.run(written())


def read(path: Path) -> list[ExecutionReport]:
    reader = SqlLedgerReader(path)
    try:
        return reader.executions(limit=9)
    finally:
        reader.close()


def change(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_ledger_whose_executions_have_no_split_goes_on_and_gets_it(tmp_path: Path) -> None:
    """As version 2 wrote it: the columns of version 3 are not there."""
    path, before = tmp_path / "ledger.sqlite", an_execution("p-before")
    write(path, RecordExecution(before))
    change(path, *(f'ALTER TABLE executions DROP COLUMN "{column}"' for column in OF_VERSION_3))
    change(path, "UPDATE meta SET value = '2' WHERE name = 'schema_version'")
    defaults = dict(zip(ExecutionReport.__struct_fields__[-7:], ExecutionReport.__struct_defaults__, strict=True))
    assert tuple(defaults) == OF_VERSION_3
    bare = msgspec.structs.replace(before, **defaults)
    assert read(path) == [bare]  # before a start has brought it up to date
    after = an_execution("p-after", ended_ms=before.ended_ms + 1)
    write(path, RecordExecution(after), seq=2)
    assert read(path) == [after, bare]
    assert bare.shortfall_quote == bare.fees_quote


def test_a_mark_completes_the_row_of_its_execution(tmp_path: Path) -> None:
    path, ended = tmp_path / "ledger.sqlite", an_execution("p-1")
    marked = msgspec.structs.replace(ended, mark_price=Decimal("99.5"))
    write(path, RecordExecution(ended), MarkExecution(marked))
    assert read(path) == [marked]
