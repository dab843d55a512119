"""`trader models` as a caller sees it, on a registry made here."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.adapters.test_model_files import model
from trader.adapters.model_files import ModelFiles
from trader.cli import main

CONFIG = "exchange: {id: binance}\nmarket: {timeframe: 15m, higher_timeframes: [1h]}\nstorage: {state_dir: var}\n"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelFiles:
    """Two models, the older one champion, the newer one challenger."""
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(CONFIG)
    made = ModelFiles(tmp_path / "var" / "models" / "binance-spot")
    made.promote(made.register(model("15m-old-1")), "first")
    made.challenge(made.register(model("15m-new-2")))
    return made


@pytest.fixture
def trader(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """`trader(arguments)`: (exit code, standard output, standard error)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["trader", "models", *arguments])
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        else:
            code = 0
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def test_the_list_says_who_trades_and_why(files: ModelFiles, trader: Any) -> None:
    code, told, _ = trader("list")
    assert code == 0
    assert max(len(line) for line in told.splitlines()) <= 100
    new, old = (next(line for line in told.splitlines() if f" {name} " in line) for name in ("15m-new-2", "15m-old-1"))
    assert "challenger" in new
    assert "champion" in old
    assert "15m-old-1 observes: synthetic" in told
    assert "first" in told
    found = json.loads(trader("list", "--json")[1])
    assert [row["role"] for row in found["models"]] == ["challenger", "champion"]
    assert found["history"][0] == {
        **found["history"][0],
        "model_id": "15m-old-1",
        "action": "promote",
        "reason": "first",
    }


def test_promote_and_roll_back_by_a_beginning(files: ModelFiles, trader: Any) -> None:
    code, told, _ = trader("promote", "15m-n", "--reason", "better")
    assert code == 0
    assert "is now 15m-new-2 (was 15m-old-1)" in told
    assert "it only observes" in told
    assert (files.champion_id("15m"), files.challenger_id("15m")) == ("15m-new-2", None)
    assert json.loads(trader("rollback", "--json")[1])["message"].startswith("champion of 15m is 15m-old-1 again")
    assert files.champion_id("15m") == "15m-old-1"
    code, _, complaint = trader("rollback")
    assert (code, complaint) == (2, "trader: timeframe 15m has no earlier champion to roll back to\n")


def test_what_was_tampered_with_is_told_and_not_promoted(files: ModelFiles, trader: Any) -> None:
    path = files.root / "15m-new-2.model"
    path.write_bytes(path.read_bytes()[:-1])
    assert "unsound" in trader("list")[1]
    code, _, complaint = trader("promote", "15m-new-2")
    assert code == 2
    assert "is not the one that was registered" in complaint
    assert files.champion_id("15m") == "15m-old-1"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "nothing"), "model 'nothing' is not registered; registered: 15m-new-2, 15m-old-1"),
        (("promote", "15m"), "model '15m' is ambiguous"),
        (("show",), "model 15m-old-1 came without a card"),
        (("rollback", "--timeframe", "1h"), "timeframe 1h has no earlier champion"),
    ],
)
def test_mistakes_are_named(files: ModelFiles, trader: Any, arguments: tuple[str, ...], words: str) -> None:
    code, _, complaint = trader(*arguments)
    assert code == 2
    assert words in complaint


def test_without_a_model_the_way_to_one_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trader: Any) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, complaint = trader("list")
    assert code == 2
    assert "make one with `trader train`" in complaint
    assert list(tmp_path.iterdir()) == []


def test_the_card_is_shown_as_text_page_and_json(files: ModelFiles, trader: Any, card: Any) -> None:
    import msgspec

    files.register(model("15m-card-3"), msgspec.json.encode(card))
    files.keep_page("15m-card-3", "<page>")
    code, told, _ = trader("show", "15m-card", "--html", "card.html")
    assert code == 0
    assert "realised on predicted" in told
    assert Path("card.html").read_text() == "<page>"
    assert json.loads(trader("show", "15m-card", "--json")[1])["profile"] == card.profile
    lines = trader("compare", "15m-card", "15m-card")[1].splitlines()
    assert len(lines) == 3
    assert len(json.loads(trader("compare", "15m-card", "--json")[1])) == 1


def test_the_trial_of_the_challenger_is_told(files: ModelFiles, trader: Any, card: Any) -> None:
    import msgspec

    from trader.adapters.model_evidence import ModelEvidence
    from trader.models.shadow import ShadowPair

    for name in ("15m-old-1", "15m-new-2"):
        files.card_path(name).write_bytes(msgspec.json.encode(card))
    assert "15m-new-2 shadows 15m-old-1: no forecast has come to its end yet" in trader("compare")[1]
    ModelEvidence(files.root).add("15m-old-1", [], "15m-new-2", [ShadowPair("A", 1, 4e-6, 1e-6)])
    assert "1 forecasts, root mean squared error 10.0 bp against 20.0 bp of the champion" in trader("compare")[1]


@pytest.fixture
def card() -> Any:
    """A card without a training behind it."""
    import numpy as np

    from trader.models.card import CalibrationReport, Card
    from trader.models.gate import GateRules, Trades, judge
    from trader.models.synthetic import synthetic_ensemble

    none = np.zeros(0, np.int64)
    scores = dict.fromkeys(("ic", "ic_error", "r2", "auc", "ece", "brier", "brier_base", "skill", "skill_t"), 0.0)
    return Card(
        info=synthetic_ensemble(3, ((1, 1),), (2,)).info,
        profile="quick", summary="It observes.", symbols=("BTC/USDT",), first="2026-01-01", last="2026-01-02",
        rows=1, tested_rows=1, cost_bps=24.0, scores=scores, stack="mean", stack_weights={}, stack_ic={}, member_ic={},
        fold_ic=(), calibration=CalibrationReport("logistic", 0.0, 0.0, 0.0, 0.0, 0.0, True, ()),
        gate=judge(Trades(none, np.zeros(0), none), 1, 0.0, GateRules()),
        by_month=(), by_symbol=(), by_regime=(), importance={}, rivals=(), curves=(), libraries={},
    )  # fmt: skip
