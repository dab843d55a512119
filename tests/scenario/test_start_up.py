"""Starts that do not come to trading."""

from pathlib import Path

import pytest

from tests.scenario.conftest import MakeDaemon

pytestmark = pytest.mark.scenario


def test_sigterm_while_training_leaves_nothing_behind(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon(parts=("kernels",))
    daemon.start()
    daemon.wait_for("train.progress", where=lambda line: line["message"].startswith("training"))
    assert len(daemon.marked_processes()) >= 3  # itself, its sandbox, the training
    assert daemon.terminate() == 0
    assert set(daemon.marked_processes()) == {daemon.sandbox.pid}  # detached on purpose, ends by itself
    assert daemon.lines("daemon.stopping")
    assert list(daemon.state_dir.glob("models/*/*.model")) == []


def test_a_wrong_secret_is_told_and_trades_nothing(make_daemon: MakeDaemon, trained: Path) -> None:
    host = make_daemon(name="host")
    host.start()
    host.wait_for("sandbox.spawned")
    assert host.terminate() == 0
    running = host.sandbox

    daemon = make_daemon(
        {"exchange": {"id": "binance", "endpoint": running.endpoint, "ca_file": str(running.ca_file)}},
        name="stranger",
        parts=("kernels",),
    )
    [model] = (trained / "models").iterdir()
    (daemon.state_dir / "models").mkdir()
    (daemon.state_dir / "models" / "binance-spot").symlink_to(model)
    daemon.environ = {
        "TRADER_SANDBOX_API_KEY": running.api_key,
        "TRADER_SANDBOX_API_SECRET": "not" + running.api_secret,
    }
    daemon.start()
    assert daemon.wait() == 2
    said = daemon.tail(3)
    assert "trader: the exchange refused the API key: " in said
    assert "Signature for this request is not valid." in said
    assert running.api_secret not in daemon.log_file.read_text()
    assert host.truth()["orders"] == []
