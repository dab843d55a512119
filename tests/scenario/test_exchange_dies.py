"""The exchange goes away in the middle of trading, and comes back."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from tests.kit.daemon import Daemon, seconds
from tests.scenario.accounts import ended_equal, nothing_in_doubt, unprotected
from tests.scenario.conftest import MakeDaemon

pytestmark = pytest.mark.scenario


def test_an_exchange_that_dies_and_returns(make_daemon: MakeDaemon) -> None:
    # short requests, so that an order on its way when the exchange died is proven absent within seconds
    impatient = {"request_timeout_s": 2.0, "receive_window_ms": 2_000}
    daemon = make_daemon({"execution": {"algorithm": "market"}, "exchange": impatient})
    daemon.start()
    daemon.wait_for("order.open", where=lambda line: line["purpose"] == "stop")
    port = urlsplit(daemon.sandbox.endpoint).port
    assert port is not None
    os.kill(daemon.sandbox.pid, signal.SIGKILL)
    died = time.time()

    daemon.wait_for("account.unreachable")
    [reduced] = daemon.wait_for(
        "trading.state_changed", where=lambda line: line["state"] == "reducing" and seconds(line) > died
    )
    assert "account stream is not live" in daemon.status()["trading_reasons"]
    distrusted: set[str] = set()
    while distrusted != set(daemon.settings.exchange.symbols):
        [line] = daemon.wait_for(
            "stream.changed", where=lambda x: x["state"] != "live" and x["symbol"] not in distrusted
        )
        distrusted.add(line["symbol"])
    since = daemon.lines()[daemon.lines().index(reduced) :]
    assert [line for line in since if line["event"] == "order.submitted" and line["purpose"] == "entry"] == []

    with exchange_on(daemon, port):
        daemon.wait_until(
            lambda: "account stream is not live" not in daemon.status()["trading_reasons"],
            "the account is known again",
        )
        daemon.wait_until(lambda: not unprotected(daemon.truth()), "positions are protected")
        nothing_in_doubt(daemon)
        assert daemon.terminate() == 0
        ended_equal(daemon)


@contextmanager
def exchange_on(daemon: Daemon, port: int) -> Iterator[None]:
    """The same exchange again: same directory, same port."""
    options = json.loads((daemon.sandbox_dir / "options.json").read_text())
    file = daemon.directory / "again.json"
    file.write_text(json.dumps({**options, "port": port}))
    with subprocess.Popen([sys.executable, "-m", "trader", "sandbox", "--options-file", str(file)]) as process:
        try:
            yield
        finally:
            process.terminate()
