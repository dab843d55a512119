"""`trader doctor` and `trader health` as their callers see them."""

import json
import sys
from pathlib import Path

import pytest

from trader.app import machine
from trader.cli import main
from trader.config.schema import Settings
from trader.service.doctor import examination as service_doctor
from trader.service.doctor.finding import Finding, failed, passed
from trader.service.process.lock import StateLock


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["trader", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    return int(stop.value.code or 0)


@pytest.mark.parametrize(
    ("findings", "code"), [([passed("disk", "80 GB")], 0), ([passed("disk", "80 GB"), failed("model", "x", "y")], 1)]
)
def test_the_exit_code_tells_whether_anything_fails(
    findings: list[Finding],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "doctor", lambda settings: findings)
    assert run(["doctor", "--json"], monkeypatch) == code
    told = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in told] == [finding.name for finding in findings]
    assert set(told[0]) == {"name", "verdict", "found", "cure"}


def test_it_reads_at_100_columns_and_hides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "doctor", lambda settings: [failed("log file", "x" * 150, "set [log.file] elsewhere")])
    assert run(["doctor"], monkeypatch) == 1
    text = capsys.readouterr().out
    assert max(len(line) for line in text.splitlines()) <= 100
    assert text.count("x") == 150
    assert "-> set [log.file] elsewhere" in text


def test_a_wrong_configuration_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.yaml").write_text("mode: maybe\nrisk: {stop_atr: -1}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(service_doctor, "examine_machine", lambda: iter(()))
    assert run(["doctor", "--json"], monkeypatch) == 1
    told = json.loads(capsys.readouterr().out)
    assert [row["verdict"] for row in told] == ["fail", "fail"]
    assert "maybe" in told[0]["found"]


def test_health_fails_where_nobody_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["health"], monkeypatch) == 1
    assert "no daemon is running" in capsys.readouterr().err


def test_health_tells_a_daemon_that_starts_from_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with StateLock(Settings().account_dir):
        assert run(["health"], monkeypatch) == 1
    assert "is still starting" in capsys.readouterr().err
