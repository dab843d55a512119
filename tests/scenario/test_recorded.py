"""The daemon on real recorded candles: replayed over the wire, in paper and in live mode."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.kit.daemon import Daemon
from tests.scenario.accounts import MANY, ended_equal, of_exchange, unprotected
from tests.scenario.conftest import EAGER, MakeDaemon, merged
from trader.adapters.model_files import ModelFiles
from trader.domain.market import timeframe_ms
from trader.domain.reasons import Code, because
from trader.domain.signals import DecisionRecord, Verdict
from trader.sandbox.server.options import SandboxOptions

pytestmark = [pytest.mark.scenario, pytest.mark.recorded]

STEP_MS = timeframe_ms("5m")
IN_A_ROW = 6


@pytest.fixture(scope="module")
def replayed() -> Mapping[str, Any]:
    """The configuration that replays every recorded 5m pair, one candle a second."""
    data = os.environ.get("TRADER_DATA")
    if not data:
        pytest.skip("TRADER_DATA is not set: no recorded data")
    folder = Path(data) / "candles" / "binance"
    names = sorted(path.stem.removesuffix("-5m") for path in folder.glob("*USDT-5m.parquet"))
    assert len(names) == 12
    return {
        "exchange": {"symbols": [f"{name.removesuffix('USDT')}/USDT" for name in names]},
        "market": {"timeframe": "5m", "higher_timeframes": ["1h", "4h"]},
        "sandbox": {"speed": 300.0, "replay": str(folder)},
        "execution": {"algorithm": "market"},
    }


def test_every_candle_is_decided_on_and_without_an_edge_nothing_is_traded(
    make_daemon: MakeDaemon, replayed: Mapping[str, Any]
) -> None:
    replayed = merged(replayed, {"sandbox": {"speed": 150.0}})  # two seconds for twelve symbols
    daemon = make_daemon({**replayed, "mode": "paper"}, parts=("kernels",))
    daemon.start()
    daemon.wait_for("decision.made")
    daemon.wait_until(lambda: follows(daemon), "every candle is decided on")
    assert daemon.terminate() == 0
    assert_each_candle_once(daemon)
    assert_traded_only_with_an_edge(daemon)

    daemon.configure(merged(EAGER, {**replayed, "mode": "live"}))
    daemon.start()
    daemon.wait_for("decision.made")
    daemon.wait_until(lambda: follows(daemon), "every candle is decided on")
    assert daemon.terminate() == 0
    assert_each_candle_once(daemon)
    assert_traded_only_with_an_edge(daemon)
    ended_equal(daemon)


def test_orders_on_recorded_candles_are_equal_to_the_exchange(
    make_daemon: MakeDaemon, replayed: Mapping[str, Any]
) -> None:
    """A quick model finds no edge in real candles. One of a generated market takes its chances: here only what
    becomes of the orders counts. It has learned beside other symbols, so it may look at each alone only.
    """
    alone: Mapping[str, Any] = {"model": {"feature_groups": []}}
    school = make_daemon({**alone, "market": replayed["market"]}, name="school", parts=("kernels",))
    done = school.run_command("train")
    assert done.returncode == 0, done.stderr
    school.stop_sandbox()
    [learned] = (school.state_dir / "models").iterdir()

    daemon = make_daemon({**replayed, **alone, "mode": "live"}, parts=("kernels",))
    (daemon.state_dir / "models").mkdir()
    (daemon.state_dir / "models" / f"sandbox-{market_hash(daemon)}").symlink_to(learned)
    daemon.start()
    daemon.wait_for("order.open", where=lambda line: line["purpose"] == "stop", count=2)
    assert daemon.terminate() == 0
    assert daemon.lines("model.missing") == []
    state = ended_equal(daemon)
    assert len(of_exchange(state).fills) > 1
    assert unprotected(state) == {}


def market_hash(daemon: Daemon) -> str:
    sandbox = daemon.settings.sandbox
    assert sandbox.replay is not None
    options = SandboxOptions(
        directory=daemon.sandbox_dir,
        seed=sandbox.seed,
        edge=sandbox.edge,
        timeframe=daemon.settings.market.timeframe,
        quote_balance=sandbox.quote_balance,
        replay=sandbox.replay.resolve(),
    )
    return options.market_hash()


def decisions_of(daemon: Daemon) -> dict[str, list[DecisionRecord]]:
    """By symbol, oldest first."""
    with daemon.ledger() as ledger:
        rows = ledger.decisions(limit=MANY)[::-1]
    return {symbol: [row for row in rows if row.symbol == symbol] for symbol in daemon.settings.exchange.symbols}


def follows(daemon: Daemon) -> bool:
    """Of every symbol the newest candles were decided on one after the other.

    At start a candle that waited until its successor was there is passed over; afterwards none is.
    """
    newest = [[row.candle_open_ms for row in rows[-IN_A_ROW:]] for rows in decisions_of(daemon).values()]
    if not all(newest):
        return False
    return all(times == list(range(times[-1] - STEP_MS * (IN_A_ROW - 1), times[-1] + 1, STEP_MS)) for times in newest)


def assert_each_candle_once(daemon: Daemon) -> None:
    """No candle twice, none without a reason."""
    for symbol, rows in decisions_of(daemon).items():
        times = [row.candle_open_ms for row in rows]
        assert times == sorted(set(times)), symbol
        assert all(row.reasons for row in rows)


def assert_traded_only_with_an_edge(daemon: Daemon) -> None:
    [models] = (daemon.state_dir / "models").iterdir()
    model = ModelFiles(models).list()[0].info
    rows = [row for rows in decisions_of(daemon).values() for row in rows]
    if model.no_edge:
        assert {row.verdict for row in rows} == {Verdict.SKIP}
        judged = [row for row in rows if because(Code.NO_BOOK) not in row.reasons]
        assert judged
        assert all(because(Code.MODEL_WITHOUT_EDGE) in row.reasons for row in judged)
        assert daemon.lines("order.submitted") == []
    else:
        assert daemon.lines("order.submitted") != []
