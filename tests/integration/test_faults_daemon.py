"""Faults of streams, connections, clock and book: what the daemon does meanwhile with a position, and afterwards."""

from pathlib import Path

import pytest

from tests.kit.ccxt_bench import raw_orders
from tests.kit.fault_bench import BTC, ETH
from tests.kit.idle_time import network_passes
from tests.kit.sandbox import eventually
from tests.kit.small_daemon import SmallDaemon, small_daemon
from trader.adapters.ccxt.market import watchdog
from trader.domain.decisions import TradingState
from trader.domain.events import StreamState
from trader.domain.orders import OrderStatus, Purpose
from trader.domain.reasons import told
from trader.domain.signals import Verdict
from trader.runtime import live as runner_module

ENTRY = {"path": "/api/v3/order", "method": "POST", "containing": "side=BUY"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "SETTLE_S", 0.3)
    monkeypatch.setattr(watchdog, "SHORTEST_BUDGET_S", 0.8)


async def opens_nothing(daemon: SmallDaemon, reason: str, symbol: str = ETH) -> None:
    decided = await daemon.verdict(symbol)
    assert decided.verdict is Verdict.SKIP
    assert reason in told(decided.reasons)


async def is_guarded(daemon: SmallDaemon) -> None:
    """The position has its stop (it may be about to follow the price), or that stop has closed it."""
    await eventually(lambda: daemon.is_protected() or not daemon.held())


async def trades_again(daemon: SmallDaemon, symbol: str = ETH) -> None:
    """The next forecast is taken, and everything agrees afterwards."""
    await daemon.has_recovered()
    await eventually(lambda: daemon.state.guard.breakers.trading_state is TradingState.ACTIVE)
    await daemon.next_candle()
    daemon.forecast(symbol)
    await daemon.is_entered(symbol)
    await daemon.assert_agrees_with_exchange()
    await is_guarded(daemon)


async def flows(daemon: SmallDaemon) -> None:
    """Books of ETH come one after the other, and are believed."""
    seen: set[int] = set()

    def more() -> bool:
        market = daemon.state.markets[ETH]
        if market.stream is not StreamState.LIVE or market.book is None:
            seen.clear()
        else:
            seen.add(market.book.ts_ms)
        return len(seen) > 5

    await eventually(more)


async def test_market_data_that_goes_wrong_stops_its_symbol_alone_until_it_is_sound(tmp_path: Path) -> None:
    async with small_daemon(tmp_path) as daemon:
        daemon.forecast()
        await daemon.is_entered()
        await daemon.faults.begin("duplicate_updates", stream="ethusdt@depth", next=5)
        faults: dict[str, dict[str, float]] = {
            "silence": {},
            "lose_subscription": {},
            "skip_updates": {"next": 2},
            "reorder_updates": {"next": 2},
        }
        for kind, parameters in faults.items():
            await flows(daemon)
            daemon.forget_streams()
            if kind == "silence":  # and nothing comes over REST instead
                await daemon.faults.begin("error", path="/depth", containing="ETHUSDT", next=0)
            await daemon.faults.begin(kind, stream="ethusdt@depth", **parameters)
            await eventually(lambda: StreamState.STALE in daemon.streams(ETH))
            if kind == "silence":
                await opens_nothing(daemon, "market data stale")
                await daemon.faults.clear()
            await eventually(lambda: daemon.streams(ETH)[-1] is StreamState.LIVE)
            await is_guarded(daemon)
            assert daemon.streams(BTC) == []
        await trades_again(daemon)


@pytest.mark.parametrize(("kind", "parameters"), [("end_account_stream", {}), ("drop_sockets", {"path": "/ws-api"})])
async def test_what_happens_while_the_account_stream_is_away_is_found(
    tmp_path: Path, kind: str, parameters: dict[str, str]
) -> None:
    async with small_daemon(tmp_path) as daemon:
        daemon.forecast()
        await daemon.is_entered()
        await daemon.is_settled()
        stop = daemon.state.orders.tracker.open_orders(BTC)[0]
        await daemon.faults.begin("account_gap", next=0)
        await daemon.faults.begin(kind, **parameters)
        await raw_orders(daemon.bench.exchange).cancel_order(stop.exchange_id, BTC)
        await eventually(lambda: not daemon.state.account.is_live or len(daemon.orders(Purpose.STOP)) > 1)
        await eventually(lambda: len(daemon.orders(Purpose.STOP)) > 1 and daemon.is_protected())
        await daemon.faults.clear()
        await trades_again(daemon)


async def test_a_port_that_refuses_leaves_the_position_to_its_stop_and_opens_nothing(tmp_path: Path) -> None:
    async with small_daemon(tmp_path) as daemon:
        daemon.forecast()
        await daemon.is_entered()
        await daemon.faults.begin("refuse_connections", for_s=2.5)
        await eventually(lambda: daemon.state.guard.breakers.trading_state is TradingState.REDUCING)
        orders = len(daemon.orders())
        await opens_nothing(daemon, "account stream is not live")
        await is_guarded(daemon)
        assert len(daemon.orders()) == orders
        await trades_again(daemon)


async def test_a_clock_that_is_wrong_reduces_until_it_is_right_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "CLOCK_EVERY_S", 0.3)
    async with small_daemon(tmp_path) as daemon:
        daemon.forecast()
        await daemon.is_entered()
        await daemon.faults.begin("clock_skew", skew_ms=1_800)
        await eventually(lambda: any("clock +" in str(reason) for reason in daemon.state.guard.breakers.reasons))
        await opens_nothing(daemon, "clock +")
        await is_guarded(daemon)
        await daemon.faults.clear()
        await trades_again(daemon)


async def test_an_entry_that_fills_in_part_is_protected_for_what_was_filled(tmp_path: Path) -> None:
    async with small_daemon(tmp_path) as daemon:
        await daemon.faults.begin("thin_book", symbol=BTC, share=0.02)
        await network_passes(0.3)  # over the next book
        daemon.forecast()
        await eventually(lambda: daemon.held() > 0)
        await daemon.is_settled()
        entries = daemon.orders(Purpose.ENTRY)
        assert any(order.filled < order.intent.quantity for order in entries)
        await eventually(lambda: daemon.is_protected() or daemon.is_dust(BTC))
        await daemon.faults.clear()
        await daemon.assert_agrees_with_exchange()


async def test_an_entry_that_arrives_after_we_gave_up_is_found_and_held_once(tmp_path: Path) -> None:
    async with small_daemon(tmp_path) as daemon:
        await daemon.faults.begin("delay_answer", delay_s=1.9, **ENTRY)
        daemon.forecast()
        await eventually(lambda: bool(daemon.told("order.unknown")))
        await opens_nothing(daemon, "unknown outcome", BTC)
        await daemon.is_entered()
        assert [order.status for order in daemon.orders(Purpose.ENTRY)] == [OrderStatus.FILLED]
        await daemon.assert_agrees_with_exchange()
