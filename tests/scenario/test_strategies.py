"""The daemon with strategies other than the ensemble, on paper at the sandbox: no model, trades, restarts, refusals."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.kit.daemon import Daemon
from tests.kit.pages import shown_files
from tests.scenario.accounts import MANY
from tests.scenario.conftest import MakeDaemon
from trader.domain.orders import Purpose
from trader.domain.reasons import texts
from trader.domain.signals import Verdict

pytestmark = pytest.mark.scenario

ENTERED = {"where": lambda line: line["verdict"] == "enter"}


def example(make_daemon: MakeDaemon) -> Daemon:
    """A daemon whose directory holds the file that docs/strategies.md begins with."""
    daemon = make_daemon({"mode": "paper"}, parts=("kernels",))
    (daemon.directory / "dips.py").write_text(shown_files("strategies.md")["dips.py"])
    daemon.configure(
        {
            "exchange": {"id": "sandbox", "symbols": ["BTC/USDT", "ETH/USDT", "SOL/USDT"]},
            "strategy": {"class": "dips.py:DipBuyer", "parameters": {"low": 48, "high": 55}},
            "sandbox": {"seed": 11, "edge": 3.0, "idle_exit_s": 20.0},
            "recorder": {"enabled": False},
        }
    )
    return daemon


def test_the_example_of_the_page_trades_without_a_model_and_goes_on_after_a_kill(make_daemon: MakeDaemon) -> None:
    daemon = example(make_daemon)
    daemon.start()
    [entered] = daemon.wait_for("decision.made", **ENTERED)  # type: ignore[arg-type]  # one of wait_for's own
    symbol = entered["symbol"]
    daemon.wait_for("order.open", where=lambda line: line["purpose"] == "stop" and line["symbol"] == symbol)
    daemon.kill9()
    daemon.start()
    daemon.wait_for("daemon.ready")
    status = daemon.status()
    assert status["model"] is None
    assert {row["strategy"] for row in status["symbols"]} == {"dip-buyer"}
    daemon.wait_for("decision.made", where=lambda line: line["symbol"] == symbol)
    assert daemon.terminate() == 0
    assert not (daemon.state_dir / "models").exists()
    with daemon.ledger() as ledger:
        rows, orders = ledger.decisions(limit=MANY), ledger.orders(limit=MANY)
    assert {(row.strategy_id, row.model_id) for row in rows} == {("dip-buyer", "")}
    [first] = [row for row in rows if row.decision_id == entered["decision_id"]]
    assert first.verdict is Verdict.ENTER
    assert texts(first.reasons)[0].endswith("comes up from a dip")
    bought = [o for o in orders if o.intent.decision_id == first.decision_id and o.intent.purpose is Purpose.ENTRY]
    stop = next(o for o in orders if o.intent.decision_id == first.decision_id and o.intent.purpose is Purpose.STOP)
    assert bought[0].average_price is not None
    assert stop.intent.stop_price is not None
    distance = 1 - stop.intent.stop_price / bought[0].average_price
    assert abs(distance - Decimal("0.02")) < Decimal("0.001")


def test_the_built_in_rule_decides_on_every_symbol_and_says_why(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon(
        {"mode": "paper", "strategy": {"name": "ema-cross"}, "model": {"gate": "enforce"}}, parts=("kernels",)
    )
    daemon.start()
    [warned] = daemon.wait_for("strategy.observes")
    assert warned["strategy"] == "ema-cross"
    lines = daemon.wait_for("decision.made", count=6)
    assert daemon.terminate() == 0
    assert {line["symbol"] for line in lines} == {"BTC/USDT", "ETH/USDT", "SOL/USDT"}
    assert {(line["strategy"], line["verdict"]) for line in lines} == {("ema-cross", "skip")}
    assert all("strategy ema-cross only observes" in line["why"] for line in lines[3:])
    assert daemon.lines("model.active") == []


def test_a_class_that_reads_the_clock_ends_the_start_with_its_file_and_line(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "daemon", {"strategy": {"class": "dips.py:DipBuyer"}})
    text = "import time\n" + shown_files("strategies.md")["dips.py"]
    (daemon.directory / "dips.py").write_text(text)
    done = daemon.run_command("run")
    assert done.returncode == 2
    assert done.stderr.startswith("trader: dips.py:1: imports time: a strategy reads no clock, file, network or chance")
    assert "allowed: __future__, abc, " in done.stderr
    daemon.close()
