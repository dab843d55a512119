"""A ledger of what a scene has seen, and what `trader why` says of it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kit.situations import MINUTE_MS, SYMBOL, Scene
from trader.adapters.sql import SqlJournal, SqlLedgerReader
from trader.service.explaining.explanation import Explanation, explain


@contextmanager
def ledger_of(scene: Scene, directory: Path) -> Iterator[SqlLedgerReader]:
    """Everything the scene has decided, written down."""

    async def write() -> None:
        journal = SqlJournal(directory / "ledger.sqlite")
        await journal.write([(turn.event, turn.decisions) for turn in scene.turns], durable=True)
        await journal.close()

    asyncio.run(write())
    reader = SqlLedgerReader(directory / "ledger.sqlite")
    yield reader
    reader.close()


def explained(scene: Scene, directory: Path, time: str | None = None, symbol: str = SYMBOL) -> Explanation:
    with ledger_of(scene, directory) as ledger:
        return explain(ledger, symbol, time, MINUTE_MS)


def lines_of(told: Explanation, title: str) -> list[tuple[str, str, str]]:
    """(mark, label, text) of a section; none where it is not told."""
    return [
        (line.mark.value, line.label, line.text)
        for section in told.sections
        if section.title == title
        for line in section.lines
    ]
