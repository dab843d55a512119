"""The registry vouches for files, survives crashes, and knows who trades."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import pytest

from trader.adapters.model_files import ModelFiles
from trader.domain.errors import Misconfigured
from trader.domain.reasons import texts
from trader.models import CompiledEnsemble
from trader.models.artefact import pack
from trader.models.synthetic import SMALL_SHAPE, synthetic_arrays, synthetic_ensemble


def model(model_id: str, timeframe: str = "15m") -> bytes:
    manifest = synthetic_ensemble(3, SMALL_SHAPE, (2,)).manifest
    info = msgspec.structs.replace(manifest.info, model_id=model_id, timeframe=timeframe)
    return pack(synthetic_arrays(3, SMALL_SHAPE, (2,)), msgspec.structs.replace(manifest, info=info))


@pytest.fixture
def files(tmp_path: Path) -> ModelFiles:
    return ModelFiles(tmp_path / "models")


def test_a_fresh_registry_has_no_champion(files: ModelFiles) -> None:
    assert files.champion("15m") is None
    assert files.load_champion("15m") is None
    assert files.list() == []


def test_a_promoted_model_loads(files: ModelFiles) -> None:
    files.promote(files.register(model("a")))
    champion = files.load_champion("15m", feature_set_hash="synthetic")
    assert isinstance(champion, CompiledEnsemble)
    assert champion.info.model_id == "a"
    assert files.champion("15m") == files.root / "a.model"
    assert files.champion("1m") is None


def test_another_process_sees_the_same(files: ModelFiles) -> None:
    files.promote(files.register(model("a")))
    assert ModelFiles(files.root).champion_id("15m") == "a"


def test_registering_twice_is_once(files: ModelFiles) -> None:
    assert files.register(model("a")) == files.register(model("a"))
    assert len(files.list()) == 1


def test_a_changed_file_does_not_load(files: ModelFiles) -> None:
    files.promote(files.register(model("a")))
    (files.root / "a.model").write_bytes(model("a", "1m"))
    with pytest.raises(Misconfigured, match="not the one that was registered"):
        files.load_champion("15m")


def test_a_deleted_file_is_named(files: ModelFiles) -> None:
    files.promote(files.register(model("a")))
    (files.root / "a.model").unlink()
    with pytest.raises(Misconfigured, match=r"a\.model"):
        files.load_champion("15m")


def test_other_features_are_refused(files: ModelFiles) -> None:
    files.promote(files.register(model("a")))
    with pytest.raises(Misconfigured, match="feature set"):
        files.load_champion("15m", feature_set_hash="other")


@pytest.mark.parametrize("data", [b"", b"not a model", model("a")[:-50]])
def test_what_is_no_model_is_not_registered(files: ModelFiles, data: bytes) -> None:
    with pytest.raises(Misconfigured):
        files.register(data)
    assert files.list() == []
    assert [path.name for path in files.root.iterdir()] == ["registry.sqlite"]


def test_an_id_cannot_leave_the_folder(files: ModelFiles) -> None:
    with pytest.raises(Misconfigured, match="cannot name a file"):
        files.register(model("../escape"))


def test_roll_back_goes_back_step_by_step(files: ModelFiles) -> None:
    for name in ("a", "b", "c"):
        files.promote(files.register(model(name)))
    assert files.rollback("15m") == "b"
    assert files.rollback("15m") == "a"
    with pytest.raises(Misconfigured, match="no earlier champion"):
        files.rollback("15m")
    files.promote("c", reason="better again")
    assert files.rollback("15m") == "a"
    assert [(step.model_id, step.action) for step in files.history("15m")][:2] == [("a", "roll_back"), ("c", "promote")]


def test_a_challenger_stands_beside_the_champion(files: ModelFiles) -> None:
    files.promote(files.register(model("a")))
    files.challenge(files.register(model("b")))
    assert (files.champion_id("15m"), files.challenger_id("15m")) == ("a", "b")
    files.challenge(files.register(model("c")))
    assert {entry.model_id: entry.is_challenger for entry in files.list()} == {"a": False, "b": False, "c": True}
    files.promote("c", reason="advantage_t 1.2")
    assert (files.champion_id("15m"), files.challenger_id("15m")) == ("c", None)
    assert files.rollback("15m") == "a"


def test_a_dismissed_challenger_is_gone_and_nothing_else(files: ModelFiles) -> None:
    files.promote(files.register(model("a")))
    files.challenge(files.register(model("b")))
    files.dismiss("b")
    files.dismiss("b")
    assert (files.champion_id("15m"), files.challenger_id("15m")) == ("a", None)
    with pytest.raises(Misconfigured, match="not registered"):
        files.challenge("z")


def test_promoting_the_champion_again_changes_nothing(files: ModelFiles) -> None:
    files.promote(files.register(model("a")))
    files.promote("a")
    assert len(files.history("15m")) == 1


def test_the_card_is_kept_beside_the_model(files: ModelFiles) -> None:
    files.register(model("a"), b'{"summary": "good"}')
    assert files.card_path("a").read_bytes() == b'{"summary": "good"}'


def test_timeframes_have_their_own_champions(files: ModelFiles) -> None:
    files.promote(files.register(model("a")))
    files.promote(files.register(model("b", "1m")))
    assert (files.champion_id("15m"), files.champion_id("1m")) == ("a", "b")
    assert {entry.model_id: entry.is_champion for entry in files.list()} == {"a": True, "b": True}


def test_an_unknown_model_is_not_promoted(files: ModelFiles) -> None:
    files.register(model("a"))
    with pytest.raises(Misconfigured, match="known: a"):
        files.promote("z")


def test_a_crash_before_the_row_leaves_a_file_nobody_vouches_for(
    files: ModelFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dies at each step of writing in turn; afterwards the registry works and knows only whole models."""
    files.promote(files.register(model("a")))
    for step in ("fsync", "replace"):

        def die(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(os, step, die)
            with pytest.raises(KeyboardInterrupt):
                files.register(model("b"))
    again = ModelFiles(files.root)
    assert [entry.model_id for entry in again.list()] == ["a"]
    assert again.load_champion("15m") is not None
    again.promote(again.register(model("b")))
    assert again.champion_id("15m") == "b"


@pytest.mark.parametrize("step", [11, pytest.param(1, marks=pytest.mark.slow)])
def test_a_death_at_any_line_leaves_the_registry_whole(files: ModelFiles, step: int) -> None:
    """A copy of this process ends, without a word, at each line of the registry's code in turn; then all is asked."""
    files.promote(files.register(model("a")))
    new, lines = model("b"), 0
    while _dies_at(lines, lambda root: _change_everything(root, new), root := files.root.with_name(f"at-{lines}")):
        again = ModelFiles(root)
        champion = again.load_champion("15m")
        assert champion is not None
        for entry in again.list():
            assert again.load(entry.model_id).info.model_id == entry.model_id
        assert again.succession("15m")[-1] == champion.info.model_id
        shutil.rmtree(root)
        lines += step
    assert lines > 60


def _change_everything(root: Path, new: bytes) -> None:
    shutil.copytree(root.with_name("models"), root)
    files = ModelFiles(root)
    files.challenge(files.register(new, b"{}"))
    files.promote("b", "better")
    files.rollback("15m")
    files.prune(1)


def _dies_at(line: int, work: Callable[[Path], None], root: Path) -> bool:
    """Whether a fork of this process reached that many lines of `model_files` and ended there."""
    left = line

    def traced(frame: FrameType, event: str, _: object) -> Any:
        nonlocal left
        if not frame.f_code.co_filename.endswith("adapters/model_files.py"):
            return None
        if event == "line":
            left -= 1
            if left < 0:
                os._exit(9)
        return traced

    pid = os.fork()
    if pid == 0:
        sys.settrace(traced)
        work(root)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9


@pytest.mark.parametrize("schema", [0, 99])
def test_a_model_of_another_schema_is_not_registered(files: ModelFiles, schema: int) -> None:
    manifest = synthetic_ensemble(3, SMALL_SHAPE, (2,)).manifest
    other = pack(synthetic_arrays(3, SMALL_SHAPE, (2,)), msgspec.structs.replace(manifest, schema=schema))
    with pytest.raises(Misconfigured, match=f"schema {schema}, this program reads trader-model schema 1"):
        files.register(other)


def test_only_what_nobody_needs_is_forgotten(files: ModelFiles) -> None:
    for name in ("a", "b", "c", "d", "e"):
        files.register(model(name), b"{}")
    files.promote("a")
    files.promote("b")
    files.challenge("c")
    newest = files.list()[0].model_id
    gone = files.prune(1)
    assert set(gone) == {"d", "e"} - {newest}
    assert not files.card_path(gone[0]).exists()
    assert files.rollback("15m") == "a"


def test_kill_9_at_any_moment_leaves_the_registry_whole(tmp_path: Path) -> None:
    """A process registers and promotes without pause and is killed; every model the registry knows still loads."""
    root = tmp_path / "models"
    code = (
        "import sys, pathlib\n"
        "from tests.unit.adapters.test_model_files import model\n"
        "from trader.adapters.model_files import ModelFiles\n"
        "files = ModelFiles(pathlib.Path(sys.argv[1]))\n"
        "print('ready', flush=True)\n"
        "for i in range(10_000):\n"
        "    files.promote(files.register(model(f'm{sys.argv[2]}-{i}'), b'{}'))\n"
        "    print(i, flush=True)\n"
    )
    for turn in range(2):
        command = [sys.executable, "-c", code, str(root), str(turn)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(3 + 4 * turn):
                process.stdout.readline()
            process.kill()
        files = ModelFiles(root)
        assert files.load_champion("15m") is not None
        for entry in files.list():
            assert files.load(entry.model_id).info.model_id == entry.model_id
    assert len(files.list()) >= 3


def test_reasons_of_a_version_without_codes_are_told_as_they_were(files: ModelFiles) -> None:
    with sqlite3.connect(_registered(files)) as connection:
        (kept,) = connection.execute("SELECT manifest FROM models").fetchone()
        raw = msgspec.json.decode(kept)
        raw["info"]["reasons"] = ["effective_days 13<30", "no_edge"]
        connection.execute("UPDATE models SET manifest = ?", (msgspec.json.encode(raw),))
    (entry,) = files.list()
    assert texts(entry.info.reasons) == ("effective_days 13<30", "no_edge")


def _registered(files: ModelFiles) -> Path:
    files.register(model("m1"))
    return files.root / "registry.sqlite"


def test_a_newer_registry_is_refused(files: ModelFiles) -> None:
    with sqlite3.connect(files.root / "registry.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(Misconfigured, match="schema 99"):
        ModelFiles(files.root)
