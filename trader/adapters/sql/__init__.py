"""The ledger's database: SQLite through SQLAlchemy Core, one writer thread."""
