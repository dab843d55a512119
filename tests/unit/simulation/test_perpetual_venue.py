"""Paper trading of perpetuals: short positions, stops that only reduce, funding, liquidation, restarts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.feeds import HandFeed
from tests.unit.simulation.perpetual_shop import ASKS, BIDS, BTC, BUY, SELL, SYMBOL, D
from tests.unit.simulation.shop import BTC as SPOT_BTC
from trader.clock import SimulatedClock
from trader.domain.errors import Misconfigured, Rejected
from trader.domain.events import AccountEvent, BalancesReported, FillArrived, OrderReported
from trader.domain.orders import Approved, OrderIntent, OrderRef, OrderStatus, OrderType, Purpose, Side
from trader.simulation.derivatives.perpetual import PerpetualExchange
from trader.simulation.venue import PaperVenue

START_MS = 1_736_121_600_000 + 3_600_000


def approved(side: Side, quantity: str, name: str, **changes: Any) -> Approved:
    values: dict[str, Any] = {
        "client_id": name, "parent_id": name, "decision_id": "d", "symbol": SYMBOL, "side": side,
        "type": OrderType.MARKET, "quantity": D(quantity), "purpose": Purpose.ENTRY,
    }  # fmt: skip
    return Approved(OrderIntent(**{**values, **changes}), 0)


def stop(side: Side, quantity: str, price: str) -> Approved:
    changes = {"type": OrderType.STOP_MARKET, "stop_price": D(price), "purpose": Purpose.STOP, "reduce_only": True}
    return approved(side, quantity, "stop", **changes)


class Desk:
    """A running paper venue and the hands that drive it."""

    def __init__(self, store: Path | None) -> None:
        self.feed = HandFeed({SYMBOL: BTC})
        self.clock = SimulatedClock(START_MS)
        self.venue = PaperVenue(
            self.feed, {SYMBOL: BTC}, self.clock, opening_balances={"USDT": D(1_000)}, store=store, latency_s=0.0
        )
        self.told: list[AccountEvent] = []

    def book(self, shift: float = 0.0, hours: float = 0.0) -> None:
        self.clock.advance_to(self.clock.now_ms() + 10 + round(hours * 3_600_000))
        bids = tuple((round(price + shift, 1), size) for price, size in BIDS)
        asks = tuple((round(price + shift, 1), size) for price, size in ASKS)
        self.feed.book(SYMBOL, self.clock.now_ms(), bids, asks)

    async def wallet(self) -> Any:
        [balance] = await self.venue.balances()
        return balance.total


@contextlib.asynccontextmanager
async def open_desk(store: Path | None = None) -> AsyncIterator[Desk]:
    desk = Desk(store)
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(desk.venue.run(lambda _event: None)),
            tasks.create_task(desk.venue.run_account(desk.told.append)),
        ]
        await desk.feed.is_running()
        await asyncio.sleep(0)
        desk.book()
        try:
            yield desk
        finally:
            for task in running:
                task.cancel()
            await desk.venue.close()


async def test_a_short_is_opened_protected_and_closed_by_its_stop() -> None:
    async with open_desk() as desk:
        sold = await desk.venue.submit(approved(SELL, "3", "entry"))
        assert (sold.status, [fill.price for fill in sold.fills]) == (OrderStatus.FILLED, [D("99.9")])
        [held] = await desk.venue.positions()
        assert (held.symbol, held.quantity, held.entry_price) == (SYMBOL, D(-3), D("99.9"))
        await desk.venue.submit(stop(BUY, "3", "102"))
        desk.book(shift=1.5)
        assert [order.client_id for order in await desk.venue.open_orders()] == ["stop"]
        desk.book(shift=2.5)
        assert await desk.venue.positions() == []
        ended = await desk.venue.order(OrderRef(SYMBOL, "stop"))
        assert ended is not None
        assert ended.status is OrderStatus.FILLED
        fees = D("0.0005") * (3 * D("99.9") + 3 * ended.fills[0].price)
        assert await desk.wallet() == 1_000 + 3 * (D("99.9") - ended.fills[0].price) - fees
        kinds = [type(event) for event in desk.told]
        assert kinds.count(FillArrived) == 2
        assert kinds.index(FillArrived) < len(kinds) - 1 - kinds[::-1].index(BalancesReported)


async def test_an_order_that_may_only_reduce_is_refused_when_flat() -> None:
    async with open_desk() as desk:
        with pytest.raises(Rejected) as caught:
            await desk.venue.submit(approved(SELL, "3", "exit", reduce_only=True, purpose=Purpose.EXIT))
        assert caught.value.code == "reduce_only"
        with pytest.raises(Rejected) as caught:
            await desk.venue.submit(
                approved(BUY, "500", "too much", type=OrderType.LIMIT, price=D(100), purpose=Purpose.ENTRY)
            )
        assert caught.value.code == "insufficient_margin"


async def test_funding_is_the_usual_rate_and_a_liquidation_is_told_as_an_order() -> None:
    async with open_desk() as desk:
        await desk.venue.submit(approved(BUY, "80", "entry"))
        before = await desk.wallet()
        desk.book(hours=8)
        assert before - await desk.wallet() == 80 * 100 * D("0.0001")
        desk.book(shift=-20.0)
        assert await desk.venue.positions() == []
        reports = [event.report for event in desk.told if isinstance(event, OrderReported)]
        assert reports[-1].client_id.startswith("autoclose-")
        assert await desk.venue.balances() == []  # nothing is left


async def test_a_restart_goes_on_with_the_position(tmp_path: Path) -> None:
    path = tmp_path / "paper.db"
    async with open_desk(path) as desk:
        await desk.venue.submit(approved(SELL, "3", "entry"))
        wallet = await desk.wallet()
    async with open_desk(path) as desk:
        assert [held.quantity for held in await desk.venue.positions()] == [D(-3)]
        assert await desk.wallet() == wallet


def test_spot_pairs_and_perpetuals_together_are_refused() -> None:
    instruments = {SYMBOL: BTC, SPOT_BTC.symbol: SPOT_BTC}
    with pytest.raises(Misconfigured, match="not both"):
        PaperVenue(HandFeed(instruments), instruments, SimulatedClock(1), opening_balances={})


async def test_leverage_is_the_configured_one_and_refused_where_it_cannot_be(tmp_path: Path) -> None:
    def venue(store: Path | None) -> PaperVenue:
        clock, feed = SimulatedClock(START_MS + 1_000), HandFeed({SYMBOL: BTC})
        return PaperVenue(feed, {SYMBOL: BTC}, clock, opening_balances={"USDT": D(1_000)}, store=store, leverage=2)

    async with open_desk(tmp_path / "paper.db") as desk:
        await desk.venue.submit(approved(SELL, "100", "entry"))  # worth ten times the wallet
    with pytest.raises(Misconfigured, match=r"exchange\.leverage: given 2; .*margin"):
        venue(tmp_path / "paper.db")
    fresh = venue(None).exchange
    assert isinstance(fresh, PerpetualExchange)
    assert fresh.position(SYMBOL).leverage == 2
