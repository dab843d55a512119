"""kill -9 in the middle of a TWAP, then the same again: nothing is lost, nothing is doubled, all is protected."""

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.kit.daemon import Daemon, Line, seconds
from tests.scenario.accounts import (
    MANY,
    Account,
    assert_equal,
    ended_equal,
    nothing_in_doubt,
    of_ledger,
    of_simulation,
    unprotected,
)
from tests.scenario.conftest import MakeDaemon
from trader.domain.instrument import ZERO
from trader.domain.orders import Purpose
from trader.execution.client_ids import client_id_for
from trader.simulation.exchange import SimulatedExchange
from trader.simulation.store import SimulationStore

pytestmark = pytest.mark.scenario

PROTECTED_WITHIN_S = 2.0
# Half the usual speed, so that the TWAP (20 s real) outlives the restart; short requests, so that an order that never
# arrived is proven absent within seconds; a receive window (2 s) that an order survives in a frozen exchange.
SLOW_TWAP: dict[str, Any] = {
    "exchange": {"request_timeout_s": 2.0, "receive_window_ms": 2_000},
    "sandbox": {"speed": 30.0},
    "execution": {"algorithm": "twap", "twap_slices": 8, "twap_duration_s": 600.0},
}

KillMoment = Callable[[Daemon], None]


def is_entry(line: Line) -> bool:
    return bool(line["purpose"] == "entry")


def as_the_first_slice_is_sent(daemon: Daemon) -> None:
    daemon.wait_for("order.submitted", where=is_entry)
    daemon.kill9()


def between_slices(daemon: Daemon) -> None:
    daemon.wait_for("fill.booked")
    daemon.wait_for("order.open", where=lambda line: line["purpose"] == "stop")
    daemon.kill9()


def as_a_stop_follows_a_fill(daemon: Daemon) -> None:
    daemon.wait_for("order.submitted", where=lambda line: line["purpose"] == "stop")
    daemon.kill9()


def while_the_exchange_has_not_read_the_order(daemon: Daemon) -> None:
    """The order is on the wire, its sender dies, and only then does the exchange read it."""
    daemon.wait_for("order.submitted", where=is_entry)
    exchange = daemon.sandbox.pid
    sent = len(daemon.lines("order.submitted", is_entry))
    os.kill(exchange, signal.SIGSTOP)
    try:
        daemon.wait_for("order.submitted", where=is_entry, count=sent + 1)
        time.sleep(0.1)  # from the log line to the socket
        daemon.kill9()
    finally:
        os.kill(exchange, signal.SIGCONT)


KILLS = [
    pytest.param(as_the_first_slice_is_sent, id="first slice"),
    pytest.param(between_slices, id="between slices", marks=pytest.mark.slow),
    pytest.param(as_a_stop_follows_a_fill, id="stop on its way"),
    pytest.param(while_the_exchange_has_not_read_the_order, id="order on the wire"),
]


@pytest.mark.parametrize("kill", KILLS)
def test_live_goes_on_after_kill_9(make_daemon: MakeDaemon, kill: KillMoment) -> None:
    daemon = make_daemon(SLOW_TWAP)
    daemon.start()
    kill(daemon)
    parents = {line["parent_id"] for line in daemon.lines("order.submitted", is_entry)}
    daemon.start()
    ready_at = seconds(daemon.wait_for("daemon.ready")[0])
    while wrong := unprotected(daemon.truth()):
        assert time.time() - ready_at < PROTECTED_WITHIN_S, wrong
        time.sleep(0.02)
    goes_on_with(daemon, parents)
    assert daemon.terminate() == 0
    ended_equal(daemon)
    assert_each_intent_became_one_order(daemon, parents)


def test_paper_goes_on_after_kill_9(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon({**SLOW_TWAP, "mode": "paper"})
    daemon.start()
    between_slices(daemon)
    before = of_paper(daemon)
    assert before.fills
    parents = {line["parent_id"] for line in daemon.lines("order.submitted", is_entry)}
    daemon.start()
    daemon.wait_for("daemon.ready")
    goes_on_with(daemon, parents)
    assert daemon.terminate() == 0
    after = of_paper(daemon)
    assert before.fills.items() <= after.fills.items()
    with daemon.ledger() as ledger:
        assert_equal(of_ledger(ledger), after)
    assert_each_intent_became_one_order(daemon, parents)


def goes_on_with(daemon: Daemon, parents: set[str]) -> None:
    """Until the parents' next slice or end, and until no order is in doubt any more."""
    daemon.wait_for(
        "order.submitted", "execution.finished", where=lambda line: line["parent_id"] in parents and is_entry(line)
    )
    nothing_in_doubt(daemon)


def of_paper(daemon: Daemon) -> Account:
    """The paper venue's own books, from its file."""
    store = SimulationStore(daemon.settings.account_dir / "paper.sqlite")
    try:
        instruments = store.resume().instruments
        return of_simulation(SimulatedExchange(instruments, opening_balances={}, store=store), instruments)
    finally:
        store.close()


def assert_each_intent_became_one_order(daemon: Daemon, parents: set[str]) -> None:
    """The client ids of a parent are those of steps 0, 1, 2, ...; together they bought no more than was wanted."""
    with daemon.ledger() as ledger:
        orders, ledger_id = ledger.orders(limit=MANY), ledger.ledger_id()
        wanted = {d.parent_id: d.quantity or ZERO for d in ledger.decisions(limit=MANY) if d.parent_id in parents}
    assert wanted.keys() == parents
    for parent in parents:
        children = [o for o in orders if o.intent.parent_id == parent and o.intent.purpose is Purpose.ENTRY]
        steps = range(len(children))
        assert {o.client_id for o in children} == {client_id_for(ledger_id, parent, Purpose.ENTRY, n) for n in steps}
        assert sum(o.filled for o in children) <= wanted[parent]
