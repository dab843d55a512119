"""The ledger's database: SQLite through SQLAlchemy Core, one writer thread. Opened by `adapters.ledger`.

journal    `ports.Journal`: the durable memory of the engine
reader     `ports.LedgerReader`: the ledger for people; `story` one decision and what came of it
recovery   what a start goes on from
writer     the one thread that owns the connection; `writing` what a batch of steps becomes in tables
schema     the tables; `rows` domain values to rows and back; `selects` the queries
database   opening the file, and refusing what is not one
retention  what is deleted with age

Begin with `journal`.
"""

from trader.adapters.sql.journal import SqlJournal
from trader.adapters.sql.reader import SqlLedgerReader
from trader.adapters.sql.recovery import RecoveredLedger

__all__ = ["RecoveredLedger", "SqlJournal", "SqlLedgerReader"]
