"""Model artefacts on disk and the registry that vouches for them."""

import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from trader.clock import wall_ms
from trader.domain.errors import Misconfigured
from trader.domain.signals import ModelInfo
from trader.models.artefact import Manifest, content_hash, load_bytes, stored_manifest
from trader.models.compiled import CompiledEnsemble

SCHEMA = 1
_tables = sa.MetaData()
_models = sa.Table(
    "models",
    _tables,
    sa.Column("model_id", sa.Text, primary_key=True),
    sa.Column("timeframe", sa.Text, nullable=False),
    sa.Column("feature_set_hash", sa.Text, nullable=False),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("manifest", sa.LargeBinary, nullable=False),
)
_champions = sa.Table(
    "champions",
    _tables,
    sa.Column("step", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("timeframe", sa.Text, nullable=False),
    sa.Column("model_id", sa.Text, nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("action", sa.Text, nullable=False),  # PROMOTE or ROLL_BACK
    sa.Column("reason", sa.Text, nullable=False),
)
_challengers = sa.Table(
    "challengers",
    _tables,
    sa.Column("timeframe", sa.Text, primary_key=True),
    sa.Column("model_id", sa.Text, nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
)
PROMOTE, ROLL_BACK = "promote", "roll_back"
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class RegisteredModel(msgspec.Struct, frozen=True):
    """One row of the registry."""

    model_id: str
    timeframe: str
    created_ms: int
    is_champion: bool
    is_challenger: bool
    info: ModelInfo
    manifest: Manifest


class Promotion(msgspec.Struct, frozen=True):
    """One change of champion."""

    timeframe: str
    model_id: str
    at_ms: int
    action: str  # "promote" or "roll_back"
    reason: str


class ModelFiles:
    """Model files in `<root>/<model_id>.model` and `<root>/registry.sqlite`, which knows their hashes.

    Per timeframe one champion trades and at most one challenger forecasts beside it.

    A file counts only once its row is there, and the row is written after the file is safely on disk: a crash
    leaves at most a file nobody vouches for. Several processes may use one folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        path = root / "registry.sqlite"
        self._engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.NullPool)
        sa.event.listen(self._engine, "connect", _durable)
        try:
            root.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._prepare()
        except OSError as error:
            raise Misconfigured(f"{root}: cannot be made: {error.strerror}; change storage.state_dir") from error
        except sa.exc.DBAPIError as error:
            cure = "move the folder away, and `trader train` makes a new one; or restore a backup"
            raise Misconfigured(f"{path}: cannot be used ({error.orig}); {cure}") from error

    def _prepare(self) -> None:
        with self._engine.begin() as connection:
            found = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            if found not in (0, SCHEMA):
                raise Misconfigured(f"model registry in {self.root} has schema {found}, this program reads {SCHEMA}")
            _tables.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA}")

    def register(self, data: bytes, card: bytes | None = None) -> str:
        """Keep the model file `data` and vouch for its hash; returns the model's id. Twice the same is once.

        `card`: the model card as JSON, kept beside it. Raises `Misconfigured` if `data` is not a model of this
        program.
        """
        manifest = load_bytes(data)[1]
        model_id = manifest.info.model_id
        if not _FILE_NAME.fullmatch(model_id):
            raise Misconfigured(f"model id {model_id!r} cannot name a file")
        if card is not None:
            _replace_durably(self.card_path(model_id), card)
        _replace_durably(self._path(model_id), data)
        row = {
            "model_id": model_id,
            "timeframe": manifest.info.timeframe,
            "feature_set_hash": manifest.feature_set_hash,
            "content_hash": content_hash(data),
            "created_ms": wall_ms(),
            "manifest": msgspec.json.encode(manifest),
        }
        with self._engine.begin() as connection:
            connection.execute(sa.insert(_models).prefix_with("OR REPLACE"), row)
        return model_id

    def promote(self, model_id: str, reason: str = "promoted") -> None:
        """Make `model_id` the champion of its timeframe; raises `Misconfigured` if it is not registered."""
        with self._engine.begin() as connection:
            row = connection.execute(sa.select(_models.c.timeframe).where(_models.c.model_id == model_id)).first()
            if row is None:
                raise self._unknown(model_id)
            if self._champion_id(connection, row.timeframe) != model_id:
                self._crown(connection, row.timeframe, model_id, reason, PROMOTE)
            self._forget_challenger(connection, model_id)

    def rollback(self, timeframe: str, reason: str = "rolled back") -> str:
        """Bring back the champion before the present one; returns its id. `Misconfigured` if there is none."""
        with self._engine.begin() as connection:
            line = _line_of_succession(connection.execute(_reigns(timeframe)).all())
            if len(line) < 2:
                raise Misconfigured(f"timeframe {timeframe} has no earlier champion to roll back to")
            self._crown(connection, timeframe, line[-2], reason, ROLL_BACK)
        return line[-2]

    def challenge(self, model_id: str) -> None:
        """Let `model_id` forecast beside the champion of its timeframe; it replaces any challenger before."""
        with self._engine.begin() as connection:
            row = connection.execute(sa.select(_models.c.timeframe).where(_models.c.model_id == model_id)).first()
            if row is None:
                raise self._unknown(model_id)
            values = {"timeframe": row.timeframe, "model_id": model_id, "at_ms": wall_ms()}
            connection.execute(sa.insert(_challengers).prefix_with("OR REPLACE"), values)

    def dismiss(self, model_id: str) -> None:
        """End a challenge; nothing happens if `model_id` is not challenging."""
        with self._engine.begin() as connection:
            self._forget_challenger(connection, model_id)

    def succession(self, timeframe: str) -> tuple[str, ...]:
        """Champions that a roll-back can still reach, the present one last."""
        with self._engine.connect() as connection:
            return tuple(_line_of_succession(connection.execute(_reigns(timeframe)).all()))

    def changed_ns(self) -> int:
        """Another number than before when the registry may have changed since: cheap to ask for often."""
        return (self.root / "registry.sqlite").stat().st_mtime_ns

    def prune(self, newest: int) -> list[str]:
        """Forget all but the `newest` models, champions that can come back, and challengers. Returns who is gone."""
        entries = self.list()
        keep = {entry.model_id for entry in entries[:newest]}
        for timeframe in {entry.timeframe for entry in entries}:
            keep |= {*self.succession(timeframe)[-max(2, newest) :], self.challenger_id(timeframe) or ""}
        gone = [entry.model_id for entry in entries if entry.model_id not in keep]
        with self._engine.begin() as connection:  # rows first: a crash leaves files nobody vouches for
            connection.execute(sa.delete(_models).where(_models.c.model_id.in_(gone)))
        for model_id in gone:
            for path in (self._path(model_id), self.card_path(model_id), self.page_path(model_id)):
                path.unlink(missing_ok=True)
        return gone

    def challenger_id(self, timeframe: str) -> str | None:
        """Id of the model that forecasts beside the champion of `timeframe`."""
        with self._engine.connect() as connection:
            query = sa.select(_challengers.c.model_id).where(_challengers.c.timeframe == timeframe)
            return connection.execute(query).scalar_one_or_none()

    def champion_id(self, timeframe: str) -> str | None:
        """Id of the model that trades `timeframe`."""
        with self._engine.connect() as connection:
            return self._champion_id(connection, timeframe)

    def champion(self, timeframe: str) -> Path | None:
        """File of the model that trades `timeframe`."""
        model_id = self.champion_id(timeframe)
        return self._path(model_id) if model_id else None

    def load_champion(self, timeframe: str, *, feature_set_hash: str | None = None) -> CompiledEnsemble | None:
        """The model that trades `timeframe`, proven (see `load`); None if there is no champion yet."""
        model_id = self.champion_id(timeframe)
        return self.load(model_id, feature_set_hash=feature_set_hash) if model_id else None

    def load(self, model_id: str, *, feature_set_hash: str | None = None) -> CompiledEnsemble:
        """A registered model; raises `Misconfigured` if the file is missing, changed or for other features."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(_models.c.content_hash).where(_models.c.model_id == model_id)).first()
        if row is None:
            raise self._unknown(model_id)
        return CompiledEnsemble.load(
            self._path(model_id), expected_hash=row.content_hash, feature_set_hash=feature_set_hash
        )

    def list(self) -> list[RegisteredModel]:
        """All registered models, newest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                sa.select(_models).order_by(_models.c.created_ms.desc(), _models.c.model_id)
            ).all()
        timeframes = {row.timeframe for row in rows}
        champions = {timeframe: self.champion_id(timeframe) for timeframe in timeframes}
        challengers = {timeframe: self.challenger_id(timeframe) for timeframe in timeframes}
        return [
            RegisteredModel(
                model_id=row.model_id,
                timeframe=row.timeframe,
                created_ms=row.created_ms,
                is_champion=champions[row.timeframe] == row.model_id,
                is_challenger=challengers[row.timeframe] == row.model_id,
                info=(manifest := stored_manifest(row.manifest)).info,
                manifest=manifest,
            )
            for row in rows
        ]

    def history(self, timeframe: str) -> tuple[Promotion, ...]:
        """Every change of champion, newest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(_reigns(timeframe)).all()
        return tuple(Promotion(row.timeframe, row.model_id, row.at_ms, row.action, row.reason) for row in rows)

    def card_path(self, model_id: str) -> Path:
        """Where the model card (JSON) lies, if the model came with one."""
        return self.root / f"{model_id}.card.json"

    def page_path(self, model_id: str) -> Path:
        """Where the model card as a page (HTML) lies, if one was made."""
        return self.root / f"{model_id}.card.html"

    def keep_page(self, model_id: str, page: str) -> Path:
        """Keep the card as a page beside the model; returns where."""
        path = self.page_path(model_id)
        _replace_durably(path, page.encode())
        return path

    def _champion_id(self, connection: sa.Connection, timeframe: str) -> str | None:
        row = connection.execute(_reigns(timeframe).limit(1)).first()
        return str(row.model_id) if row else None

    def _forget_challenger(self, connection: sa.Connection, model_id: str) -> None:
        connection.execute(sa.delete(_challengers).where(_challengers.c.model_id == model_id))

    def _unknown(self, model_id: str) -> Misconfigured:
        return Misconfigured(f"model {model_id!r} is not registered; known: {', '.join(self._ids()) or 'none'}")

    def _crown(self, connection: sa.Connection, timeframe: str, model_id: str, reason: str, action: str) -> None:
        row = {"timeframe": timeframe, "model_id": model_id, "at_ms": wall_ms(), "action": action, "reason": reason}
        connection.execute(sa.insert(_champions), row)

    def _ids(self) -> tuple[str, ...]:
        with self._engine.connect() as connection:
            return tuple(row.model_id for row in connection.execute(sa.select(_models.c.model_id)))

    def _path(self, model_id: str) -> Path:
        return self.root / f"{model_id}.model"


def _line_of_succession(reigns: Sequence[sa.Row[Any]]) -> list[str]:
    """Champions still in line, the present one last; a roll-back takes the last one out. `reigns` newest first."""
    line: list[str] = []
    for reign in reversed(reigns):
        if reign.action == ROLL_BACK:
            line.pop()
        else:
            line.append(str(reign.model_id))
    return line


def _reigns(timeframe: str) -> sa.Select[Any]:
    """Champions of `timeframe`, newest first."""
    return sa.select(_champions).where(_champions.c.timeframe == timeframe).order_by(_champions.c.step.desc())


def _durable(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined] # DBAPI connections have no common type
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA busy_timeout = 5000")
    cursor.close()


def _replace_durably(path: Path, data: bytes) -> None:
    """Readers see the old file or the new one; after the return it survives a power cut."""
    draft = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with draft.open("xb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
