"""Orders of three sizes on a recorded book of BTC/USDT, each on its path, over the wire and through the whole shell.

Twenty levels of it hold 4 to 9 BTC and move the price by less than a quarter of a basis point, so the threshold for a
market order is set that much lower here; what is larger than the book shows is sliced under any thresholds.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.kit.sandbox import eventually
from tests.kit.small_daemon import SmallDaemon, small_daemon
from trader.domain.decisions import ExecutionReport, RecordExecution, TradingState
from trader.domain.events import StreamState
from trader.domain.orders import Purpose, Side
from trader.domain.signals import DecisionRecord
from trader.execution.impact import held_quantity, opposite

pytestmark = [
    pytest.mark.recorded,
    pytest.mark.skipif("TRADER_DATA" not in os.environ, reason="TRADER_DATA is not set"),
]

BTC = "BTC/USDT"
EXECUTION: dict[str, Any] = {"market_below_frac": 1e-7}
NOTIONAL_FRAC, PRICE = 0.25, 61_750 * 1.003  # the cap that decides the size, and the worst a market order may pay


@asynccontextmanager
async def a_daemon(directory: Path, wanted_btc: float, *, twap_duration_s: float = 120.0) -> AsyncIterator[SmallDaemon]:
    """One whose entries are of `wanted_btc`."""
    async with small_daemon(
        directory,
        speed=20.0,
        symbols=(BTC,),
        execution={**EXECUTION, "twap_duration_s": twap_duration_s},
        replay=Path(os.environ["TRADER_DATA"]) / "books" / "binance_spot",
        recording="20240808T2354",
        quote_balance=wanted_btc * PRICE / NOTIONAL_FRAC,
    ) as daemon:
        await eventually(lambda: daemon.state.guard.breakers.trading_state is TradingState.ACTIVE)
        yield daemon


def shown(daemon: SmallDaemon) -> tuple[float, float]:
    """(what the best ask holds, what twenty levels of asks hold)."""
    book = daemon.state.markets[BTC].book
    assert book is not None
    levels = opposite(book, Side.BUY)
    return float(levels[0][1]), held_quantity(levels)


async def decided(daemon: SmallDaemon) -> DecisionRecord:
    record = await daemon.verdict()
    assert record.verdict == "enter", [str(reason) for reason in record.reasons]
    return record


def entries(daemon: SmallDaemon) -> list[ExecutionReport]:
    return [each.report for each in daemon.decided(RecordExecution) if each.report.purpose is Purpose.ENTRY]


async def ended(daemon: SmallDaemon) -> ExecutionReport:
    await eventually(lambda: bool(entries(daemon)))
    [report] = entries(daemon)
    assert report.shortfall_quote == report.delay_quote + report.spread_quote + report.impact_quote + report.fees_quote
    return report


async def test_a_small_order_takes_the_touch(tmp_path: Path) -> None:
    async with a_daemon(tmp_path, 0.05) as daemon:
        record = await decided(daemon)
        report = await ended(daemon)
        assert (record.algorithm, report.algorithm, report.orders) == ("market", "market", 1)
        assert report.filled == report.quantity == record.quantity
        assert report.impact_quote < Decimal("0.01") * report.filled  # at the touch, but for what moved meanwhile
        await daemon.is_entered()
        await daemon.assert_agrees_with_exchange()


async def test_a_medium_order_rests_and_moves(tmp_path: Path) -> None:
    async with a_daemon(tmp_path, 2.5) as daemon:
        # more than the touch holds, less than the book shows
        await eventually(lambda: shown(daemon)[0] < 2.2 and shown(daemon)[1] > 3.0)
        record = await decided(daemon)
        assert record.algorithm == "limit"
        report = await ended(daemon)
        placed = [order.intent for order in daemon.orders(Purpose.ENTRY)]
        assert all(intent.post_only for intent in placed)
        prices = [intent.price for intent in placed if intent.price is not None]
        assert prices == sorted(prices)  # only ever nearer to the touch
        assert report.orders == len(placed)
        assert report.impact_quote + report.spread_quote <= 0  # what was filled, was filled passively
        await daemon.assert_agrees_with_exchange()


async def test_a_large_order_is_sliced_and_cut_to_what_the_book_carries(tmp_path: Path) -> None:
    async with a_daemon(tmp_path, 40.0) as daemon:
        record = await decided(daemon)
        assert record.algorithm == "twap"
        assert {"book_depth", "more than the book shows"} <= {str(reason) for reason in record.reasons}
        assert record.quantity is not None
        assert 4 < record.quantity < 25  # ten slices of a fifth of 4 to 9 BTC
        report = await ended(daemon)
        placed = [order.intent for order in daemon.orders(Purpose.ENTRY)]
        assert len(placed) >= 10
        assert report.filled > record.quantity / 2
        assert all(intent.quantity < record.quantity / 4 for intent in placed)
        assert float(report.slippage_bps) < 10.0  # a fraction of what taking it at once would have cost
        await daemon.is_entered()
        await daemon.assert_agrees_with_exchange()


async def test_a_sliced_order_goes_on_after_an_outage(tmp_path: Path) -> None:
    async with a_daemon(tmp_path, 40.0, twap_duration_s=300.0) as daemon:
        await decided(daemon)
        await eventually(lambda: daemon.held() > 0)
        await daemon.faults.begin("error", path="/depth", next=0)  # nothing comes over REST instead
        await daemon.faults.begin("silence", stream="btcusdt@depth")
        await eventually(lambda: daemon.streams()[-1:] == [StreamState.STALE])
        held, sent = daemon.held(), len(daemon.orders(Purpose.ENTRY))
        paused_ms = daemon.bench.clock.now_ms()
        await eventually(lambda: daemon.bench.clock.now_ms() > paused_ms + 30_000)
        assert (daemon.held(), len(daemon.orders(Purpose.ENTRY))) == (held, sent)
        assert entries(daemon) == []  # it waits
        assert daemon.is_protected()
        await daemon.faults.clear()
        await eventually(lambda: len(daemon.orders(Purpose.ENTRY)) > sent)
        report = await ended(daemon)
        assert report.filled > daemon.held() > held  # the fee is taken from what was bought
        assert daemon.told("order.refused") == []
        await daemon.is_entered()
        await daemon.assert_agrees_with_exchange()
