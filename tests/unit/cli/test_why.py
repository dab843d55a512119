"""`trader why`: the ledger is all it reads; what it cannot find it answers with what it can."""

import io
import json
import os
import sys
from pathlib import Path

import pytest
from rich.console import Console

from tests.kit.situations import MINUTE_MS, a_scene
from tests.kit.stored_ledgers import StoredLedger
from tests.unit.service.explaining.told import explained, ledger_of
from trader.cli import main
from trader.cli.why import why_view


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without configuration, with a ledger of two decisions: 22:13:20 skipped, 22:14:20 entered."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("TRADER"):
            monkeypatch.delenv(name)
    scene = a_scene()
    scene.forecast(0.001)
    scene.wait(MINUTE_MS)
    scene.enter()
    account = tmp_path / "var" / "paper-sandbox-spot"
    account.mkdir(parents=True)
    with ledger_of(scene, account):
        return tmp_path


def run(*arguments: str) -> int:
    sys.argv = ["trader", *arguments]
    try:
        main()
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0


@pytest.fixture
def trader(here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> "Trader":
    monkeypatch.setattr(sys, "argv", sys.argv)
    return Trader(capsys)


class Trader:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """(exit code, what was printed, what was complained of)."""
        self._capsys.readouterr()
        code = run(*arguments)
        out, err = self._capsys.readouterr()
        return code, out, err


def test_the_newest_decision_is_explained_from_the_ledger_alone(trader: Trader) -> None:
    code, out, err = trader("why", "BTC/USDT")
    assert (code, err) == (0, "")
    assert out.startswith("Bought 24.91651 BTC/USDT at 2023-11-14 22:14:20 UTC: an edge of 200.0 bp")
    for title in ("What was asked, in order", "What was known", "The size", "The way to the market", "What happened"):
        assert title in out
    assert max(map(len, out.splitlines())) <= 100


def test_a_time_that_begins_with_a_dash_is_no_option(trader: Trader) -> None:
    for time in ("-1m", "-60s", "22:13:20", "2023-11-14T22:13:20"):
        code, out, err = trader("why", "btc", time)
        assert code == 0, err
        assert out.startswith("Did not buy BTC/USDT at 2023-11-14 22:13:20 UTC: the edge of 10.0 bp is below the bar")
        assert "\N{BALLOT X} edge" in out
        assert "<- decided it" in out


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_is_no_symbol(flag: str, trader: Trader) -> None:
    code, out, err = trader("why", flag)
    assert (code, err) == (0, "")
    assert "Explain one decision" in out


def test_a_program_gets_json(trader: Trader) -> None:
    code, out, err = trader("why", "BTC/USDT", "22:13:20", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["decided_by"] == "edge"
    assert told["decision"]["verdict"] == "skip"
    assert [gate["name"] for gate in told["workings"]["gates"]][:3] == ["inputs", "slope", "edge"]


def test_a_text_that_is_no_time_is_named_with_what_is_allowed(trader: Trader) -> None:
    code, _, err = trader("why", "BTC/USDT", "noon")
    assert code == 2
    words = " ".join(err.replace("\u2502", " ").split())
    assert "'noon' is no time; allowed: 14:15, 2025-11-23T14:15 (UTC), -2h" in words


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("DOGE",), "trader: no decision on 'DOGE' is recorded; known: BTC/USDT"),
        (
            ("BTC/USDT", "-2h"),
            "trader: no decision on BTC/USDT is recorded at 2023-11-14 20:14:20 UTC; "
            "the nearest: 2023-11-14 22:13:20 UTC",
        ),
    ],
)
def test_what_is_not_recorded_names_what_is(trader: Trader, arguments: tuple[str, ...], told: str) -> None:
    code, _, err = trader("why", *arguments)
    assert (code, err.strip()) == (1, told)


def test_without_a_ledger_it_says_how_to_get_one(tmp_path: Path, trader: Trader) -> None:
    (tmp_path / "var" / "paper-sandbox-spot" / "ledger.sqlite").unlink()
    code, _, err = trader("why", "BTC/USDT")
    assert code == 2
    assert "no ledger here yet" in err


@pytest.mark.parametrize("name", ["spot-live", "perpetual-paper", "entries", "exits", "halted", "sayings"])
def test_a_row_of_a_version_before_is_explained_as_far_as_it_is_known(
    name: str, tmp_path: Path, trader: Trader
) -> None:
    (tmp_path / "before").mkdir()
    stored = StoredLedger(name, tmp_path / "before")
    symbols = {row["symbol"] for row in stored.told["decisions"]}
    for symbol in sorted(symbols):
        code, out, err = trader("why", symbol, "--config", str(stored.config_file))
        assert code == 0, err
        words = " ".join(out.split())
        assert "Written by a version that kept no workings: only its reasons are known." in words
        rows = [row for row in stored.told["decisions"] if row["symbol"] == symbol]
        newest = max(rows, key=lambda row: int(row["candle_open_ms"]))
        assert all(" ".join(reason.split()) in words for reason in newest["reasons"])


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_is_cut_at_any_width(width: int, tmp_path: Path) -> None:
    scene = a_scene({"sizing": {"tranches": 4}})
    scene.enter()
    told = explained(scene, tmp_path)
    console = Console(width=width, file=io.StringIO(), color_system=None)
    with console.capture() as captured:
        console.print(why_view(told))
    text = captured.get()
    assert max(len(line) for line in text.splitlines()) <= width
    joined = "".join(text.split())
    lines = [line for section in told.sections for line in section.lines]
    assert [line.label for line in lines if not line.is_brief and line.label.replace(" ", "") not in joined] == []
    assert [word for line in lines for word in line.text.split() if word not in joined] == []
