"""What `trader doctor` finds, and the cure it names."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from tests.kit.sandbox import market_clock, sandbox
from trader.adapters.ledger import ledger_path
from trader.clock import SystemClock
from trader.config.credentials import Credentials
from trader.config.load import load
from trader.config.schema import Settings
from trader.domain.errors import Misconfigured, Unavailable
from trader.service.doctor import examination as doctor
from trader.service.doctor import machine as doctor_machine
from trader.service.doctor import state as doctor_state
from trader.service.learning import libraries as learning
from trader.service.process.access import MarketAccess
from trader.service.process.lock import StateLock


def settings(tmp_path: Path, **more: Any) -> Settings:
    return load(None, {"storage": {"state_dir": str(tmp_path / "state")}, **more}, {})


@pytest.mark.parametrize(("version", "verdict"), [((3, 11, 0), "pass"), ((3, 13, 1), "pass"), ((3, 10, 9), "fail")])
def test_python_must_be_new_enough(version: tuple[int, ...], verdict: str) -> None:
    assert doctor_machine.python_version(version).verdict == verdict


@pytest.mark.parametrize(("system", "verdict"), [("linux", "pass"), ("darwin", "warn"), ("win32", "fail")])
def test_platforms(system: str, verdict: str) -> None:
    assert doctor_machine.platform_name(system).verdict == verdict


def test_a_library_that_cannot_be_imported_is_named_with_the_reason() -> None:
    failures = doctor_machine.import_failures(["json", "no_such_library"])
    assert list(failures) == ["no_such_library"]
    finding = doctor_machine.libraries(2, failures)
    assert finding.verdict == "fail"
    assert "No module named 'no_such_library'" in finding.found


def test_lightgbm_without_its_system_library_names_the_package() -> None:
    broken = {"lightgbm": "libgomp.so.1: cannot open shared object file"}
    assert "apt-get install libgomp1" in doctor_machine.learning_libraries([], broken).cure
    assert doctor_machine.learning_libraries(["catboost"], {}).verdict == "warn"
    assert doctor_machine.learning_libraries([], {}).verdict == "pass"


def test_installed_versions_are_compared_with_the_lock(tmp_path: Path) -> None:
    assert doctor_machine.locked_versions(tmp_path).verdict == "pass"
    (tmp_path / "run.txt").write_text("numpy==0.0.1 \\\n    --hash=sha256:00\nno-such-package==1.0\n")
    finding = doctor_machine.locked_versions(tmp_path)
    assert finding.verdict == "warn"
    assert finding.found.startswith("numpy ")
    assert "no-such-package" not in finding.found


def test_looking_at_a_fresh_directory_makes_nothing(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    findings = {finding.name: finding for finding in doctor_state.examine_state(chosen, "nowhere-spot")}
    assert [name for name, finding in findings.items() if finding.verdict == "fail"] == []
    assert findings["kernels"].cure.startswith("`trader compile`")
    assert "trader train" in findings["model"].cure
    assert not chosen.storage.state_dir.exists()


@pytest.mark.parametrize(
    ("block", "verdict", "words"),
    [
        ({}, "pass", "ensemble"),
        ({"strategy": {"name": "ema-cross"}}, "pass", "ema-cross (ema-cross observes: no closed"),
        (
            {"strategy": {"name": "ema-cross"}, "model": {"gate": "enforce"}},
            "warn",
            "ema-cross (ema-cross observes: no closed",
        ),
        ({"strategy": {"class": "nowhere.py:Dip"}}, "fail", "strategy.class: given nowhere.py:Dip; there is no file"),
    ],
)
def test_the_strategy_is_made_and_the_gate_is_told(
    tmp_path: Path, block: dict[str, Any], verdict: str, words: str
) -> None:
    found = doctor_state.strategy(settings(tmp_path, **block))
    assert (found.verdict, found.found.startswith(words)) == (verdict, True)


def test_a_rule_needs_no_model(tmp_path: Path) -> None:
    chosen = settings(tmp_path, strategy={"name": "ema-cross"})
    findings = {finding.name: finding for finding in doctor_state.examine_state(chosen, "nowhere-spot")}
    assert findings["model"].verdict == "pass"


def test_a_state_directory_open_to_others_or_in_the_way(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert doctor_state.state_directory(tmp_path).cure == f"chmod 700 {tmp_path}"
    tmp_path.chmod(0o700)
    assert doctor_state.state_directory(tmp_path).verdict == "pass"
    (tmp_path / "file").touch()
    assert doctor_state.state_directory(tmp_path / "file").verdict == "fail"
    assert doctor_state.state_directory(tmp_path / "file" / "below").verdict == "fail"


async def test_what_may_not_be_looked_at_is_one_finding_and_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "var/ledger.sqlite")

    async def locate() -> MarketAccess:
        raise PermissionError(13, "Permission denied", "var/running.json")

    monkeypatch.setattr(doctor_state, "ledger", forbidden)
    findings = list(doctor_state.examine_state(settings(tmp_path), "nowhere-spot"))
    assert [(f.name, f.found) for f in findings if f.verdict == "fail"] == [
        ("ledger", "var/ledger.sqlite: Permission denied")
    ]
    assert len(findings) == 9
    (reached,) = await doctor.exchange(settings(tmp_path), locate)
    assert (reached.verdict, reached.found) == ("fail", "var/running.json: Permission denied")
    assert reached.cure.endswith("run as the user that runs the daemon")


@pytest.mark.parametrize(("free", "verdict"), [(10**10, "pass"), (10**9, "warn"), (10**8, "fail")])
def test_free_disk(free: int, verdict: str) -> None:
    assert doctor_state.free_disk(Path("var"), free).verdict == verdict


def test_a_damaged_ledger_fails_in_one_line(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    path = ledger_path(chosen)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"not a database" * 100)
    finding = doctor_state.ledger(chosen)
    assert finding.verdict == "fail"
    assert str(path) in finding.found
    assert "\n" not in finding.found


def test_the_lock_holder_is_named(tmp_path: Path) -> None:
    with StateLock(tmp_path):
        assert f"process {os.getpid()}" in doctor_state.lock_holder(tmp_path).found
    assert doctor_state.lock_holder(tmp_path).found == "no daemon is running"


def test_the_log_file_must_be_writable(tmp_path: Path) -> None:
    assert doctor_state.log_file(None).verdict == "pass"
    assert doctor_state.log_file(tmp_path / "logs" / "trader.log").verdict == "pass"
    assert doctor_state.log_file(tmp_path).verdict == "fail"


def test_without_learning_libraries_a_missing_model_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "LEARNING_LIBRARIES", ("no_such_library",))
    finding = doctor_state.model(settings(tmp_path), "nowhere-spot")
    assert finding.verdict == "fail"
    assert "run `trader train` with the full one" in finding.cure
    with pytest.raises(Misconfigured, match="this installation cannot train: no_such_library"):
        learning.require_learning()


def test_keys_are_told_to_be_there_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = settings(tmp_path, exchange={"id": "binance"})
    for name in ("TRADER_API_KEY", "TRADER_API_SECRET"):
        monkeypatch.delenv(name, raising=False)
    assert doctor.keys(chosen, needs_keys=False).verdict == "pass"
    assert "TRADER_API_KEY" in doctor.keys(chosen, needs_keys=True).found
    monkeypatch.setenv("TRADER_API_KEY", "open-sesame")
    assert doctor.keys(chosen, needs_keys=True).verdict == "fail"
    monkeypatch.setenv("TRADER_API_SECRET", "hush-hush")
    finding = doctor.keys(chosen, needs_keys=True)
    assert finding.verdict == "pass"
    assert "sesame" not in repr(finding)
    assert "hush" not in repr(finding)
    assert doctor.keys(settings(tmp_path), needs_keys=False).verdict == "fail"  # real keys beside the sandbox


@pytest.mark.parametrize(("offset_ms", "verdict"), [(100, "pass"), (-700, "warn"), (5_000, "fail")])
def test_clock_offsets(offset_ms: float, verdict: str) -> None:
    finding = doctor.clock(offset_ms, 1_000)
    assert finding.verdict == verdict
    assert ("behind" if offset_ms < 0 else "ahead") in finding.found


async def test_a_sandbox_is_asked_for_its_time_and_its_symbols(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    async with sandbox(tmp_path / "exchange", symbols=("BTC/USDT",)) as running:
        at = {"id": "binance", "endpoint": running.endpoint, "ca_file": running.ca_file}
        there = chosen.model_copy(update={"exchange": chosen.exchange.model_copy(update=at)})

        async def locate() -> MarketAccess:
            return MarketAccess(there, market_clock(running), None, "sandbox")

        reached, clock, symbols = await doctor.exchange(chosen, locate)
    assert [(f.name, f.verdict) for f in (reached, clock)] == [("exchange", "pass"), ("clock", "pass")]
    assert (symbols.name, symbols.verdict) == ("symbols", "fail")
    assert "ETH/USDT is not at binance" in symbols.found
    assert "BTC/USDT" not in symbols.found


@pytest.mark.parametrize(("keys", "is_told"), [(Credentials("key", "secret"), True), (None, False)])
async def test_a_dead_mans_switch_that_run_would_refuse_is_refused(
    tmp_path: Path, keys: Credentials | None, is_told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def listed(*_: object) -> None:
        """All of them are."""

    monkeypatch.setattr(doctor, "require_listed", listed)
    chosen = settings(tmp_path, exchange={"id": "kraken", "dead_man_s": 60})
    finding = await doctor.symbols(MarketAccess(chosen, SystemClock(), keys, "kraken-spot"))
    assert (finding.verdict == "fail") is is_told
    assert ("exchange.dead_man_s: given 60; of kraken spot" in finding.found) is is_told


async def test_a_sandbox_that_does_not_run_only_has_to_be_able_to(tmp_path: Path) -> None:
    async def locate() -> MarketAccess:
        return MarketAccess(settings(tmp_path), SystemClock(), None, "sandbox")

    (finding,) = await doctor.exchange(settings(tmp_path), locate)
    assert finding.verdict == "pass"
    assert "the daemon starts it" in finding.found


async def test_silence_and_refusal_of_an_exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = settings(tmp_path, exchange={"id": "kraken"})

    async def refused() -> MarketAccess:
        raise Unavailable("connection refused")

    async def silent() -> MarketAccess:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(doctor, "REACH_S", 0.01)
    for locate, said in ((refused, "connection refused"), (silent, "no answer within 0.01 s")):
        (finding,) = await doctor.exchange(chosen, locate)
        assert finding.verdict == "fail"
        assert said in finding.found
        assert "network" in finding.cure
