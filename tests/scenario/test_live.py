"""Live mode against the sandbox: what the exchange did and what our ledger says are the same."""

import pytest

from tests.scenario.accounts import ended_equal, of_exchange, unprotected
from tests.scenario.conftest import MakeDaemon

pytestmark = pytest.mark.scenario


def test_orders_are_filled_protected_and_equal_to_the_exchange(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon({"execution": {"algorithm": "market"}})
    daemon.start()
    daemon.wait_for("decision.made", where=lambda line: line["verdict"] == "enter", count=2)
    daemon.wait_for("trade.closed")
    assert daemon.terminate() == 0
    state = ended_equal(daemon)
    account = of_exchange(state)
    assert len(account.fills) > 3
    assert {order.type for order in account.orders.values()} == {"limit", "stop_market"}
    assert unprotected(state) == {}
    with daemon.ledger() as ledger:
        assert ledger.trades(limit=10)
        for position in ledger.positions():
            resting = [
                order.quantity
                for order in account.orders.values()
                if order.symbol == position.symbol and order.type == "stop_market" and order.status == "open"
            ]
            instrument = daemon.instrument(position.symbol)
            assert resting in ([instrument.round_quantity(position.quantity)], [])
            if not resting:
                assert instrument.refusal(position.quantity, position.entry_price)
