"""A person at the command line while the daemon trades."""

import json
from typing import Any

import pytest

from tests.kit.daemon import Daemon
from tests.scenario.accounts import ended_equal, of_exchange
from tests.scenario.conftest import MakeDaemon

pytestmark = pytest.mark.scenario


def answer(daemon: Daemon, *arguments: str) -> Any:
    done = daemon.run_command(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_reading_and_commanding_the_running_daemon(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon({"execution": {"algorithm": "market"}, "sandbox": {"speed": 20.0}})
    daemon.start()
    daemon.wait_for("order.open", where=lambda line: line["purpose"] == "stop")

    status = answer(daemon, "status")
    assert (status["running"], status["pid"], status["mode"]) == (True, daemon.pid, "live")
    assert status["phase"] == "trading"
    assert status["counters"]["fills"] > 0
    assert status["model"]["model_id"]
    positions = answer(daemon, "positions")
    assert {position["symbol"] for position in positions} <= set(daemon.settings.exchange.symbols)
    orders = answer(daemon, "orders", "--limit", "500")
    assert {"entry", "stop"} <= {order["purpose"] for order in orders}
    decisions = answer(daemon, "decisions", "--limit", "500")
    assert any(decision["verdict"] == "enter" for decision in decisions)
    assert all(decision["reasons"] for decision in decisions)

    second = daemon.run_command("run")
    assert second.returncode == 2
    assert str(daemon.pid) in second.stderr

    assert "paused" in answer(daemon, "pause")["message"]
    assert answer(daemon, "status")["trading_state"] != "active"
    assert "resumed" in answer(daemon, "resume")["message"]
    daemon.wait_until(lambda: daemon.status()["trading_state"] == "active", "trading is active again")

    answer(daemon, "pause")  # so that nothing new is opened behind the flatten
    answer(daemon, "flatten", "--yes")
    daemon.wait_until(lambda: not daemon.status()["positions"], "all positions are closed")
    answer(daemon, "resume")
    daemon.wait_for("order.submitted", where=lambda line: line["purpose"] == "flatten")

    assert "halted" in answer(daemon, "kill", "--yes")["message"]
    daemon.wait_until(lambda: not daemon.status()["positions"], "all positions are closed")
    assert daemon.status()["trading_state"] == "halted"
    assert daemon.terminate() == 0
    account = of_exchange(ended_equal(daemon))
    assert {order.status for order in account.orders.values()} <= {"filled", "canceled", "expired"}
    assert answer(daemon, "status")["running"] is False
