"""Perpetuals with the whole daemon: long and short, stops at the exchange, and a ledger that equals it."""

from typing import Any

import pytest

from tests.kit.daemon import Daemon
from tests.scenario.conftest import PERPETUAL, MakeDaemon, merged
from tests.scenario.perpetual_accounts import ended_equal, of_exchange, unprotected
from tests.scenario.test_kill import (
    SLOW_TWAP,
    KillMoment,
    as_a_stop_follows_a_fill,
    as_the_first_slice_is_sent,
    assert_each_intent_became_one_order,
    between_slices,
    goes_on_with,
    is_entry,
)

pytestmark = pytest.mark.scenario

MARKET_ORDERS = {"execution": {"algorithm": "market"}}


def waits_for_both_sides(daemon: Daemon) -> None:
    """A long and a short were entered, and one of them was closed."""
    for side in ("buy", "sell"):
        daemon.wait_for("order.filled", where=lambda line, side=side: is_entry(line) and line["side"] == side)  # type: ignore[misc]
    daemon.wait_for("trade.closed")


def test_long_and_short_are_protected_and_equal_to_the_exchange(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon(merged(PERPETUAL, MARKET_ORDERS))
    daemon.start()
    waits_for_both_sides(daemon)
    assert daemon.terminate() == 0
    theirs = ended_equal(daemon)
    orders = theirs.account.orders.values()
    assert {order.type for order in orders} == {"limit", "stop_market"}
    assert {order.side for order in orders if order.type == "stop_market"} == {"buy", "sell"}
    assert unprotected(theirs) == {}
    with daemon.ledger() as ledger:
        assert {trade.side for trade in ledger.trades(limit=100)}


KILLS = [
    pytest.param(between_slices, id="between slices"),
    pytest.param(as_the_first_slice_is_sent, id="first slice", marks=pytest.mark.slow),
    pytest.param(as_a_stop_follows_a_fill, id="stop on its way", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("kill", KILLS)
def test_kill_9_in_a_twap_loses_and_doubles_nothing(make_daemon: MakeDaemon, kill: KillMoment) -> None:
    daemon = make_daemon(merged(PERPETUAL, SLOW_TWAP))
    daemon.start()
    kill(daemon)
    parents = {line["parent_id"] for line in daemon.lines("order.submitted", is_entry)}
    daemon.start()
    daemon.wait_for("daemon.ready")
    daemon.wait_until(lambda: not unprotected(of_exchange(daemon.truth())), "every position is protected")
    goes_on_with(daemon, parents)
    assert daemon.terminate() == 0
    ended_equal(daemon)
    assert_each_intent_became_one_order(daemon, parents)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["live", "paper"])
def test_funding_is_paid_on_the_way(make_daemon: MakeDaemon, mode: str) -> None:
    fast: dict[str, Any] = {
        "mode": mode,
        "sandbox": {"speed": 600.0},
        "market": {"timeframe": "5m", "higher_timeframes": ["15m", "1h"]},
    }
    daemon = make_daemon(merged(merged(PERPETUAL, MARKET_ORDERS), fast), parts=["kernels"])
    daemon.start()
    [line] = daemon.wait_for("payment.booked")
    assert line["kind"] == "funding"
    assert daemon.terminate() == 0
    if mode == "live":
        assert ended_equal(daemon).payments
