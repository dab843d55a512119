"""Help, mistakes and exit codes."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from trader.cli import main
from trader.cli.options import seconds
from trader.domain.errors import InvariantBroken, Unavailable
from trader.features import GROUPS, catalogue


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["trader", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    return int(stop.value.code or 0)


@pytest.mark.parametrize(
    ("text", "value"),
    [("90", 90), ("90s", 90), ("5m", 300), ("2h", 7_200), ("1d", 86_400), ("0.5m", 30), ("120 S", 120)],
)
def test_durations(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "soon", "5x", "-5", "0", "1e3", "5m30s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="allowed: 90, 90s, 5m, 2h, 1d"):
        seconds(text)


COMMANDS = (
    "run sandbox status positions orders decisions fills trades balances report pause resume flatten kill train "
    "features bench doctor health download models tune"
)


def test_help_names_every_command_and_hides_the_machinery(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--help"], monkeypatch) == 0
    text = capsys.readouterr().out
    for command in COMMANDS.split():
        assert f"│ {command} " in text
    assert "compile" not in text
    assert "trader run --duration 180s" in text


@pytest.mark.parametrize("command", [*COMMANDS.split(), "compile"])
def test_every_command_explains_itself(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([command, "--help"], monkeypatch) == 0
    assert f"trader {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["run", "--duration", "5x"], "is no duration; allowed: 90, 90s"),
        (["orders", "--limit", "0"], "--limit"),
        (["orders", "--what"], "No such option"),
        (["run", "--config", "nowhere.yaml"], "trader: nowhere.yaml: no such file"),
        (
            ["train", "--profile", "huge"],
            'trader: command line: model.profile: given "huge"; allowed: quick, fast or exact',
        ),
        (["sandbox", "--speed", "5000"], "speed"),
        (["sandbox", "--symbols", ","], "symbols"),
    ],
)
def test_mistakes_end_with_code_2_and_no_traceback(
    arguments: list[str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(arguments, monkeypatch) == 2
    told = capsys.readouterr()
    assert words in " ".join((told.err + told.out).split())
    assert "Traceback" not in told.err
    assert list(tmp_path.iterdir()) == []


def test_each_wrong_setting_has_its_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text("mode: demo\nsandbox:\n  speed: 0\n")
    assert run(["status"], monkeypatch) == 2
    assert capsys.readouterr().err.splitlines() == [
        'trader: config.yaml:1: mode: given "demo"; allowed: paper or live',
        "trader: config.yaml:3: sandbox.speed: given 0; allowed: a number from 1 to 600",
    ]


def test_features_are_told_to_programs_and_to_people(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [feature.name for feature in catalogue(groups=GROUPS)]
    assert run(["features", "--json"], monkeypatch) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == names
    wanted = {"name", "family", "formula", "lookback", "unit", "range", "is_input", "source", "group"}
    assert all(row.keys() == wanted for row in rows)
    assert run(["features"], monkeypatch) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines) <= 100
    assert set(names) <= {word for line in lines for word in line.split()[:1]}


def test_an_interrupt_is_exit_code_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("trader.cli.look.settings", interrupted)
    assert run(["status"], monkeypatch) == 130


def test_tasks_that_fail_together_are_told_line_by_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(*_: object, **__: object) -> None:
        ledger, inner = InvariantBroken("ledger x cannot be written"), Unavailable("no answer")
        raise ExceptionGroup("tasks", [ledger, ExceptionGroup("inner", [inner])])

    monkeypatch.setattr("trader.cli.look.settings", failing)
    assert run(["status"], monkeypatch) == 1
    assert capsys.readouterr().err == "trader: ledger x cannot be written\ntrader: no answer\n"


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "trader", "sandbox", "--symbols", "BTC/USDT", "--port", port]
        told = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environ)
    assert told.returncode == 2
    assert told.stderr == f"trader: --port {port}: is in use on this machine; allowed: a free one, or 0 for any\n"


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys; sys.argv = ['trader', '--help']\n"
        "from trader.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'numba', 'pandas', 'sqlalchemy', 'ccxt', 'pydantic', 'aiohttp', 'structlog'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environ)
    assert (told.returncode, told.stderr) == (0, "")


def test_a_reader_that_goes_away_is_no_error() -> None:
    program = "from trader.cli import main; import sys; sys.argv = ['trader', 'sandbox', '--help']; main()"
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    read_end, write_end = os.pipe()
    os.close(read_end)
    told = subprocess.run(
        [sys.executable, "-c", program], stdout=write_end, stderr=subprocess.PIPE, text=True, check=False, env=environ
    )
    os.close(write_end)
    assert "Traceback" not in told.stderr
    assert told.returncode == 1
