"""The account's own stream over sockets that break: orders, fills and balances as they happen, and every hole told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

from tests.kit.ccxt_bench import BTC, Bench, approved, connected, limit
from tests.kit.idle_time import quiet
from tests.kit.sandbox import eventually, http_session
from trader.domain.events import AccountEvent, AccountUnreachable, BalancesReported, FillArrived, OrderReported
from trader.domain.orders import OrderRef, OrderStatus


class Heard:
    """What the account stream told, in order."""

    def __init__(self) -> None:
        self.events: list[AccountEvent] = []

    def __call__(self, event: AccountEvent) -> None:
        self.events.append(event)

    def reports(self, client_id: str) -> list[OrderStatus]:
        return [
            e.report.status for e in self.events if isinstance(e, OrderReported) and e.report.client_id == client_id
        ]

    def fills(self, client_id: str) -> list[str]:
        return [e.fill.fill_id for e in self.events if isinstance(e, FillArrived) and e.fill.client_id == client_id]

    def lost(self) -> list[str]:
        return [e.reason for e in self.events if isinstance(e, AccountUnreachable)]


@asynccontextmanager
async def listening(bench: Bench) -> AsyncIterator[Heard]:
    heard = Heard()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(bench.exchange.run_account(heard))
        await eventually(lambda: any("ws-api" in path for path, _, _ in bench.door.sockets))
        await quiet()
        try:
            yield heard
        finally:
            task.cancel()


async def test_the_account_stream_tells_orders_fills_and_balances(tmp_path: Path) -> None:
    async with connected(tmp_path) as bench, listening(bench) as heard:
        report = await bench.exchange.submit(approved("m-1"))
        await bench.exchange.submit(limit("l-1", bench.price(0.9)))
        await bench.exchange.cancel(OrderRef(BTC, "l-1"))
        await eventually(lambda: OrderStatus.CANCELED in heard.reports("l-1"))
        assert heard.fills("m-1") == [fill.fill_id for fill in report.fills]
        assert heard.reports("m-1")[-1] is OrderStatus.FILLED
        assert heard.reports("l-1") == [OrderStatus.OPEN, OrderStatus.CANCELED]
        await eventually(lambda: any(isinstance(event, BalancesReported) for event in heard.events))
        told = {b.currency: b for e in heard.events if isinstance(e, BalancesReported) for b in e.balances}
        assert sorted(told) == ["BTC", "USDT"]
        assert heard.lost() == []


async def test_a_dropped_account_stream_is_told_and_comes_back(tmp_path: Path) -> None:
    async with connected(tmp_path) as bench, listening(bench) as heard:
        assert bench.door.cut("ws-api") == 1
        await eventually(lambda: len(heard.lost()) >= 2)
        assert "lost" in heard.lost()[0]
        assert "back after" in heard.lost()[1]
        await bench.exchange.submit(approved("after"))
        await eventually(lambda: OrderStatus.FILLED in heard.reports("after"))
        assert heard.fills("after") != []
        assert len(heard.lost()) == 2


async def test_a_stream_the_exchange_ends_or_garbles_is_started_again(tmp_path: Path) -> None:
    async with connected(tmp_path) as bench, listening(bench) as heard:
        poison = ['{"subscriptionId":0,"event":{"e":"eventStreamTerminated","E":1}}', '{"subscriptionId":0,"event":']

        def frames(path: str, text: str) -> list[str]:
            return [poison.pop()] if "ws-api" in path and "executionReport" in text and poison else [text]

        bench.door.frames = frames
        for number in range(2):
            before = len(heard.lost())
            await bench.exchange.submit(limit(f"p-{number}", bench.price(0.9)))
            await eventually(lambda seen=before: len(heard.lost()) >= seen + 2)  # type: ignore[misc]  # bound at once
        await bench.exchange.submit(limit("clean", bench.price(0.9)))
        await eventually(lambda: heard.reports("clean") == [OrderStatus.OPEN])


async def test_a_transfer_is_a_reason_to_ask_the_exchange(tmp_path: Path) -> None:
    """ccxt knows what moved, but forgets what orders hold: its balance is not told."""
    async with connected(tmp_path) as bench, listening(bench) as heard:
        await bench.exchange.submit(limit("l-1", bench.price(0.9)))
        async with http_session(bench.running) as session:
            body = {"currency": "USDT", "amount": "100"}
            async with session.post(f"{bench.running.endpoint}/sandbox/deposit", json=body) as answer:
                assert answer.status == 200
        await eventually(lambda: any("transfer" in reason for reason in heard.lost()))
        reserved = bench.price(0.9) * Decimal("0.002")
        told = [b for e in heard.events if isinstance(e, BalancesReported) for b in e.balances if b.currency == "USDT"]
        assert told
        assert {balance.locked for balance in told} == {reserved}


async def test_a_clock_that_jumped_is_measured_and_signatures_follow(tmp_path: Path) -> None:
    async with connected(tmp_path) as bench:
        async with http_session(bench.running) as session:
            fault = {"kind": "clock_skew", "skew_ms": 20_000}
            async with session.post(f"{bench.running.endpoint}/sandbox/faults", json=fault) as answer:
                assert answer.status == 200
        report = await bench.exchange.submit(limit("s-1", bench.price(0.9)))
        assert report.client_id == "s-1"
        assert await bench.exchange.clock_offset_ms() > 10_000 * bench.running.speed
        assert await bench.exchange.order(OrderRef(BTC, "s-1")) is not None
