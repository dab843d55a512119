"""The store: exact resumption, refusal of files that are not ours, survival of kill -9."""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.simulation.shop import BTC, BUY, SELL, SYMBOL, D, Shop, limit, market, stop
from trader.domain.errors import InvariantBroken, Misconfigured, Rejected
from trader.domain.orders import OrderStatus
from trader.simulation.exchange import SimulatedExchange
from trader.simulation.records.memory import Changes, Window
from trader.simulation.records.store import SCHEMA_VERSION, SimulationStore


def as_after_a_kill(path: Path) -> Path:
    """The files as a killed process would leave them."""
    left = path.with_name("left") / path.name
    left.parent.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", f"{left}{suffix}")
    return left


def test_everything_goes_on_after_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "state" / "paper.db"
    shop = Shop(SimulationStore(path))
    shop.submit(market(BUY, "2", name="m"))
    queued, _ = shop.submit(limit(BUY, "2", "99.9", name="l"))
    shop.submit(stop(SELL, "1", "99", name="s"))
    again = Shop(SimulationStore(as_after_a_kill(path)), with_book=False)
    before, after = shop.exchange, again.exchange
    assert after.balances() == before.balances()
    assert after.open_orders() == before.open_orders()
    assert after.orders(SYMBOL) == before.orders(SYMBOL)
    assert after.trades(SYMBOL) == before.trades(SYMBOL)
    assert after.now_ms == before.now_ms
    again.book()
    again.trade(99.9, 1.5)  # 1.0 was ahead
    assert again.now(queued).filled == D("0.5")
    assert again.exchange.trades(SYMBOL)[-1].trade_id == 3
    assert again.submit(limit(BUY, "1", "98", name="n"))[0].exchange_id == 4


def test_queue_progress_since_the_last_change_needs_a_checkpoint(tmp_path: Path) -> None:
    shop = Shop(SimulationStore(tmp_path / "a.db"))
    order, _ = shop.submit(limit(BUY, "2", "99.9"))
    shop.trade(99.9, 0.4)
    killed = Shop(SimulationStore(as_after_a_kill(tmp_path / "a.db")), with_book=False)
    killed.trade(99.9, 1.5)
    assert killed.now(order).filled == D("0.5")  # conservative: 1.0 ahead again
    shop.exchange.checkpoint()
    shutil.rmtree(tmp_path / "left")
    resumed = Shop(SimulationStore(as_after_a_kill(tmp_path / "a.db")), with_book=False)
    resumed.trade(99.9, 1.5)
    assert resumed.now(order).filled == D("0.9")


def test_what_was_eaten_stays_eaten_over_a_restart(tmp_path: Path) -> None:
    shop = Shop(SimulationStore(tmp_path / "a.db"))
    shop.submit(market(BUY, "1", name="m"))
    again = Shop(SimulationStore(as_after_a_kill(tmp_path / "a.db")))
    _, trades = again.submit(market(BUY, "1", name="n"))
    assert [t.price for t in trades] == [D("100.2")]


def test_no_stale_book_is_traded_after_a_restart(tmp_path: Path) -> None:
    shop = Shop(SimulationStore(tmp_path / "a.db"))
    shop.exchange.checkpoint()
    again = Shop(SimulationStore(as_after_a_kill(tmp_path / "a.db")), with_book=False)
    assert again.refused(market(BUY, "1")) == "no_liquidity"


def test_opening_balances_count_only_once(tmp_path: Path) -> None:
    store = SimulationStore(tmp_path / "a.db")
    Shop(store)
    store.close()
    store = SimulationStore(tmp_path / "a.db")
    exchange = SimulatedExchange({SYMBOL: BTC}, opening_balances={"USDT": D(5)}, store=store)
    assert {b.currency: b.free for b in exchange.balances()} == {"BTC": D(10), "USDT": D(10_000)}


def test_ids_start_where_a_fresh_store_is_told_to(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    store = SimulationStore(path)
    first = SimulatedExchange({SYMBOL: BTC}, opening_balances={"USDT": D(500)}, store=store, first_id=1000)
    assert first.submit(limit(BUY, "1", "99"), 5)[0].exchange_id == 1000
    store.close()
    second = SimulatedExchange({SYMBOL: BTC}, opening_balances={}, store=SimulationStore(path), first_id=7)
    assert second.submit(limit(BUY, "1", "99", name="b"), 5)[0].exchange_id == 1001


def test_orders_of_a_symbol_no_longer_listed_rest_and_can_be_canceled(tmp_path: Path) -> None:
    store = SimulationStore(tmp_path / "a.db")
    Shop(store).submit(limit(BUY, "1", "99"))
    store.close()
    exchange = SimulatedExchange({}, opening_balances={}, store=SimulationStore(tmp_path / "a.db"))
    assert [order.client_id for order in exchange.open_orders()] == ["l"]
    with pytest.raises(Rejected, match="not listed"):
        exchange.submit(limit(BUY, "1", "99", name="n"), 5)
    assert exchange.cancel(SYMBOL, 5, client_id="l").status is OrderStatus.CANCELED
    assert all(balance.locked == 0 for balance in exchange.balances())


def test_blobs_survive_a_kill(tmp_path: Path) -> None:
    store = SimulationStore(tmp_path / "a.db")
    assert store.get_blob("generator") is None
    store.put_blob("generator", b"\x00one")
    store.put_blob("generator", b"\x00two")
    assert SimulationStore(as_after_a_kill(tmp_path / "a.db")).get_blob("generator") == b"\x00two"
    with pytest.raises(ValueError, match="market_time_ms"):
        store.put_blob("market_time_ms", b"1")


def test_one_file_serves_one_exchange(tmp_path: Path) -> None:
    store = SimulationStore(tmp_path / "a.db")
    with pytest.raises(Misconfigured, match=r"a\.db is open in another process"):
        SimulationStore(tmp_path / "a.db", lock_timeout_s=0.05)
    store.close()
    store.close()
    SimulationStore(tmp_path / "a.db").close()


def change(path: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()


def a_text(path: Path) -> None:
    path.write_text("not a database " * 400)


def foreign(path: Path) -> None:
    change(path, "CREATE TABLE mine (a)")


def newer(path: Path) -> None:
    SimulationStore(path).close()
    change(path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")


def overwritten(path: Path) -> None:
    store = SimulationStore(path)
    Shop(store).submit(limit(BUY, "1", "99"))
    store.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\x5a" * 20_000)


def cut_off(path: Path) -> None:
    store = SimulationStore(path)
    Shop(store)
    store.close()
    os.truncate(path, 3 * 4096)


def foreign_row(path: Path) -> None:
    store = SimulationStore(path)
    Shop(store).submit(limit(BUY, "1", "99"))
    store.close()
    change(path, "UPDATE orders SET body = x'80'")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (a_text, "damaged or not a simulation store"),
        (foreign, "is not a simulation store"),
        (newer, f"schema version {SCHEMA_VERSION + 1}"),
        (overwritten, "damaged"),
        (cut_off, "damaged"),
        (foreign_row, "damaged"),
    ],
)
def test_files_that_cannot_be_used_are_named(tmp_path: Path, spoil: Callable[[Path], None], reason: str) -> None:
    path = tmp_path / "spoiled.db"
    spoil(path)
    with pytest.raises(Misconfigured, match=rf"spoiled\.db .*{reason}"):
        Shop(SimulationStore(path))


def test_a_place_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken.db").mkdir()
    with pytest.raises(Misconfigured, match=r"taken\.db"):
        SimulationStore(tmp_path / "taken.db")


def test_a_write_that_failed_is_made_up_for_by_the_next(tmp_path: Path) -> None:
    class Failing(SimulationStore):
        fails = False

        def write(self, batch: Changes) -> None:
            if self.fails:
                raise InvariantBroken("disk full")
            super().write(batch)

    store = Failing(tmp_path / "a.db")
    shop = Shop(store)
    store.fails = True
    with pytest.raises(InvariantBroken):
        shop.submit(market(BUY, "1", name="lost"))
    assert shop.events == []
    store.fails = False
    shop.submit(market(SELL, "1", name="next"))
    names = [order.client_id for order in SimulationStore(as_after_a_kill(tmp_path / "a.db")).orders(SYMBOL, Window())]
    assert names == ["lost", "next"]
    assert len(shop.exchange.trades(SYMBOL)) == 2


CHILD = """
import sys
from pathlib import Path
from tests.unit.simulation.shop import BUY, SELL, Shop, limit, market
from trader.simulation.records.memory import Changes
from trader.simulation.records.store import SimulationStore

shop = Shop(SimulationStore(Path(sys.argv[1])))
for i in range(100_000):
    shop.book(((99.9, 5.0 + i),), ((100.1, 5.0 + i),))
    for request in (market(BUY, "0.1", name=f"b{i}"), limit(SELL, "0.1", "99.9", name=f"s{i}", ioc=True)):
        shop.submit(request)
        print(request.client_id, flush=True)
"""


def test_kill_9_loses_no_accepted_order_and_halves_none(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    acknowledged = [child.stdout.readline().strip() for _ in range(40)]
    child.send_signal(signal.SIGKILL)
    acknowledged += child.stdout.read().split()
    child.wait()
    exchange = Shop(SimulationStore(path), with_book=False).exchange
    kept = {order.client_id: order for order in exchange.orders(SYMBOL)}
    assert set(acknowledged) <= set(kept)
    assert len(kept) <= len(acknowledged) + 1
    assert all(order.status is OrderStatus.FILLED for order in kept.values())
    trades = exchange.trades(SYMBOL)
    usdt = sum((-t.side.sign * t.quote_quantity - (t.fee if t.side is SELL else 0) for t in trades), D(10_000))
    btc = sum((t.side.sign * t.quantity - (t.fee if t.side is BUY else 0) for t in trades), D(10))
    assert {b.currency: b.total for b in exchange.balances()} == {"BTC": btc, "USDT": usdt}
