"""kill -9 in the middle of a TWAP, then the same again: nothing is lost, nothing is doubled, all is protected."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.kit.daemon import Daemon, Line
from tests.kit.sandbox import port_of
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
from trader.sandbox.server.status import RunningSandbox
from trader.simulation.exchange import SimulatedExchange
from trader.simulation.records.store import SimulationStore

pytestmark = pytest.mark.scenario

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
    exchange = daemon.sandbox
    sent = len(daemon.lines("order.submitted", is_entry))
    os.kill(exchange.pid, signal.SIGSTOP)
    try:
        unread = unread_bytes(exchange)
        daemon.wait_for("order.submitted", where=is_entry, count=sent + 1)
        daemon.wait_until(lambda: unread_bytes(exchange) > unread, "the order is on the wire")
        daemon.kill9()
    finally:
        os.kill(exchange.pid, signal.SIGCONT)


def unread_bytes(exchange: RunningSandbox) -> int:
    """What waits in the sockets of the exchange's port (Linux)."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(row[4].split(":")[1], 16) for row in rows if int(row[1].split(":")[1], 16) == port_of(exchange))


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
    daemon.wait_for("daemon.ready")
    daemon.wait_until(lambda: not unprotected(daemon.truth()), "every position is protected")
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
