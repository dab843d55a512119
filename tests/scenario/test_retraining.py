"""Training beside trading: the daemon goes on, takes over what proved itself, and leaves nothing behind."""

import time
from itertools import pairwise

import pytest

from tests.kit.daemon import Daemon
from tests.scenario.conftest import MakeDaemon
from trader.adapters.model_files import ModelFiles

pytestmark = pytest.mark.scenario

MINUTE = 60_000
SOON = {"mode": "paper", "model": {"retrain_hours": 0.05, "shadow_forecasts": 12, "shadow_blocks": 1}}


def own_models(make_daemon: MakeDaemon) -> Daemon:
    """A daemon whose registry is a copy: what it trains stays with it."""
    daemon = make_daemon(SOON, parts=("kernels",))
    trained = (daemon.state_dir / "kernels").resolve().parent
    for registry in (trained / "models").glob("*/registry.sqlite"):
        target = daemon.state_dir / "models" / registry.parent.name
        target.mkdir(parents=True, mode=0o700)
        for file in registry.parent.iterdir():
            if file.is_file():
                (target / file.name).write_bytes(file.read_bytes())
    return daemon


def registry(daemon: Daemon) -> ModelFiles:
    return ModelFiles(next((daemon.state_dir / "models").iterdir()))


def trainings(daemon: Daemon) -> list[str]:
    return [line for line in daemon.marked_processes().values() if " train " in line]


@pytest.mark.parametrize("end", ["kill9", pytest.param("terminate", marks=pytest.mark.slow)])
def test_the_end_of_the_daemon_is_the_end_of_its_training(make_daemon: MakeDaemon, end: str) -> None:
    daemon = own_models(make_daemon)
    daemon.start()
    daemon.wait_for("model.retraining")
    daemon.wait_until(lambda: bool(trainings(daemon)), "a training runs")
    assert daemon.status()["model"]["training"]
    getattr(daemon, end)()
    while trainings(daemon):  # one that stays hangs this test
        time.sleep(0.05)
    files = registry(daemon)
    assert all(files.load(entry.model_id) for entry in files.list())
    assert files.load_champion("1m") is not None


@pytest.mark.slow
def test_a_challenger_takes_over_without_a_gap(make_daemon: MakeDaemon) -> None:
    daemon = own_models(make_daemon)
    daemon.start()
    swapped = daemon.wait_for("model.swapped")[0]
    new, old = swapped["model"], swapped["was"]
    daemon.wait_until(lambda: len(models_of(daemon)) > 1, "a decision by the new model")
    assert models_of(daemon) == [old, new]
    for opened in decided(daemon).values():
        around = [ms for ms in sorted(opened) if ms >= sorted(opened)[3]]  # the first ones come while it catches up
        assert [b - a for a, b in pairwise(around)] == [MINUTE] * (len(around) - 1)
    assert registry(daemon).history("1m")[0].reason.startswith("shadow: advantage_t")
    assert daemon.status()["model"]["model_id"] == new
    assert daemon.terminate() == 0


def decided(daemon: Daemon) -> dict[str, dict[int, str]]:
    """Symbol -> open time of the candle -> model that decided on it."""
    found: dict[str, dict[int, str]] = {}
    for row in daemon.ask("decisions", limit=2_000)["rows"]:
        found.setdefault(row["symbol"], {})[row["candle_open_ms"]] = row["model_id"]
    return found


def models_of(daemon: Daemon) -> list[str]:
    """Models that decided on the first symbol, in order."""
    first = next(iter(decided(daemon).values()))
    return list(dict.fromkeys(first[ms] for ms in sorted(first)))
