"""The paper venue: a feed driven by hand, answers as domain values, latency, the account stream, restarts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.feeds import HandFeed
from tests.unit.simulation.shop import ASKS, BIDS, BTC, BUY, SELL, SYMBOL, D
from trader.clock import SimulatedClock
from trader.domain.account import Balance
from trader.domain.errors import InvariantBroken, OutcomeUnknown, Rejected, Unavailable
from trader.domain.events import (
    AccountEvent,
    AccountUnreachable,
    BalancesReported,
    BookUpdated,
    CandleClosed,
    FillArrived,
    MarketEvent,
    OrderReported,
)
from trader.domain.market import Book, Candle
from trader.domain.orders import Approved, OrderIntent, OrderRef, OrderStatus, OrderType, Purpose, Side
from trader.ports import Exchange, MarketFeed
from trader.simulation.records.memory import Changes
from trader.simulation.records.store import SimulationStore
from trader.simulation.venue import PaperVenue


def approved(
    side: Side,
    quantity: str,
    *,
    price: str | None = None,
    stop: str | None = None,
    name: str = "a",
    symbol: str = SYMBOL,
) -> Approved:
    kind = OrderType.STOP_MARKET if stop else OrderType.LIMIT if price else OrderType.MARKET
    intent = OrderIntent(
        client_id=name,
        parent_id=name,
        decision_id="d",
        symbol=symbol,
        side=side,
        type=kind,
        quantity=D(quantity),
        purpose=Purpose.ENTRY,
        price=None if price is None else D(price),
        stop_price=None if stop is None else D(stop),
    )
    return Approved(intent, 0)


class Desk:
    """A running paper venue, what it told, and the hands that drive it."""

    def __init__(self, store: SimulationStore | Path | None, latency_s: float) -> None:
        self.feed = HandFeed({SYMBOL: BTC})
        self.clock = SimulatedClock(1_000)
        self.venue = PaperVenue(
            self.feed,
            {SYMBOL: BTC},
            self.clock,
            opening_balances={"USDT": D(10_000), "BTC": D(10)},
            store=store,
            latency_s=latency_s,
        )
        self.seen: list[MarketEvent | AccountEvent] = []

    def told(self) -> list[str]:
        return [type(event).__name__ for event in self.seen]


@contextlib.asynccontextmanager
async def open_desk(
    store: SimulationStore | Path | None = None, *, latency_s: float = 0.0, with_book: bool = True
) -> AsyncIterator[Desk]:
    desk = Desk(store, latency_s)
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(desk.venue.run(desk.seen.append)),
            tasks.create_task(desk.venue.run_account(desk.seen.append)),
        ]
        await desk.feed.is_running()
        await asyncio.sleep(0)
        if with_book:
            desk.feed.book(SYMBOL, 1_000, BIDS, ASKS)
        try:
            yield desk
        finally:
            for task in running:
                task.cancel()
            await desk.venue.close()


def ref(name: str, exchange_id: str | None = None) -> OrderRef:
    return OrderRef(SYMBOL, name, exchange_id)


async def test_it_is_both_ports() -> None:
    async with open_desk() as desk:
        feed: MarketFeed = desk.venue
        exchange: Exchange = desk.venue
        assert await feed.instruments() == {SYMBOL: BTC}
        assert await feed.candles(SYMBOL, "1m", 0, 10) == []
        assert exchange.can_replace
        assert await exchange.clock_offset_ms() == 0
        assert await exchange.positions() == []


async def test_a_market_order_answers_with_its_fills() -> None:
    async with open_desk() as desk:
        report = await desk.venue.submit(approved(BUY, "2"))
        assert (report.status, report.filled, report.client_id) == (OrderStatus.FILLED, D(2), "a")
        assert [(f.price, f.quantity, f.fee_currency, f.is_maker) for f in report.fills] == [
            (D("100.1"), D(1), "BTC", False),
            (D("100.2"), D(1), "BTC", False),
        ]
        assert {f.client_id for f in report.fills} == {"a"}
        assert {f.exchange_order_id for f in report.fills} == {report.exchange_id}
        assert await desk.venue.fills(SYMBOL, 0) == list(report.fills)
        queried = await desk.venue.order(ref("a"))
        assert queried is not None
        assert queried.fills == report.fills


async def test_the_account_stream_tells_fills_before_the_report_that_counts_them() -> None:
    async with open_desk() as desk:
        desk.seen.clear()
        await desk.venue.submit(approved(BUY, "1"))
        assert desk.told() == ["OrderReported", "FillArrived", "OrderReported", "BalancesReported"]
        first, fill, last, balances = desk.seen
        assert isinstance(first, OrderReported)
        assert first.report.status is OrderStatus.OPEN
        assert isinstance(fill, FillArrived)
        assert isinstance(last, OrderReported)
        assert (last.report.status, last.report.filled) == (OrderStatus.FILLED, fill.fill.quantity)
        assert isinstance(balances, BalancesReported)
        assert not balances.is_complete
        assert {b.currency for b in balances.balances} == {"BTC", "USDT"}


async def test_what_a_market_event_causes_is_told_after_it() -> None:
    async with open_desk() as desk:
        await desk.venue.submit(approved(BUY, "1", price="99.9"))
        desk.seen.clear()
        desk.feed.trade(SYMBOL, 1_000, 99.8, 5.0, buyer_is_taker=False)
        assert desk.told() == ["TradePrinted", "FillArrived", "OrderReported", "BalancesReported"]


async def test_an_order_meets_the_book_of_its_arrival_not_of_its_decision() -> None:
    async with open_desk(latency_s=0.01) as desk:
        pending = asyncio.ensure_future(desk.venue.submit(approved(BUY, "1")))
        await asyncio.sleep(0)
        desk.feed.book(SYMBOL, 1_000, ((109.0, 1.0),), ((110.0, 9.0),))
        assert (await pending).fills[0].price == D(110)


async def test_requests_arrive_in_the_order_they_were_made() -> None:
    async with open_desk(latency_s=0.005) as desk:
        submitted = asyncio.ensure_future(desk.venue.submit(approved(BUY, "1", price="99")))
        canceled = asyncio.ensure_future(desk.venue.cancel(ref("a")))
        queried = asyncio.ensure_future(desk.venue.order(ref("a")))
        assert (await submitted).status is OrderStatus.OPEN
        assert (await canceled).status is OrderStatus.CANCELED
        report = await queried
        assert report is not None
        assert report.status is OrderStatus.CANCELED


async def test_a_request_cancelled_on_its_way_never_arrives() -> None:
    async with open_desk(latency_s=0.005) as desk:
        pending = asyncio.ensure_future(desk.venue.submit(approved(BUY, "1")))
        await asyncio.sleep(0)
        pending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pending
        assert await desk.venue.order(ref("a")) is None


async def test_refusals_and_queries_of_nothing() -> None:
    async with open_desk() as desk:
        with pytest.raises(Rejected) as caught:
            await desk.venue.submit(approved(SELL, "11"))
        assert caught.value.code == "insufficient_funds"
        with pytest.raises(Rejected) as caught:
            await desk.venue.cancel(ref("never"))
        assert caught.value.code == "unknown_order"
        assert await desk.venue.order(ref("never")) is None
        with pytest.raises(Rejected) as caught:
            await desk.venue.submit(approved(BUY, "1", symbol="ETH/USDT"))
        assert caught.value.code == "unknown_symbol"


async def test_a_stop_is_replaced_in_one_step() -> None:
    async with open_desk() as desk:
        placed = await desk.venue.submit(approved(SELL, "10", stop="98", name="s1"))
        old, new = await desk.venue.replace(ref("s1", placed.exchange_id), approved(SELL, "10", stop="99", name="s2"))
        assert (old.client_id, old.status) == ("s1", OrderStatus.CANCELED)
        assert (new.client_id, new.status, new.stop_price) == ("s2", OrderStatus.OPEN, D(99))
        assert await desk.venue.open_orders() == [new]
        assert Balance("BTC", D(0), D(10)) in await desk.venue.balances()


async def test_without_market_data_only_stops_are_taken() -> None:
    async with open_desk(with_book=False) as desk:
        with pytest.raises(Unavailable, match="never left"):
            await desk.venue.submit(approved(BUY, "1"))
        assert (await desk.venue.submit(approved(SELL, "1", stop="98"))).status is OrderStatus.OPEN
        desk.feed.book(SYMBOL, 1_000, BIDS, ASKS)
        assert (await desk.venue.submit(approved(BUY, "1", name="b"))).status is OrderStatus.FILLED
        desk.feed.goes_stale(SYMBOL)
        with pytest.raises(Unavailable):
            await desk.venue.submit(approved(BUY, "1", price="99", name="c"))


async def test_candles_stand_in_where_no_book_comes() -> None:
    async with open_desk(with_book=False) as desk:
        desk.feed.push(CandleClosed(candle=Candle(SYMBOL, 0, 60_000, 100, 101, 99, 100, 5.0)))
        report = await desk.venue.submit(approved(BUY, "1"))
        assert report.fills[0].price == D("100.1")


async def test_events_of_other_symbols_only_pass() -> None:
    async with open_desk() as desk:
        desk.feed.push(BookUpdated(book=Book("ETH/USDT", 1, ((9.0, 1.0),), ((9.1, 1.0),))))
        assert desk.told() == ["BookUpdated", "BookUpdated"]


async def test_changes_that_nobody_heard_are_found_by_the_queries() -> None:
    feed = HandFeed({SYMBOL: BTC})
    venue = PaperVenue(
        feed, {SYMBOL: BTC}, SimulatedClock(5), opening_balances={"USDT": D(10_000)}, store=None, latency_s=0
    )
    running = asyncio.ensure_future(venue.run(lambda event: None))
    await feed.is_running()
    feed.book(SYMBOL, 1, BIDS, ASKS)
    await venue.submit(approved(BUY, "1", price="99.9"))
    feed.trade(SYMBOL, 2, 99.8, 5.0, buyer_is_taker=False)
    report = await venue.order(ref("a"))
    assert report is not None
    assert report.status is OrderStatus.FILLED
    assert [fill.client_id for fill in await venue.fills(SYMBOL, 0)] == ["a"]
    running.cancel()
    await venue.close()


async def test_a_restart_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "paper.db"
    async with open_desk(path) as desk:
        await desk.venue.submit(approved(BUY, "1", name="bought"))
        await desk.venue.submit(approved(SELL, "1", stop="99", name="guard"))
        before = (await desk.venue.balances(), await desk.venue.open_orders(), await desk.venue.fills(SYMBOL, 0))
    assert desk.feed.times_closed == 1
    async with open_desk(path) as desk:
        after = (await desk.venue.balances(), await desk.venue.open_orders(), await desk.venue.fills(SYMBOL, 0))
        assert after == before
        desk.feed.book(SYMBOL, 2_000, ((98.0, 5.0),), ((98.1, 5.0),))
        guard = await desk.venue.order(ref("guard"))
        assert guard is not None
        assert guard.status is OrderStatus.FILLED


async def test_after_closing_nothing_leaves(tmp_path: Path) -> None:
    async with open_desk(tmp_path / "paper.db") as desk:
        await desk.venue.close()
        with pytest.raises(Unavailable, match="closed"):
            await desk.venue.submit(approved(BUY, "1"))
        await desk.venue.close()
    assert desk.feed.times_closed == 1


async def test_a_store_that_fails_makes_the_outcome_unknown_and_the_account_unreachable(tmp_path: Path) -> None:
    class Failing(SimulationStore):
        fails = False

        def write(self, batch: Changes) -> None:
            if self.fails:
                raise InvariantBroken("disk full")
            super().write(batch)

    store = Failing(tmp_path / "paper.db")
    async with open_desk(store) as desk:
        await desk.venue.submit(approved(BUY, "1", price="99.9", name="resting"))
        store.fails = True
        with pytest.raises(OutcomeUnknown, match="disk full"):
            await desk.venue.submit(approved(BUY, "1", name="lost"))
        desk.seen.clear()
        desk.feed.trade(SYMBOL, 1_000, 99.8, 5.0, buyer_is_taker=False)
        assert isinstance(desk.seen[1], AccountUnreachable)
        with pytest.raises(Unavailable, match="disk full"):
            await desk.venue.order(ref("lost"))  # never "there is none"
        store.fails = False
        lost, resting = await desk.venue.order(ref("lost")), await desk.venue.order(ref("resting"))
        assert lost is not None
        assert resting is not None
        assert (lost.status, resting.status) == (OrderStatus.FILLED, OrderStatus.FILLED)
    store.close()
