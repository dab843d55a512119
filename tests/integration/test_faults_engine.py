"""Faults where the engine's own reaction matters: the daemon's core and shell on a sandbox that goes wrong."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from tests.kit.ccxt_bench import raw_orders
from tests.kit.fault_bench import BTC
from tests.kit.idle_time import network_passes, quiet
from tests.kit.sandbox import eventually
from tests.kit.small_daemon import small_daemon
from trader.domain import decisions as d
from trader.domain.events import CommandName, StreamState
from trader.domain.orders import OrderStatus, Purpose
from trader.runtime import live as runner_module

PLACING = {"path": "/api/v3/order", "method": "POST"}
ENTRY = {**PLACING, "containing": "side=BUY"}
STOP = {"path": "/api/v3/order", "method": "POST", "containing": "STOP_LOSS"}


@pytest.fixture(autouse=True)
def _quick_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "SETTLE_S", 0.3)


@pytest.mark.parametrize(
    "kind",
    ["drop_answer", *(pytest.param(k, marks=pytest.mark.slow) for k in ("truncated_body", "empty_body", "error"))],
)
async def test_an_entry_without_an_answer_becomes_one_protected_position(tmp_path: Path, kind: str) -> None:
    when = {} if kind.endswith("_body") else {"when": "after"}
    async with small_daemon(tmp_path) as daemon:
        number = await daemon.faults.begin(kind, **when, **ENTRY)
        daemon.forecast()
        await daemon.is_entered()
        assert await daemon.faults.acted(number) == 1
        assert [order.status for order in daemon.orders(Purpose.ENTRY)] == [OrderStatus.FILLED]
        await daemon.assert_agrees_with_exchange()


async def test_an_entry_that_never_arrived_blocks_its_symbol_until_that_is_proven(tmp_path: Path) -> None:
    async with small_daemon(tmp_path) as daemon:
        await daemon.faults.begin("drop_answer", **ENTRY)
        daemon.forecast()
        await eventually(lambda: bool(daemon.told("order.unknown")))
        daemon.forecast()
        await eventually(lambda: len(daemon.decided(d.RecordDecision)) == 2)
        assert daemon.held() == 0
        await eventually(lambda: daemon.orders(Purpose.ENTRY)[0].status is OrderStatus.NOT_PLACED)
        await daemon.next_candle()
        daemon.forecast()
        await daemon.is_entered()
        await daemon.assert_agrees_with_exchange()


@pytest.mark.parametrize("kind", ["drop_answer", pytest.param("error", marks=pytest.mark.slow)])
async def test_a_stop_without_an_answer_still_protects(tmp_path: Path, kind: str) -> None:
    for when in ("before", "after"):
        async with small_daemon(tmp_path / when) as daemon:
            await daemon.faults.begin(kind, when=when, **STOP)
            daemon.forecast()
            await daemon.is_entered()
            await daemon.is_settled()
            assert daemon.is_protected()
            await daemon.assert_agrees_with_exchange()


async def test_a_limit_on_orders_delays_the_stop_and_does_not_cost_the_position(tmp_path: Path) -> None:
    async with small_daemon(tmp_path) as daemon:
        number = await daemon.faults.begin("error", status=429, retry_after_s=1, **STOP)
        daemon.forecast()
        await daemon.is_entered()
        assert await daemon.faults.acted(number) == 1
        await daemon.is_entered()  # still, or again: the stop follows the price and the last fills
        assert daemon.orders(Purpose.EXIT) == []
        assert daemon.told("stop.impossible") == []
        await daemon.assert_agrees_with_exchange()


async def test_a_limit_on_entries_ends_the_entry_and_the_next_one_goes_through(tmp_path: Path) -> None:
    async with small_daemon(tmp_path) as daemon:
        await daemon.faults.begin("error", status=429, retry_after_s=1, **ENTRY)
        daemon.forecast()
        await eventually(lambda: bool(daemon.orders(Purpose.ENTRY)))
        await daemon.is_settled()
        assert {order.status for order in daemon.orders()} == {OrderStatus.REJECTED}
        await network_passes(1.2)  # the exchange asked for so much silence
        daemon.forecast()
        await daemon.is_entered()
        await daemon.assert_agrees_with_exchange()


async def test_maintenance_leaves_a_position_protected_and_trading_goes_on(tmp_path: Path) -> None:
    async with small_daemon(tmp_path) as daemon:
        daemon.forecast()
        await daemon.is_entered()
        await daemon.faults.begin("maintenance", for_s=1.5)
        await eventually(lambda: not daemon.state.account.is_live)
        await eventually(lambda: daemon.state.account.is_live)
        await daemon.assert_agrees_with_exchange()
        assert daemon.is_protected()


async def test_a_stop_cancelled_by_hand_during_a_silent_gap_is_found_and_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "RECONCILE_EVERY_S", 1.0)
    async with small_daemon(tmp_path) as daemon:
        daemon.forecast()
        await daemon.is_entered()
        await daemon.is_settled()
        await daemon.faults.begin("account_gap", next=0)
        stop = daemon.state.orders.tracker.open_orders(BTC)[0]
        await raw_orders(daemon.bench.exchange).cancel_order(stop.exchange_id, BTC)
        await eventually(lambda: len(daemon.orders(Purpose.STOP)) == 2 and daemon.is_protected())
        await daemon.faults.clear()
        await daemon.assert_agrees_with_exchange()


async def test_post_only_orders_that_are_all_refused_make_no_storm(tmp_path: Path) -> None:
    would_match = {"status": 400, "code": -2010, "message": "Order would immediately match and take.", "next": 0}
    async with small_daemon(tmp_path, execution={"algorithm": "limit", "limit_timeout_s": 20}) as daemon:
        number = await daemon.faults.begin("error", **would_match, **PLACING, containing="LIMIT_MAKER")
        daemon.forecast()
        await eventually(lambda: len(daemon.orders(Purpose.ENTRY)) == 3)
        await daemon.is_settled()
        await quiet()
        assert await daemon.faults.acted(number) == 3
        assert {order.status for order in daemon.orders()} == {OrderStatus.REJECTED}
        await daemon.faults.clear()
        await daemon.next_candle()
        daemon.forecast()
        await eventually(lambda: daemon.orders(Purpose.ENTRY)[-1].status is not OrderStatus.REJECTED)
        await daemon.assert_agrees_with_exchange()


async def test_a_stop_off_a_changed_grid_is_placed_on_the_new_one(tmp_path: Path) -> None:
    async with small_daemon(tmp_path) as daemon:
        await daemon.faults.begin("filters_changed", symbol=BTC, price_tick="7", quantity_step="0.001")
        daemon.forecast()
        await eventually(lambda: bool(daemon.told("instrument.changed")))
        await daemon.next_candle()  # the entry may have been refused too
        daemon.forecast()
        await daemon.is_entered()
        stop = daemon.orders(Purpose.STOP)[-1].intent
        assert stop.stop_price is not None
        assert (stop.stop_price % 7, stop.quantity % Decimal("0.001")) == (Decimal(0), Decimal(0))
        assert daemon.told("stop.impossible") == []
        await daemon.assert_agrees_with_exchange()


async def test_a_symbol_that_ends_keeps_its_position_and_is_traded_again_when_it_returns(tmp_path: Path) -> None:
    async with small_daemon(tmp_path) as daemon:
        daemon.forecast()
        await daemon.is_entered()
        await daemon.faults.begin("delist", symbol=BTC)
        closing = asyncio.create_task(daemon.command(CommandName.FLATTEN))
        await eventually(lambda: daemon.state.markets[BTC].stream is StreamState.STALE)
        assert daemon.held() > 0
        assert (await daemon.bench.truth())["balances"]["BTC"] != "0"
        await daemon.faults.clear()
        await closing
        await eventually(lambda: daemon.held() == 0)
        await daemon.assert_agrees_with_exchange()
