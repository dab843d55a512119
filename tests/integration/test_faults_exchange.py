"""Faults of the exchange itself - port, clock, listings, matching, maintenance, restart - seen by our adapter."""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path

import pytest
import stamina

from tests.kit.ccxt_bench import approved, limit
from tests.kit.fault_bench import BTC, ETH, SYMBOLS, fault_bench, streaming
from tests.kit.idle_time import network_passes, quiet
from tests.kit.sandbox import eventually, eventually_true, http_session, market_clock, port_of, sandbox
from trader.adapters.ccxt.account.exchange import CcxtExchange
from trader.adapters.ccxt.connect import connect
from trader.adapters.ccxt.market import listings, watchdog
from trader.config.credentials import Credentials
from trader.config.exchange import ExchangeSettings
from trader.config.market import MarketSettings
from trader.domain.errors import Rejected, Unavailable
from trader.domain.events import AccountUnreachable, AnyEvent, StreamState
from trader.domain.orders import OrderRef, OrderStatus, Side, TimeInForce
from trader.domain.refusals import RefusalCode


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(watchdog, "SHORTEST_BUDGET_S", 0.8)
    monkeypatch.setattr(listings, "REST_S", 0.2)
    with stamina.set_testing(True, attempts=2, cap=True):
        yield


async def test_a_port_that_refuses_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with fault_bench(tmp_path) as bench, streaming(bench, account=True):
        await bench.goes_on()
        await bench.faults.begin("refuse_connections", for_s=1.0)
        await network_passes(0.2)
        with pytest.raises(Unavailable) as refused:
            await bench.exchange.submit(approved("never-left"))
        assert "not sent" in str(refused.value)
        await eventually(lambda: bool(bench.unreachable()))
        await bench.goes_on()
        await eventually(lambda: "back after" in bench.unreachable()[-1])
        await bench.exchange.submit(approved("arrived"))
        await eventually(lambda: bench.filled("arrived") == Decimal("0.002"))
        await bench.assert_candles_true()
        assert [order["clientOrderId"] for order in (await bench.truth())["orders"]] == ["arrived"]
    gc.collect()
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []  # no loose ends


@pytest.mark.slow  # test_faults_engine has maintenance too
async def test_maintenance_is_told_as_unavailable_and_ends(tmp_path: Path) -> None:
    async with fault_bench(tmp_path) as bench, streaming(bench, account=True):
        await bench.goes_on()
        number = await bench.faults.begin("maintenance", for_s=1.0)
        url = f"{bench.running.endpoint}/sapi/v1/system/status"
        async with http_session(bench.running) as session, session.get(url) as answer:
            assert (await answer.json())["status"] == 1
        with pytest.raises(Unavailable):
            await bench.exchange.open_orders()
        await bench.goes_on()
        await eventually(lambda: "back after" in (bench.unreachable() or [""])[-1])
        assert await bench.exchange.open_orders() == []
        assert await bench.faults.acted(number) >= 3
        await bench.assert_candles_true()


@pytest.mark.parametrize("skew_ms", [pytest.param(-1_200, marks=pytest.mark.slow), 6_000])
async def test_a_clock_that_jumps_costs_one_refused_order_at_most(tmp_path: Path, skew_ms: int) -> None:
    async with fault_bench(tmp_path, speed=60) as bench, streaming(bench):
        await bench.goes_on()
        await bench.exchange.submit(limit("before", await bench.price(0.9)))
        await bench.faults.begin("clock_skew", skew_ms=skew_ms)
        placed = await bench.exchange.submit(limit("at-once", await bench.price(0.9)))  # refused, resynced, sent again
        assert placed.status is OrderStatus.OPEN
        assert await bench.exchange.clock_offset_ms() / 60 == pytest.approx(skew_ms, abs=300)
        assert {report.client_id for report in await bench.exchange.open_orders()} == {"before", "at-once"}
        await bench.goes_on()
        if skew_ms < 0:  # back to where it was: what it missed happens at once
            await bench.faults.clear()
            await bench.exchange.submit(limit("back", await bench.price(0.9)))
            assert abs(await bench.exchange.clock_offset_ms() / 60) < 300
            await bench.goes_on()
            await bench.assert_candles_true()
        else:
            assert len(bench.assert_candles_in_order()) >= 6  # six seconds of market in one moment


async def test_changed_filters_refuse_an_order_and_are_then_known(tmp_path: Path) -> None:
    async with fault_bench(tmp_path) as bench, streaming(bench):
        await bench.exchange.submit(limit("old", await bench.price(0.9)))
        await bench.faults.begin("filters_changed", symbol=BTC, price_tick="10", min_notional="500")
        price = (await bench.price(0.9)) // 10 * 10 + Decimal("0.01")
        with pytest.raises(Rejected) as off_the_grid:
            await bench.exchange.submit(limit("new-1", price, quantity=Decimal("0.01")))
        assert off_the_grid.value.code == "price_filter"
        await eventually(lambda: bool(bench.instruments()))
        now = bench.instruments()[-1]
        assert (now.symbol, now.price_tick, now.min_notional) == (BTC, Decimal(10), Decimal(500))
        assert (await bench.exchange.cancel(OrderRef(BTC, "old"))).status is OrderStatus.CANCELED
        await bench.exchange.submit(limit("new-2", now.round_price(float(price)), quantity=Decimal("0.01")))
        with pytest.raises(Rejected) as too_small:
            await bench.exchange.submit(approved("new-3"))
        assert too_small.value.code == "min_notional"
        assert StreamState.STALE not in bench.states()


async def test_a_symbol_that_ends_takes_no_orders_and_is_told_as_stale(tmp_path: Path) -> None:
    async with fault_bench(tmp_path) as bench, streaming(bench):
        await bench.exchange.submit(limit("rests", await bench.price(0.9)))
        await bench.goes_on()
        await bench.faults.begin("delist", symbol=BTC)
        with pytest.raises(Rejected, match="Market is closed"):
            await bench.exchange.submit(approved("too-late"))
        await eventually(lambda: bench.states()[-1] is StreamState.STALE)
        seen = len(bench.trades())
        await bench.goes_on([ETH])
        assert len(bench.trades()) == seen
        assert bench.states()[-1] is StreamState.STALE
        assert (await bench.exchange.cancel(OrderRef(BTC, "rests"))).status is OrderStatus.CANCELED
        await bench.faults.clear()
        assert (await bench.exchange.submit(approved("again"))).status is OrderStatus.FILLED
        bench.feed.listings.doubt(RefusalCode.REJECTED)  # in a daemon: within the hour, or with the next refused order
        await bench.goes_on(SYMBOLS)


async def test_a_thin_book_fills_orders_in_part(tmp_path: Path) -> None:
    async with fault_bench(tmp_path) as bench, streaming(bench, feed=False, account=True):
        await bench.faults.begin("thin_book", symbol=BTC, share=0.1)
        await network_passes(0.3)  # over the next book
        wanted = approved("part", quantity=Decimal("0.02"))
        report = await bench.exchange.submit(limit("part", await bench.price(1.01), quantity=wanted.intent.quantity,
            time_in_force=TimeInForce.IOC))  # fmt: skip
        assert report.status is OrderStatus.EXPIRED
        assert Decimal(0) < report.filled < Decimal("0.02")
        await eventually(lambda: bench.filled("part") == report.filled)
        await bench.faults.clear()
        await network_passes(0.3)
        whole = await bench.exchange.submit(approved("whole", quantity=Decimal("0.02")))
        assert (whole.status, whole.filled) == (OrderStatus.FILLED, Decimal("0.02"))


async def test_money_that_comes_from_outside_asks_for_a_reconciliation(tmp_path: Path) -> None:
    async with fault_bench(tmp_path) as bench, streaming(bench, feed=False, account=True):
        await bench.faults.deposit("USDT", "250.5")
        await eventually(lambda: any("transfer" in reason for reason in bench.unreachable()))
        held = {balance.currency: balance.total for balance in await bench.exchange.balances()}
        assert held["USDT"] == Decimal("10250.5")


async def test_an_exchange_that_restarts_goes_on_where_it_was(tmp_path: Path) -> None:
    """The same port, the same account, an open order and a market that stood still meanwhile."""
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(sandbox(tmp_path, symbols=SYMBOLS, speed=60, history_candles=600))
        settings = ExchangeSettings(
            id="binance", symbols=SYMBOLS, endpoint=first.endpoint, ca_file=first.ca_file, request_timeout_s=1.5
        )
        keys = Credentials(first.api_key, first.api_secret)
        connection = await connect(settings, MarketSettings(close_grace_s=0.3), market_clock(first), keys)
        try:
            exchange = connection.exchange
            assert exchange is not None
            filled = await exchange.submit(approved("m-1"))
            price = connection.instruments[BTC].round_price(float(filled.fills[0].price) * 0.9)
            await exchange.submit(limit("l-1", price))
            told: list[AnyEvent] = []
            account = asyncio.create_task(exchange.run_account(told.append))
            await quiet()
            await stack.aclose()
            with pytest.raises(Unavailable):
                await exchange.open_orders()
            async with sandbox(tmp_path, symbols=SYMBOLS, speed=60, history_candles=600, port=port_of(first)):
                await eventually_true(lambda: _answers(exchange))
                assert [report.client_id for report in await exchange.open_orders()] == ["l-1"]
                again = await exchange.order(OrderRef(BTC, "m-1"))
                assert again is not None
                assert (again.exchange_id, again.filled) == (filled.exchange_id, filled.filled)
                await eventually(lambda: "back after" in str(told[-1:]))
                sold = approved("m-2", side=Side.SELL, quantity=Decimal("0.001"))
                assert (await exchange.submit(sold)).status is OrderStatus.FILLED
                await eventually(lambda: "m-2" in str(told))
            account.cancel()
            assert sum(isinstance(event, AccountUnreachable) for event in told) >= 2
        finally:
            await connection.close()


async def _answers(exchange: CcxtExchange) -> bool:
    try:
        await exchange.clock_offset_ms()
    except Unavailable:
        return False
    return True
