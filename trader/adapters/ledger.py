"""The ledger of an account: the one place that knows what it is stored in."""

from pathlib import Path

from trader.adapters.sql.journal import SqlJournal
from trader.adapters.sql.reader import SqlLedgerReader
from trader.config.schema import Settings
from trader.ports import Journal, LedgerReader


def ledger_path(settings: Settings) -> Path:
    """Where the ledger lies, as a person is told it."""
    return settings.account_dir / "ledger.sqlite"


def has_ledger(settings: Settings) -> bool:
    """Whether a daemon of this account has run before."""
    return ledger_path(settings).exists()


def open_journal(settings: Settings) -> Journal:
    """The ledger to write to, made where it is missing. Only the daemon does, and there is one per account.

    Raises `Misconfigured` when what lies there cannot be used.
    """
    return SqlJournal(ledger_path(settings))


def open_ledger(settings: Settings) -> LedgerReader:
    """The ledger to read, while its daemon runs and when not. Close it.

    Raises `Misconfigured` when there is none, or none that can be read.
    """
    return SqlLedgerReader(ledger_path(settings))
