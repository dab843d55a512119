"""The ledger's database: SQLite through SQLAlchemy Core, one writer thread."""

from trader.adapters.sql.journal import RecoveredLedger, SqlJournal
from trader.adapters.sql.reader import SqlLedgerReader

__all__ = ["RecoveredLedger", "SqlJournal", "SqlLedgerReader"]
