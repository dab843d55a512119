"""What a person got wrong: exit code 2, one clear line naming what was given and what is allowed, nothing written."""

import asyncio
import contextlib
import errno
import os
import socket
import sqlite3
import sys
from pathlib import Path

import pytest

from tests.unit.cli.test_command_line import run
from trader.adapters.ledger import ledger_path
from trader.adapters.sql import SqlJournal
from trader.config.load import load
from trader.domain.events import Ticked
from trader.service.learning import libraries as learning

KEYS = {"TRADER_API_KEY": "a-key", "TRADER_API_SECRET": "a-secret"}
RSA = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"
LIVE = "mode: live\nexchange: {id: binance}\nmodel: {gate: enforce}\n"

REFUSED: list[tuple[str, dict[str, str], str]] = [
    ("", {}, "config.yaml: is empty; write at least `mode: paper`"),
    ("mode: [paper\n", {}, "config.yaml:2:1: not readable as YAML"),
    ("exchange: {idd: x}\n", {}, "config.yaml:1: exchange.idd: unknown key; did you mean id?"),
    ("recorder: {max_disk_gb: 0}\n", {}, "recorder.max_disk_gb: given 0; allowed: a number from 0.01 to 100000"),
    ("strategy: {name: ema-cros}\n", {}, 'strategy.name: given "ema-cros"; allowed: ensemble or ema-cross'),
    (
        "strategy: {name: ema-cross, parameters: {slow: 99}}\n",
        {},
        "strategy.parameters.slow: given 99; allowed: a whole number from 3 to 60",
    ),
    ('strategy: {class: "own.py:Dip"}\n', {}, "strategy.class: given own.py:Dip; there is no file "),
    ("mode: live\nexchange: {id: binance}\n", {}, "model.gate: warn is allowed only in paper or with a loopback"),
    (LIVE, {}, "no API key for binance: set TRADER_API_KEY and TRADER_API_SECRET in the environment"),
    (LIVE, {"TRADER_API_KEY": "a-key"}, "TRADER_API_SECRET is not set but its counterpart is"),
    (
        LIVE,
        {**KEYS, "TRADER_API_SECRET": RSA},
        "is an RSA private key; signing with it takes 120 ms a request. Allowed:",
    ),
    (LIVE, {"TRADER_API_KEY_FILE": "/nonexistent", "TRADER_API_SECRET": "x"}, "/nonexistent cannot be read"),
    ("mode: paper\n", KEYS, "keys of a real exchange are set, but this configuration trades on a simulator"),
    ('exchange: {id: binance, endpoint: "https://127.0.0.1:9"}\n', KEYS, "keys of a real exchange are set, but"),
    ('exchange: {id: binance, endpoint: "https://10.0.0.1:9"}\n', {}, "must be https://127.0.0.1:PORT"),
    ("exchange: {id: binanse}\n", {}, "exchange.id 'binanse' is no exchange ccxt streams from; alike: binance,"),
    ("storage: {state_dir: config.yaml}\n", {}, "config.yaml: is in the way of a directory; change storage.state_dir"),
    ("storage: {state_dir: config.yaml/x}\n", {}, "config.yaml/x: is in the way of a directory"),
    ("sandbox: {replay: /nonexistent}\n", {}, "sandbox replay '/nonexistent' is not a folder"),
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, no keys; what a start notes in this process is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("TRADER_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NUMBA_CACHE_DIR", os.environ.get("NUMBA_CACHE_DIR", ""))
    monkeypatch.setattr("trader.service.process.kernels.without_scipy", lambda: None)
    return tmp_path


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    told = capsys.readouterr().err
    assert "Traceback" not in told
    lines = [line for line in told.splitlines() if line.startswith("trader: ")]
    assert len(lines) == 1, told
    return lines[0]


@pytest.mark.parametrize(("text", "environ", "words"), REFUSED, ids=[words[:50] for _, _, words in REFUSED])
def test_a_start_is_refused_before_anything_is_written(
    text: str,
    environ: dict[str, str],
    words: str,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (here / "config.yaml").write_text(text)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert run(["run"], monkeypatch) == 2
    line = one_line(capsys)
    assert words in line
    assert "a-secret" not in line
    left = {str(path.relative_to(here)) for path in here.rglob("*") if path.is_file()}
    assert left <= {"config.yaml", "var/paper-sandbox-spot/lock"}


@pytest.mark.parametrize("text", ["exchange: {id: binanse}\n", "storage: {state_dir: config.yaml}\n"])
def test_a_download_is_refused_alike(
    text: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "config.yaml").write_text(text)
    assert run(["download"], monkeypatch) == 2
    assert any(words in one_line(capsys) for given, _, words in REFUSED if given == text)
    assert [path.name for path in here.iterdir()] == ["config.yaml"]


def test_a_log_file_that_cannot_be_written(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "config.yaml").write_text("log: {file: config.yaml/trader.log}\n")
    assert run(["run"], monkeypatch) == 2
    assert one_line(capsys).startswith("trader: log.file: config.yaml/trader.log cannot be written")


def test_a_sandbox_without_a_place(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "file").touch()
    for directory in ("file", "file/below"):
        assert run(["sandbox", "--directory", directory], monkeypatch) == 2
        assert one_line(capsys) == f"trader: {directory}: is in the way of the sandbox's directory; name another"


def test_a_damaged_registry_of_models(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "config.yaml").write_text("exchange: {id: kraken}\n")
    folder = here / "var" / "models" / "kraken-spot"
    folder.mkdir(parents=True)
    (folder / "registry.sqlite").write_bytes(b"not a database" * 1_000)
    assert run(["models", "list"], monkeypatch) == 2
    assert "registry.sqlite: cannot be used (file is not a database); move the folder away" in one_line(capsys)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("INSERT INTO state VALUES ('hedge', 'BTC/USDT', x'80')", "the ledger holds state of kind 'hedge'"),
        ("INSERT INTO positions VALUES ('OLD/USDT', '1', '9', '0', '0', 0)", "the ledger holds a position in OLD/USDT"),
        ("UPDATE meta SET value = '7' WHERE name = 'schema_version'", "has schema version 7"),
    ],
)
def test_a_ledger_that_cannot_be_used_is_told_before_anybody_is_asked(
    statement: str, words: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as exchange:
        port = exchange.getsockname()[1]
        (here / "config.yaml").write_text(
            f'exchange: {{id: binance, endpoint: "https://127.0.0.1:{port}"}}\nstrategy: {{name: ema-cross}}\n'
        )
        path = ledger_path(load(Path("config.yaml"), environ={}))
        empty_ledger(path)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute(statement)
        assert run(["run"], monkeypatch) == 2
        assert words in one_line(capsys)
        exchange.setblocking(False)
        with pytest.raises(BlockingIOError):
            exchange.accept()


def empty_ledger(path: Path) -> None:
    """As a daemon that was stopped before its first trade leaves it."""

    async def write() -> None:
        journal = SqlJournal(path)
        await journal.write([(Ticked(ts_ms=1, seq=1), ())], durable=True)
        await journal.close()

    asyncio.run(write())


def test_an_installation_that_cannot_train_says_so_without_loading_anything(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(learning, "LEARNING_LIBRARIES", ("no_such_library",))
    monkeypatch.setitem(sys.modules, "trader.service.learning.training", None)  # it would need the libraries
    assert run(["train"], monkeypatch) == 2
    assert one_line(capsys).startswith("trader: this installation cannot train: no_such_library not installed")


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, 1), (errno.EROFS, 2), (errno.EACCES, 2)])
def test_a_disk_that_refuses_anywhere_is_one_line(
    number: int, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), "/srv/trader/models")

    monkeypatch.setattr("trader.cli.look.settings", refused)
    assert run(["status"], monkeypatch) == code
    assert one_line(capsys) == f"trader: /srv/trader/models: {os.strerror(number)}"
