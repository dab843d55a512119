"""What forecasts were made from and have come to, kept beside the registry: rows and kept promises per model, errors
side by side per challenge.

Losing the newest rows in a power cut costs a little evidence and nothing else, so writes do not wait for the disk.
"""

from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from trader.domain.errors import Misconfigured
from trader.models.drift import SeenRow
from trader.models.shadow import ShadowPair
from trader.scoring.outcomes import Kept

SCHEMA = 1
MOST_ROWS = 20_000  # per model and per challenge
_tables = sa.MetaData()
_outcomes = sa.Table(
    "outcomes",
    _tables,
    sa.Column("model_id", sa.Text, primary_key=True),
    sa.Column("symbol", sa.Text, primary_key=True),
    sa.Column("start_ms", sa.BigInteger, primary_key=True),
    sa.Column("end_ms", sa.BigInteger, nullable=False),
    sa.Column("win_probability", sa.Float, nullable=False),
    sa.Column("won", sa.Boolean, nullable=False),
)
_pairs = sa.Table(
    "pairs",
    _tables,
    sa.Column("champion", sa.Text, primary_key=True),
    sa.Column("challenger", sa.Text, primary_key=True),
    sa.Column("symbol", sa.Text, primary_key=True),
    sa.Column("start_ms", sa.BigInteger, primary_key=True),
    sa.Column("champion_error", sa.Float, nullable=False),
    sa.Column("challenger_error", sa.Float, nullable=False),
)
_rows = sa.Table(
    "rows",
    _tables,
    sa.Column("model_id", sa.Text, primary_key=True),
    sa.Column("ts_ms", sa.BigInteger, primary_key=True),
    sa.Column("symbol", sa.Text, primary_key=True),
    sa.Column("bins", sa.LargeBinary, nullable=False),
    sa.Column("prediction", sa.Float, nullable=False),
)


class ModelEvidence:
    """`<root>/evidence.sqlite`. Several processes may use it; every call is one transaction."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._engine = sa.create_engine(f"sqlite:///{root / 'evidence.sqlite'}", poolclass=sa.NullPool)
        sa.event.listen(self._engine, "connect", _patient)
        with self._engine.begin() as connection:
            found = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            if found not in (0, SCHEMA):
                raise Misconfigured(f"evidence in {root} has schema {found}, this program reads {SCHEMA}")
            _tables.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA}")

    def add(self, model_id: str, kept: Sequence[Kept], challenger: str = "", pairs: Sequence[ShadowPair] = ()) -> None:
        """How promises of `model_id` ended, and its errors beside those of `challenger`."""
        with self._engine.begin() as connection:
            if kept:
                rows = [{"model_id": model_id, **one._asdict()} for one in kept]
                connection.execute(sa.insert(_outcomes).prefix_with("OR REPLACE"), rows)
            if pairs:
                rows = [{"champion": model_id, "challenger": challenger, **one._asdict()} for one in pairs]
                connection.execute(sa.insert(_pairs).prefix_with("OR REPLACE"), rows)

    def add_rows(self, model_id: str, rows: Sequence[tuple[str, SeenRow]]) -> None:
        """(symbol, row) that `model_id` has scored."""
        with self._engine.begin() as connection:
            values = [{"model_id": model_id, "symbol": symbol, **row._asdict()} for symbol, row in rows]
            connection.execute(sa.insert(_rows).prefix_with("OR REPLACE"), values)

    def rows(self, model_id: str, since_ms: int) -> list[SeenRow]:
        """Rows of one model from `since_ms` on, oldest first; older ones are forgotten."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(_rows).where(_rows.c.model_id == model_id, _rows.c.ts_ms < since_ms))
            query = sa.select(_rows).where(_rows.c.model_id == model_id).order_by(_rows.c.ts_ms, _rows.c.symbol)
            found = connection.execute(query).all()
        return [SeenRow(row.ts_ms, row.bins, row.prediction) for row in found]

    def outcomes(self, model_id: str) -> list[Kept]:
        """Of one model, oldest first; the newest `MOST_ROWS`."""
        query = sa.select(_outcomes).where(_outcomes.c.model_id == model_id)
        query = query.order_by(_outcomes.c.start_ms.desc(), _outcomes.c.symbol).limit(MOST_ROWS)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [Kept(row.symbol, row.start_ms, row.end_ms, row.win_probability, row.won) for row in reversed(rows)]

    def pairs(self, champion: str, challenger: str) -> list[ShadowPair]:
        """Of one challenge, oldest first; the newest `MOST_ROWS`."""
        query = sa.select(_pairs).where(_pairs.c.champion == champion, _pairs.c.challenger == challenger)
        query = query.order_by(_pairs.c.start_ms.desc(), _pairs.c.symbol).limit(MOST_ROWS)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [ShadowPair(r.symbol, r.start_ms, r.champion_error, r.challenger_error) for r in reversed(rows)]

    def forget(self, keep: Sequence[str]) -> None:
        """Everything about models that are not in `keep`."""
        gone = _pairs.c.champion.not_in(keep) | _pairs.c.challenger.not_in(keep)
        with self._engine.begin() as connection:
            connection.execute(sa.delete(_outcomes).where(_outcomes.c.model_id.not_in(keep)))
            connection.execute(sa.delete(_pairs).where(gone))
            connection.execute(sa.delete(_rows).where(_rows.c.model_id.not_in(keep)))


def _patient(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined] # DBAPI connections have no common type
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA busy_timeout = 5000")
    cursor.close()
