"""The image, the unit and the locks: what can be told about them without a container engine or systemd's manager."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import trader
from trader.cli.application import app

ROOT = Path(trader.__file__).parent.parent
REQUIREMENTS = ROOT / "scripts" / "requirements"
UNIT = ROOT / "scripts" / "trader.service"
DOCKERFILE = ROOT / "Dockerfile"
LEARNING = {"catboost", "lightgbm", "optuna", "plotly", "scikit-learn", "xgboost", "xgboost-cpu"}


def locked(name: str) -> set[tuple[str, str]]:
    return set(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", (REQUIREMENTS / f"{name}.txt").read_text(), re.MULTILINE))


def test_the_live_lock_is_the_run_lock_without_the_learning_libraries() -> None:
    live, run = locked("live"), locked("run")
    assert live <= run
    assert LEARNING & {name for name, _ in run} == LEARNING
    assert LEARNING & {name for name, _ in live} == set()


@pytest.mark.parametrize("name", ["live", "run", "dev"])
def test_every_locked_package_has_hashes(name: str) -> None:
    entries = re.split(r"^(?=[A-Za-z0-9])", (REQUIREMENTS / f"{name}.txt").read_text(), flags=re.MULTILINE)
    assert [entry for entry in entries if "==" in entry and "--hash=sha256:" not in entry] == []


def instructions() -> Iterator[tuple[str, str]]:
    for line in DOCKERFILE.read_text().replace("\\\n", " ").splitlines():
        if line and not line.startswith("#"):
            word, _, rest = line.partition(" ")
            yield word, rest


def test_what_the_image_copies_is_in_the_build_context() -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    sources = [
        source
        for word, rest in instructions()
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    ]
    assert sources
    for source in sources:
        assert (ROOT / source).exists()
        assert source in allowed


@pytest.mark.parametrize("target", ["live", "full"])
def test_a_target_runs_as_nobody_special(target: str) -> None:
    """Its last USER, its own or that of the stage it builds on."""
    users: dict[str, str] = {}
    stage = ""
    for word, rest in instructions():
        if word == "FROM":
            parent, _, stage = rest.partition(" AS ")
            users[stage] = users.get(parent, "root")
        elif word == "USER":
            users[stage] = rest
    assert users[target] == "trader"


def test_the_image_calls_commands_that_exist() -> None:
    commands = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    words = dict(instructions())
    assert words["ENTRYPOINT"] == '["trader"]'
    assert words["CMD"] == '["run"]'
    assert 'CMD ["trader", "health"]' in words["HEALTHCHECK"]
    assert {"run", "health", "doctor"} <= commands


def stage_texts() -> dict[str, str]:
    """What each stage of the image does itself."""
    texts: dict[str, str] = {}
    stage = ""
    for word, rest in instructions():
        if word == "FROM":
            stage = rest.partition(" AS ")[2]
            texts[stage] = ""
        texts[stage] = f"{texts.get(stage, '')}{word} {rest}\n"
    return texts


def test_each_target_holds_its_own_locked_environment() -> None:
    stages = stage_texts()
    for target, lock in (("live", "live"), ("full", "run")):
        assert f"COPY --from={target}-env /opt/trader /opt/trader" in stages[target]
        assert f"COPY scripts/requirements/{lock}.txt" in stages[f"{target}-env"]
        assert "--require-hashes" in stages[f"{target}-env"]
    assert "libgomp1" in stages["full"]  # LightGBM links to it
    assert "apt-get" not in stages["live"] + stages["base"]
    assert "VOLUME /var/lib/trader" in stages["base"]


def unit_values(key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", UNIT.read_text(), re.MULTILINE)


def test_the_unit_is_watched_and_does_not_retry_a_wrong_configuration() -> None:
    assert unit_values("Type") == ["notify"]
    assert unit_values("WatchdogSec") == ["30s"]
    assert unit_values("RestartPreventExitStatus") == ["2"]
    assert unit_values("MemoryDenyWriteExecute") == ["no"]  # numba could not run otherwise
    assert "TRADER__STORAGE__STATE_DIR=/var/lib/trader" in unit_values("Environment")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    here = tmp_path / "trader.service"
    here.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text(), flags=re.MULTILINE))
    done = subprocess.run(["systemd-analyze", "verify", str(here)], capture_output=True, text=True, check=False)
    if "Failed to" in done.stderr and "trader.service" not in done.stderr:
        pytest.skip(f"systemd-analyze cannot work here: {done.stderr.splitlines()[0]}")
    assert (done.returncode, done.stderr) == (0, "")
