"""Ledgers that an earlier version wrote, and the books of the exchange beside them: kept as text, made files again.

`tests/golden/ledgers/README.md` says what each holds and how it was made.
"""

import asyncio
import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.kit.builders import a_model, a_perpetual, an_instrument
from tests.kit.harness import Harness
from trader.adapters.ledger import ledger_path
from trader.adapters.sql import RecoveredLedger, SqlJournal
from trader.config.load import load
from trader.config.schema import Settings
from trader.domain.decisions import RecordDecision
from trader.domain.instrument import Instrument
from trader.domain.signals import DecisionRecord
from trader.ports import Recovered
from trader.simulation.records.store import SimulationStore

FOLDER = Path(__file__).parents[1] / "golden" / "ledgers"
RENAMED = {"failure_reason": "refusal", "halt_reason": "halt"}
"""Fields of kept state: as they were -> as they are. They were texts; where one was empty, there is None now."""


class StoredLedger:
    """One of `FOLDER`, as files under `directory`: the state directory of a daemon that was killed."""

    def __init__(self, name: str, directory: Path) -> None:
        self.folder = FOLDER / name
        self.config_file = directory / "config.yaml"
        config = yaml.safe_load((self.folder / "config.yaml").read_text())
        self.config_file.write_text(yaml.safe_dump({**config, "storage": {"state_dir": str(directory / "var")}}))
        self.settings: Settings = load(self.config_file, environ={})
        self.path = ledger_path(self.settings)
        self.account_path = directory / "account.sqlite"
        as_file(self.folder / "ledger.sql", self.path)
        as_file(self.folder / "account.sql", self.account_path)

    @property
    def told(self) -> dict[str, Any]:
        """What the version that wrote it answered: each read command with `--json`."""
        answers: dict[str, Any] = json.loads((self.folder / "answers.json").read_text())
        return answers

    @property
    def kept(self) -> dict[str, Any]:
        """Its `state` table, decoded without knowing the structs: kind -> key -> fields."""
        kept: dict[str, Any] = json.loads((self.folder / "kept.json").read_text())
        return kept


def as_file(dump: Path, path: Path) -> None:
    """The database that `dump` describes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    connection.executescript(dump.read_text())
    connection.close()


def instruments_of(stored: StoredLedger) -> dict[str, Instrument]:
    """Those its made-up exchange listed (the sandbox's have others)."""
    symbols = stored.settings.exchange.symbols
    if stored.settings.exchange.market == "perpetual":
        return {symbol: a_perpetual(symbol) for symbol in symbols}
    return {symbol: an_instrument(symbol, step="0.001", min_quantity="0.001") for symbol in symbols}


def recovered(path: Path) -> RecoveredLedger:
    """What a journal over `path` remembers."""

    async def recover() -> RecoveredLedger:
        journal = SqlJournal(path)
        try:
            return await journal.recover()
        finally:
            await journal.close()

    return asyncio.run(recover())


def same(value: object, told: object, where: str = "") -> None:
    """Assert that `value` says what was `told`. Fields that came later are free, and text may have become a type."""
    if isinstance(told, Mapping):
        for name, wanted in told.items():
            if name != "type":  # the tag of a union; `where` names the struct
                now = RENAMED.get(str(name), str(name))
                found = value[now] if isinstance(value, Mapping) else getattr(value, now)
                same(found, None if name in RENAMED and wanted == "" else wanted, f"{where}.{name}")
    elif isinstance(told, list):
        assert isinstance(value, list | tuple), where
        assert len(value) == len(told), where
        for number, (found, wanted) in enumerate(zip(value, told, strict=True)):
            same(found, wanted, f"{where}[{number}]")
    else:
        assert str(value) == str(told), where


class Resumed(Harness):
    """The engine on a stored ledger and the exchange of its time. Each start recovers from the file."""

    def __init__(self, stored: StoredLedger, instruments: Mapping[str, Instrument], *, now_ms: int) -> None:
        self.path = stored.path
        self.told = stored.told
        self.remembered = recovered(stored.path)
        self._written = 0
        super().__init__(
            stored.settings,
            instruments,
            model=a_model(horizon_candles=600),
            store=SimulationStore(stored.account_path),
            now_ms=now_ms,
        )
        self.states_profit = stored.settings.exchange.market == "perpetual"
        self.memory.last_seq = self.remembered.last_seq
        self.memory.orders_by_id = {order.client_id: order for order in self.remembered.orders}

    def last_record(self) -> DecisionRecord:
        """The newest decision."""
        return self.decided(RecordDecision)[-1].record

    def write(self) -> None:
        """What happened since goes to the ledger."""

        async def write() -> None:
            journal = SqlJournal(self.path)
            await journal.write(self.memory.turns[self._written :], durable=True)
            await journal.close()

        asyncio.run(write())
        self._written = len(self.memory.turns)

    def recovered(self) -> Recovered:
        if self._written < len(self.memory.turns):
            self.write()
            self.remembered = recovered(self.path)
        return self.remembered
