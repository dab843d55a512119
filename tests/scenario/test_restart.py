"""A second run goes on where the first one ended."""

import pytest

from tests.kit.daemon import Daemon
from tests.scenario.accounts import MANY, ended_equal, of_exchange, unprotected
from tests.scenario.conftest import STANDSTILL, MakeDaemon, merged

pytestmark = pytest.mark.scenario

BOUGHT_ONCE = {"execution": {"algorithm": "market"}, "sizing": {"max_positions": 1}, "risk": {"target_at_r": 50.0}}


def resting_stops(daemon: Daemon) -> set[str]:
    orders = of_exchange(daemon.truth()).orders
    return {client_id for client_id, o in orders.items() if o.type == "stop_market" and o.status == "open"}


@pytest.mark.parametrize("mode", ["live", pytest.param("paper", marks=pytest.mark.slow)])
def test_a_second_run_continues_from_the_ledger(make_daemon: MakeDaemon, mode: str) -> None:
    daemon = make_daemon({**BOUGHT_ONCE, "mode": mode})
    daemon.start()
    daemon.wait_for("order.open", where=lambda line: line["purpose"] == "stop")
    first_events = daemon.status()["counters"]["events"]
    assert daemon.terminate() == 0
    daemon.stop_sandbox()  # the market stands still until the next start
    with daemon.ledger() as ledger:
        ledger_id, positions, orders = ledger.ledger_id(), ledger.positions(), ledger.orders(limit=MANY)
        stops, fills = {o.client_id for o in ledger.orders(limit=MANY, open_only=True)}, ledger.fills(limit=MANY)
        equity, balances = ledger.equity(limit=1)[0], ledger.balances()
    assert len(positions) == len(stops) == 1

    daemon.configure(merged(daemon.config, STANDSTILL))
    daemon.start()
    ready = daemon.wait_for("daemon.ready")[0]
    with daemon.ledger() as ledger:
        assert ledger.ledger_id() == ledger_id
        after = {o.client_id: o for o in ledger.orders(limit=MANY)}
        assert {o.client_id for o in orders} <= after.keys()
        assert set(fills) <= set(ledger.fills(limit=MANY))
    assert daemon.lines("ledger.opened") == []  # its money is the ledger's, not what the account happens to hold
    status = daemon.status()
    assert status["counters"]["events"] > first_events  # event numbers go on
    assert status["money"]["day_start"] == equity.day_start
    assert status["money"]["peak"] >= equity.peak
    placed = daemon.lines("order.submitted", lambda line: line["purpose"] == "stop" and line["time"] <= ready["time"])
    assert placed == []  # the stop that rests is taken over
    if daemon.lines("fill.booked") == []:
        assert [(p["symbol"], p["quantity"]) for p in status["positions"]] == [
            (p.symbol, format(p.quantity, "f")) for p in positions
        ]
        with daemon.ledger() as ledger:
            assert ledger.balances() == balances
    if mode == "live":
        assert len(resting_stops(daemon)) <= 1
    assert daemon.terminate() == 0
    if mode == "live":
        assert unprotected(ended_equal(daemon)) == {}
