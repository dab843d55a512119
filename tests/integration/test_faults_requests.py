"""Faults of requests: what our adapter says of an order is what became of it, and reads come through or say no."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import stamina

from tests.kit.ccxt_bench import approved, limit, stop
from tests.kit.fault_bench import BTC, FaultBench, fault_bench
from tests.kit.idle_time import network_passes
from trader.domain.errors import OutcomeUnknown, Rejected, TraderError, Unavailable
from trader.domain.orders import OrderRef, OrderStatus

ORDER = {"path": "/api/v3/order", "method": "POST"}


@pytest.fixture(autouse=True)
def _quick_retries() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


async def placed(bench: FaultBench) -> set[str]:
    """Client ids of every order the exchange has."""
    return {order["clientOrderId"] for order in (await bench.truth())["orders"]}


# fault -> whether the exchange has the order nevertheless
LOST: tuple[tuple[dict[str, Any], bool], ...] = (
    ({"kind": "error", "status": 502}, False),
    ({"kind": "error", "status": 504, "when": "after"}, True),
    ({"kind": "error", "status": 400, "code": -1007, "message": "Timeout.", "when": "after"}, True),
    ({"kind": "drop_answer"}, False),
    ({"kind": "drop_answer", "when": "after"}, True),
    ({"kind": "delay_answer", "delay_s": 1.7, "when": "after"}, True),
    ({"kind": "truncated_body"}, True),
    ({"kind": "empty_body"}, True),
)


async def test_an_order_whose_answer_is_lost_has_an_unknown_outcome_that_a_query_settles(tmp_path: Path) -> None:
    async with fault_bench(tmp_path) as bench:
        for number, (fault, is_placed) in enumerate(LOST):
            name = f"lost-{number}"
            begun = await bench.faults.begin(**fault, **ORDER)
            with pytest.raises(OutcomeUnknown):
                await bench.exchange.submit(approved(name, quantity=Decimal("0.00020")))
            assert await bench.faults.acted(begun) == 1
            assert (name in await placed(bench)) == is_placed, fault
            found = await bench.exchange.order(OrderRef(BTC, name))
            assert (None if found is None else found.status) == (OrderStatus.FILLED if is_placed else None), fault
        await bench.exchange.submit(approved("next-1"))
        assert "next-1" in await placed(bench)


async def test_an_order_that_arrives_late_is_found_late_and_placed_once(tmp_path: Path) -> None:
    """The client has given up when the exchange takes it: "not found" straight away proves nothing."""
    async with fault_bench(tmp_path) as bench:
        await bench.faults.begin("delay_answer", delay_s=2.5, **ORDER)
        with pytest.raises(OutcomeUnknown):
            await bench.exchange.submit(limit("late-1", await bench.price(0.9)))
        ref = OrderRef(BTC, "late-1")
        assert await bench.exchange.order(ref) is None
        await network_passes(2.5)
        found = await bench.exchange.order(ref)
        assert found is not None
        assert found.status is OrderStatus.OPEN
        assert (await bench.exchange.cancel(ref)).status is OrderStatus.CANCELED


NOT_PLACED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"status": 429, "retry_after_s": 1}, "rate_limited"),
    ({"status": 418, "retry_after_s": 1}, "rate_limited"),
    ({"status": 400, "code": -1008, "message": "Server is overloaded."}, "refused"),
    ({"status": 400, "code": -2010, "message": "Order would immediately match and take."}, "would_match"),
    ({"status": 403}, "refused"),
)


async def test_an_order_that_was_certainly_not_placed_is_rejected(tmp_path: Path) -> None:
    async with fault_bench(tmp_path) as bench:
        for fault, code in NOT_PLACED:
            await bench.faults.begin("error", **fault, **ORDER)
            with pytest.raises(Rejected) as refused:
                await bench.exchange.submit(approved("no-1"))
            assert refused.value.code == code
            if code == "rate_limited":  # the exchange asked for silence: nothing leaves before it ends
                with pytest.raises(Unavailable, match="asked for silence"):
                    await bench.exchange.submit(approved("no-2"))
                await network_passes(1.05)
        assert await placed(bench) == set()
        await bench.exchange.submit(approved("yes-1"))
        assert await placed(bench) == {"yes-1"}


async def test_a_cancel_without_an_answer_is_settled_by_asking(tmp_path: Path) -> None:
    async with fault_bench(tmp_path) as bench:
        for when, status in (("before", OrderStatus.OPEN), ("after", OrderStatus.CANCELED)):
            ref = OrderRef(BTC, f"c-{when}")
            await bench.exchange.submit(limit(ref.client_id, await bench.price(0.9)))
            # twice: the HTTP client repeats a DELETE by itself when a kept connection was closed under it
            await bench.faults.begin("drop_answer", when=when, next=2, path="/api/v3/order", method="DELETE")
            with pytest.raises(OutcomeUnknown):
                await bench.exchange.cancel(ref)
            await bench.faults.clear()
            found = await bench.exchange.order(ref)
            assert found is not None
            assert found.status is status
        with pytest.raises(Rejected) as gone:
            await bench.exchange.cancel(ref)
        assert gone.value.code == "unknown_order"


async def test_a_replacement_without_an_answer_left_exactly_one_stop(tmp_path: Path) -> None:
    async with fault_bench(tmp_path) as bench:
        await bench.exchange.submit(approved("m-1", quantity=Decimal("0.00300")))
        await bench.exchange.submit(stop("s-0", await bench.price(0.9)))
        faults: tuple[dict[str, Any], ...] = ({"kind": "drop_answer", "when": "after"}, {"kind": "truncated_body"})
        for number, fault in enumerate(faults):
            await bench.faults.begin(**fault, path="cancelReplace")
            old, new = f"s-{number}", f"s-{number + 1}"
            price = await bench.price(0.91 + 0.01 * number)
            with pytest.raises(OutcomeUnknown):
                await bench.exchange.replace(OrderRef(BTC, old, is_stop=True), stop(new, price))
            assert [report.client_id for report in await bench.exchange.open_orders()] == [new]
            ended = await bench.exchange.order(OrderRef(BTC, old, is_stop=True))
            assert ended is not None
            assert ended.status is OrderStatus.CANCELED


async def test_reads_are_asked_again_until_an_answer_can_be_believed(tmp_path: Path) -> None:
    async with fault_bench(tmp_path) as bench:
        await bench.exchange.submit(limit("r-1", await bench.price(0.9)))
        for kind in ("error", "drop_answer", "truncated_body", "empty_body"):
            for path, ask in (("openOrders", bench.exchange.open_orders), ("account", bench.exchange.balances)):
                number = await bench.faults.begin(kind, next=2, path=path)
                answer: Any = await ask()
                assert len(answer) == 1, kind  # the order, the currency held
                assert await bench.faults.acted(number) == 2


async def test_reads_that_keep_failing_say_so_and_never_answer_empty(tmp_path: Path) -> None:
    async with fault_bench(tmp_path) as bench:
        since_ms = bench.clock.now_ms() - 600_000
        for kind in ("error", "drop_answer", "truncated_body", "empty_body"):
            await bench.faults.begin(kind, next=0)
            for ask in (
                bench.exchange.open_orders,
                bench.exchange.balances,
                lambda: bench.exchange.fills(BTC, since_ms),
                lambda: bench.exchange.order(OrderRef(BTC, "x-1")),
                lambda: bench.feed.candles(BTC, "1m", since_ms, 5),
                bench.exchange.clock_offset_ms,
            ):
                with pytest.raises(TraderError) as failed:
                    await ask()
                assert isinstance(failed.value, Unavailable), (kind, ask)
            await bench.faults.clear()
        assert await bench.exchange.open_orders() == []


async def test_a_read_limit_stops_all_requests_for_as_long_as_asked(tmp_path: Path) -> None:
    async with fault_bench(tmp_path) as bench:
        number = await bench.faults.begin("error", status=429, retry_after_s=7, path="account")
        with pytest.raises(Unavailable) as limited:
            await bench.exchange.balances()
        assert limited.value.retry_after_s == 7
        with pytest.raises(Unavailable, match="asked for silence"):
            await bench.exchange.open_orders()
        assert await bench.faults.acted(number) == 1  # nobody insisted
