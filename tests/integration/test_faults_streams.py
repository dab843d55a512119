"""Faults of the websockets: what our feed and account stream tell while they last, and that all is well afterwards."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.kit.ccxt_bench import approved, limit, raw_feed
from tests.kit.fault_bench import BTC, ETH, FaultBench, fault_bench, streaming
from tests.kit.idle_time import network_passes
from tests.kit.sandbox import eventually
from trader.adapters.ccxt.market import watchdog
from trader.domain.events import StreamState
from trader.domain.orders import OrderRef, OrderStatus
from trader.market.quality import book_fault


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "SHORTEST_BUDGET_S", 0.8)


async def test_sockets_cut_are_dialled_again_and_no_candle_is_lost(tmp_path: Path) -> None:
    async with fault_bench(tmp_path) as bench, streaming(bench, account=True):
        for _ in range(2):
            assert await bench.faults.acted(await bench.faults.begin("drop_sockets")) >= 2
            await bench.goes_on()
            await eventually(lambda: any("back after" in reason for reason in bench.unreachable()))
        await bench.assert_candles_true()


async def test_silence_is_noticed_and_ends_by_itself(tmp_path: Path) -> None:
    async with fault_bench(tmp_path) as bench, streaming(bench):
        await bench.goes_on()
        await bench.faults.begin("silence", for_s=2.5)
        await eventually(lambda: all(StreamState.STALE in bench.states(symbol) for symbol in (BTC, ETH)))
        await bench.goes_on()
        await bench.assert_candles_true()


async def test_a_lost_subscription_is_renewed(tmp_path: Path) -> None:
    async with fault_bench(tmp_path) as bench, streaming(bench):
        await bench.goes_on()
        lost = await bench.faults.begin("lose_subscription", stream="btcusdt@depth")
        assert await bench.faults.acted(lost) == 1
        await eventually(lambda: StreamState.STALE in bench.states())
        await bench.goes_on()
        assert bench.states(ETH) == [StreamState.LIVE]


async def test_a_lost_candle_stream_loses_no_candle(tmp_path: Path) -> None:
    async with fault_bench(tmp_path, speed=300) as bench, streaming(bench):
        await bench.goes_on()
        assert await bench.faults.acted(await bench.faults.begin("lose_subscription", stream="@kline")) == 2
        await bench.goes_on(candles=4)
        await bench.assert_candles_true()


async def test_books_are_sound_whatever_becomes_of_single_updates(tmp_path: Path) -> None:
    async with fault_bench(tmp_path) as bench, streaming(bench):
        twice = await bench.faults.begin("duplicate_updates", next=6)
        await bench.goes_on(books=4)
        assert await bench.faults.acted(twice) == 6
        assert bench.states() == bench.states(ETH) == [StreamState.LIVE]  # what comes twice changes nothing
        numbers = [
            await bench.faults.begin("skip_updates", stream="btcusdt@depth", next=2),
            await bench.faults.begin("reorder_updates", stream="ethusdt@depth", next=2),
        ]
        await eventually(lambda: StreamState.STALE in bench.states() and StreamState.STALE in bench.states(ETH))
        await bench.goes_on(books=10)
        assert [await bench.faults.acted(number) for number in numbers] == [2, 2]
        told = (*bench.books(), *bench.books(ETH))
        assert [fault for book in told if (fault := book_fault(book.bids, book.asks))] == []
        assert await _equals_the_exchange(bench)


async def _equals_the_exchange(bench: FaultBench) -> bool:
    """Some streamed book is level by level one that REST answers with."""
    for _ in range(30):
        truth = await raw_feed(bench.connection).fetch_order_book(BTC, 20)
        asked = [tuple(map(tuple, truth[side])) for side in ("bids", "asks")]
        await network_passes(0.15)
        if any([book.bids[:20], book.asks[:20]] == asked for book in bench.books()[-8:]):
            return True
    return False


async def test_events_lost_without_a_word_are_found_by_asking(tmp_path: Path) -> None:
    async with fault_bench(tmp_path) as bench, streaming(bench, feed=False, account=True):
        gap = await bench.faults.begin("account_gap", next=0)
        since_ms = bench.clock.now_ms()
        placed = await bench.exchange.submit(approved("gone-1"))
        assert await bench.faults.acted(gap) >= 2
        await bench.faults.clear()
        found = await bench.exchange.order(OrderRef(BTC, "gone-1"))
        assert found is not None
        assert (found.status, found.filled) == (OrderStatus.FILLED, placed.filled)
        fills = await bench.exchange.fills(BTC, since_ms)
        assert sum((fill.quantity for fill in fills), Decimal(0)) == placed.filled
        await bench.exchange.submit(approved("heard-1"))
        await eventually(lambda: bench.filled("heard-1") == Decimal("0.002"))
        assert bench.statuses("gone-1") == []


async def test_what_happens_while_the_account_stream_is_down_is_announced_as_unknown(tmp_path: Path) -> None:
    async with fault_bench(tmp_path) as bench, streaming(bench, feed=False, account=True):
        await bench.faults.begin("drop_sockets", path="/ws-api")
        await eventually(lambda: bool(bench.unreachable()))
        await eventually(lambda: "back after" in bench.unreachable()[-1])
        await bench.exchange.submit(approved("after-1"))
        await eventually(lambda: bench.filled("after-1") == Decimal("0.002"))
        await eventually(lambda: bench.statuses("after-1")[-1:] == [OrderStatus.FILLED])


async def test_an_account_stream_that_says_goodbye_is_opened_again(tmp_path: Path) -> None:
    async with fault_bench(tmp_path) as bench, streaming(bench, feed=False, account=True):
        assert await bench.faults.acted(await bench.faults.begin("end_account_stream")) == 1
        await eventually(lambda: any("eventStreamTerminated" in reason for reason in bench.unreachable()))
        await eventually(lambda: "back after" in bench.unreachable()[-1])
        await bench.exchange.submit(limit("rests-1", await bench.price(0.9)))
        await eventually(lambda: bench.statuses("rests-1") == [OrderStatus.OPEN])
