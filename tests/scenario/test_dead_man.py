"""The daemon dies, and the exchange cancels what could still open a position; what guards one stays."""

import asyncio
import time
from typing import Any

import pytest

from tests.kit.daemon import WAIT_S, Daemon
from tests.kit.usdm import BTC, ccxt_usdm, touch
from tests.scenario.conftest import PERPETUAL, MakeDaemon, merged
from tests.scenario.perpetual_accounts import of_exchange, unprotected

pytestmark = pytest.mark.scenario

SWITCHED: dict[str, Any] = {"execution": {"algorithm": "market"}, "exchange": {"dead_man_s": 5.0}}


def rest_far_away(daemon: Daemon) -> str:
    """An order of the account that nothing will fill; its number."""

    async def place() -> str:
        async with ccxt_usdm(daemon.sandbox) as exchange:
            bid, _ = await touch(exchange)
            order = await exchange.create_order(BTC, "limit", "buy", 0.01, exchange.price_to_precision(BTC, bid * 0.7))
            return str(order["id"])

    return asyncio.run(place())


def status(daemon: Daemon, number: str) -> str:
    orders = daemon.truth()["usdm"]["orders"]
    return next(str(order["status"]) for order in orders if str(order["orderId"]) == number)


def test_kill_9_cancels_what_rests_and_leaves_the_stops(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon(merged(PERPETUAL, SWITCHED))
    daemon.start()
    daemon.wait_for("dead_man.armed")
    daemon.wait_for("order.open", where=lambda line: line["purpose"] == "stop")
    number = rest_far_away(daemon)
    assert status(daemon, number) == "NEW"
    daemon.kill9()
    deadline = time.monotonic() + WAIT_S
    while status(daemon, number) == "NEW":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert status(daemon, number) == "CANCELED"
    assert unprotected(of_exchange(daemon.truth())) == {}
