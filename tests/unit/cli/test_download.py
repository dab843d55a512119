"""`trader download` as a caller sees it."""

import json
import sys
from pathlib import Path

import pytest
import typer

from trader.app import learn
from trader.cli import main
from trader.cli.download import moment_ms
from trader.config.schema import Settings
from trader.service.learning.download import DownloadRequest, Span, Tell, Verified

DAY = 86_400_000


@pytest.mark.parametrize(
    ("text", "ms"),
    [("1970-01-02", DAY), ("1970-01-01T02:00", DAY // 12), ("1970-01-01T02:00+01:00", DAY // 24), ("90d", -90 * DAY)],
)
def test_points_in_time(text: str, ms: int) -> None:
    assert moment_ms(text) == ms


@pytest.mark.parametrize("text", ["", "soon", "0d", "-5d", "2026-13-01", "d"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="allowed: 2026-01-31"):
        moment_ms(text)


def download(
    arguments: list[str], holes: tuple[Span, ...], monkeypatch: pytest.MonkeyPatch
) -> tuple[int, DownloadRequest]:
    asked: list[DownloadRequest] = []

    def fetched(settings: Settings, wanted: DownloadRequest, tell: Tell) -> list[Verified]:
        asked.append(wanted)
        tell("BTC/USDT", 1, 2)
        return [
            Verified(
                symbol="BTC/USDT", timeframe="1h", wanted=48, stored=47, absent=1, fetched=5, first_ms=0, last_ms=DAY,
                holes=holes,
            )
        ]  # fmt: skip

    monkeypatch.setattr(learn, "download", fetched)
    monkeypatch.setattr(sys, "argv", ["trader", "download", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    return int(stop.value.code or 0), asked[0]


def test_what_is_asked_for_and_a_complete_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["--symbols", "BTC/USDT, ETH/USDT", "--timeframe", "1h", "--since", "1970-01-02", "--json"]
    code, wanted = download(arguments, (), monkeypatch)
    assert code == 0
    assert wanted == DownloadRequest(("BTC/USDT", "ETH/USDT"), "1h", DAY, None)
    assert json.loads(capsys.readouterr().out)[0]["stored"] == 47


def test_symbols_are_named_as_in_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRADER__EXCHANGE__MARKET", "perpetual")
    assert download(["--symbols", "BTC/USDT"], (), monkeypatch)[1].symbols == ("BTC/USDT:USDT",)
    for wrong, words in ((",", "symbols is empty"), ("BTC/USDT,BTC/USDT", "symbols has repetitions: BTC/USDT")):
        monkeypatch.setattr(sys, "argv", ["trader", "download", "--symbols", wrong])
        with pytest.raises(SystemExit) as stop:
            main()
        assert stop.value.code == 2
        assert words in capsys.readouterr().err


def test_missing_candles_are_told_and_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, wanted = download(["--since", "2d"], (Span(0, DAY),), monkeypatch)
    assert code == 1
    assert wanted == DownloadRequest(None, None, -2 * DAY, None)
    text = " ".join(capsys.readouterr().out.split())
    assert "47 of 48" in text
    assert "missing: 1970-01-01" in text
