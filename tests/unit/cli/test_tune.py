"""`trader tune` as a caller sees it; the search itself is tested where it lives."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from trader.app import learn
from trader.cli import main
from trader.config.schema import Settings
from trader.training.profiles import QUICK
from trader.training.tune import TuningReport

REPORT = TuningReport(
    profile=QUICK, parameters={"depth": 4.0}, score=0.07, daily_returns=39, trials=6, pruned=1, score_by_luck=0.08,
    deflated=0.47, importance={"depth": 1.0},
)  # fmt: skip


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, dict[str, Any]]:
    asked: dict[str, Any] = {}

    def searched(settings: Settings, *, on_trial: Any, **wanted: Any) -> tuple[TuningReport, Path]:
        asked.update(wanted, profile=settings.model.profile)
        on_trial(3, None)
        on_trial(4, 0.07)
        return REPORT, Path("report.json")

    monkeypatch.setattr(learn, "tune", searched)
    monkeypatch.setattr(sys, "argv", ["trader", *arguments])
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0), asked
    return 0, asked


def test_the_report_says_what_luck_alone_would_have_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, asked = run(["tune", "--trials", "6", "--workers", "2", "--profile", "fast"], monkeypatch)
    assert code == 0
    assert (asked["trials"], asked["workers"], asked["name"], asked["profile"]) == (6, 2, "default", "fast")
    told = capsys.readouterr()
    assert "+0.080 is expected of the best of as many without skill" in told.out
    assert "trial 3: pruned, none finished yet" in told.err
    assert "train with it: trader train --tuned default" in told.err
    run(["tune", "--json"], monkeypatch)
    assert json.loads(capsys.readouterr().out)["deflated"] == 0.47


def test_a_search_that_never_was_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["tune", "--name", "../x"], monkeypatch)[0] == 2
    assert run(["train", "--tuned", "best", "--candles", "nowhere"], monkeypatch)[0] == 2
    assert "no search 'best' has ended yet; run `trader tune` first" in capsys.readouterr().err
