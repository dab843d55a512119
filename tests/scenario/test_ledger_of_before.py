"""The daemon on the state directory of the version before, as `kill -9` left it: an upgrade while it trades."""

from decimal import Decimal

import pytest
import yaml

from tests.kit.daemon import Daemon
from tests.kit.harness import FUNDING_RATE
from tests.kit.stored_ledgers import FOLDER, as_file
from tests.scenario.accounts import (
    MANY,
    Account,
    assert_equal,
    ended_equal,
    nothing_in_doubt,
    of_simulation,
    unprotected,
)
from tests.scenario.conftest import MakeDaemon
from tests.scenario.perpetual_accounts import Margined, of_our_ledger
from tests.scenario.test_kill import assert_each_intent_became_one_order, goes_on_with
from trader.adapters.ledger import ledger_path
from trader.simulation.derivatives.perpetual import PerpetualExchange
from trader.simulation.records.memory import Window
from trader.simulation.records.store import SimulationStore

pytestmark = pytest.mark.scenario

SPOT, PERPETUAL = FOLDER / "spot-live", FOLDER / "perpetual-paper"
# where the sandbox kept the books of these markets
MARKET_OF_SPOT, MARKET_OF_PERPETUAL = "43e570e3e7bfcf48", "9df7b74b13723cf7"


def test_the_daemon_goes_on_with_the_slices_of_the_version_before(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(yaml.safe_load((SPOT / "config.yaml").read_text()))
    as_file(SPOT / "ledger.sql", ledger_path(daemon.settings))
    as_file(SPOT / "account.sql", daemon.sandbox_dir / MARKET_OF_SPOT / "exchange.db")
    with daemon.ledger() as ledger:
        before = {(fill.symbol, fill.fill_id): fill for fill in ledger.fills(limit=100)}
        parents = {d.parent_id for d in ledger.decisions(limit=100) if d.parent_id}
        under_way = parents - {report.parent_id for report in ledger.executions(limit=100)}
    assert len(under_way) == 2
    daemon.start()
    daemon.wait_for("daemon.ready")
    daemon.wait_until(lambda: not unprotected(daemon.truth()), "every position is protected")
    goes_on_with(daemon, under_way)
    assert daemon.terminate() == 0
    ended_equal(daemon)
    assert_each_intent_became_one_order(daemon, under_way)
    with daemon.ledger() as ledger:
        after = {(fill.symbol, fill.fill_id): fill for fill in ledger.fills(limit=10_000)}
    assert before.items() <= after.items()


@pytest.mark.slow
def test_a_short_on_paper_goes_on(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(yaml.safe_load((PERPETUAL / "config.yaml").read_text()), parts=["kernels"])
    as_file(PERPETUAL / "ledger.sql", ledger_path(daemon.settings))
    as_file(PERPETUAL / "account.sql", daemon.settings.account_dir / "paper.sqlite")
    as_file(PERPETUAL / "market.sql", daemon.sandbox_dir / MARKET_OF_PERPETUAL / "exchange.db")
    as_file(PERPETUAL / "usdm.sql", daemon.sandbox_dir / MARKET_OF_PERPETUAL / "usdm.db")
    before = of_our_ledger_file(daemon)
    assert set(before.positions) == {"BTC/USDT:USDT"}
    daemon.start()
    daemon.wait_for("daemon.ready")
    nothing_in_doubt(daemon)
    daemon.wait_for("trade.closed", where=lambda line: line["symbol"] == "BTC/USDT:USDT")
    assert daemon.terminate() == 0
    after = of_our_ledger_file(daemon)
    assert before.account.fills.items() <= after.account.fills.items()
    assert before.payments == after.payments[: len(before.payments)]
    assert_equal(after.account, of_paper(daemon))


def of_our_ledger_file(daemon: Daemon) -> Margined:
    with daemon.ledger() as ledger:
        return of_our_ledger(ledger)


def of_paper(daemon: Daemon) -> Account:
    """The paper venue's own books, from its file, without funding newer than any that our ledger has asked for."""
    with daemon.ledger() as ledger:
        asked_ms = max(payment.ts_ms for payment in ledger.payments(limit=MANY))
    store = SimulationStore(daemon.settings.account_dir / "paper.sqlite")
    try:
        instruments = store.resume().instruments
        venue = PerpetualExchange(
            instruments, opening_balances={}, funding_rates=lambda _symbol, _due_ms: FUNDING_RATE, store=store
        )
        account = of_simulation(venue, instruments)
        late = venue.incomes(Window(since_ms=asked_ms + 1), kind="funding")
    finally:
        store.close()
    owed = sum((income.amount for income in late), Decimal(0))
    return account._replace(balances={"USDT": account.balances["USDT"] - owed})
