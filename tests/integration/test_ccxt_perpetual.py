"""Our adapter on perpetuals, over ccxt: settings, shorts, stops in a book of their own, and what moves the wallet."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt
import pytest

from tests.kit.ccxt_bench import approved, raw_account
from tests.kit.sandbox import eventually, fault_control, market_clock, sandbox, truth
from trader.adapters.ccxt.account import stream as account
from trader.adapters.ccxt.account.exchange import CcxtExchange
from trader.adapters.ccxt.connect import Connection, connect
from trader.config.credentials import Credentials
from trader.config.exchange import ExchangeSettings
from trader.config.market import MarketSettings
from trader.domain.errors import Misconfigured, OutcomeUnknown, Rejected
from trader.domain.events import AccountEvent, AccountUnreachable, BalancesReported, FillArrived, OrderReported
from trader.domain.orders import Approved, OrderRef, OrderReport, OrderStatus, OrderType, Purpose, Side
from trader.sandbox.server.status import RunningSandbox

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
D = Decimal


def order(client_id: str, side: Side, **changes: Any) -> Approved:
    return approved(client_id, **{"symbol": BTC, "side": side, "quantity": D("0.010"), **changes})


class Bench:
    """A sandbox of perpetuals, our account there, and what its stream told."""

    def __init__(self, running: RunningSandbox, connection: Connection) -> None:
        assert connection.exchange is not None
        self.running = running
        self.connection = connection
        self.exchange: CcxtExchange = connection.exchange
        self.told: list[AccountEvent] = []
        self.now_ms = market_clock(running).now_ms

    async def truth(self) -> dict[str, Any]:
        state: dict[str, Any] = (await truth(self.running))["usdm"]
        return state

    async def stop(self, client_id: str, times: float, side: Side = Side.BUY) -> OrderReport:
        """A stop at `times` the newest price."""
        last = float((await self.truth())["symbols"][BTC]["last_price"])
        price = self.connection.instruments[BTC].round_price(last * times)
        changes = {"type": OrderType.STOP_MARKET, "stop_price": price, "purpose": Purpose.STOP, "reduce_only": True}
        return await self.exchange.submit(order(client_id, side, **changes))

    def statuses(self, client_id: str) -> list[OrderStatus]:
        reports = [event.report for event in self.told if isinstance(event, OrderReported)]
        return [report.status for report in reports if report.client_id == client_id]

    def fills(self, client_id: str) -> list[FillArrived]:
        return [e for e in self.told if isinstance(e, FillArrived) and e.fill.client_id == client_id]

    def lost(self) -> list[str]:
        return [event.reason for event in self.told if isinstance(event, AccountUnreachable)]


def settings(running: RunningSandbox, **more: Any) -> ExchangeSettings:
    at = {"endpoint": running.endpoint, "ca_file": running.ca_file, "request_timeout_s": 2.0}
    return ExchangeSettings(id="binance", market="perpetual", symbols=("BTC/USDT", "ETH/USDT"), **at, **more)


async def connection_to(running: RunningSandbox, **more: Any) -> Connection:
    keys = Credentials(running.api_key, running.api_secret)
    return await connect(settings(running, **more), MarketSettings(), market_clock(running), keys)


@asynccontextmanager
async def bench(directory: Path, **more: Any) -> AsyncIterator[Bench]:
    async with sandbox(directory, symbols=(BTC, ETH), speed=60.0, history_candles=600) as running:
        connection = await connection_to(running, **more)
        made = Bench(running, connection)
        listening = asyncio.create_task(made.exchange.run_account(made.told.append))
        raw = raw_account(made.exchange)
        await eventually(lambda: any(socket.isConnected for socket in raw.clients.values()))
        try:
            yield made
        finally:
            listening.cancel()
            await connection.close()


async def test_a_short_is_opened_guarded_and_closed_and_the_wallet_is_exact(tmp_path: Path) -> None:
    async with bench(tmp_path, leverage=7) as one:
        assert raw_account(one.exchange).id == "binanceusdm"
        report = await one.exchange.submit(order("short", Side.SELL))
        assert (report.status, report.filled) == (OrderStatus.FILLED, D("0.010"))
        [held] = await one.exchange.positions()
        assert (held.symbol, held.quantity) == (BTC, D("-0.010"))
        assert D((await one.truth())["positions"][0]["initialMargin"]) > 0
        await one.stop("guard", 1.05)
        await one.exchange.submit(order("out", Side.BUY, purpose=Purpose.EXIT, reduce_only=True))
        assert await one.exchange.positions() == []
        await eventually(lambda: OrderStatus.FILLED in one.statuses("out"))
        fills = await one.exchange.fills(BTC, one.now_ms() - 3_600_000)
        assert list(dict.fromkeys(fill.client_id for fill in fills)) == ["short", "out"]
        assert [event.fill for name in ("short", "out") for event in one.fills(name)] == fills
        profit = sum((fill.realised or D(0)) - fill.fee for fill in fills)
        [balance] = await one.exchange.balances()
        assert (balance.currency, balance.total) == ("USDT", 10_000 + profit)
        told = [b.total for e in one.told if isinstance(e, BalancesReported) for b in e.balances]
        assert told[-1] == balance.total
        with pytest.raises(Rejected) as caught:
            await one.exchange.submit(order("again", Side.BUY, purpose=Purpose.EXIT, reduce_only=True))
        assert caught.value.code != "unknown_order"
        assert one.lost() == []


async def test_a_stop_has_a_number_of_its_own_and_is_asked_for_and_cancelled_by_name(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        await one.exchange.submit(order("short", Side.SELL))
        first = await one.stop("guard-1", 1.05)
        second = await one.stop("guard-2", 1.04)
        assert (first.status, first.type, first.exchange_id) == (OrderStatus.OPEN, OrderType.STOP_MARKET, "c1")
        resting = {report.client_id: report for report in await one.exchange.open_orders()}
        assert resting.keys() == {"guard-1", "guard-2"}
        assert resting["guard-2"].stop_price == second.stop_price
        ref = OrderRef(BTC, "guard-1", is_stop=True)
        assert (await one.exchange.cancel(ref)).status is OrderStatus.CANCELED
        found = await one.exchange.order(ref)
        assert found is not None
        assert found.status is OrderStatus.CANCELED
        with pytest.raises(Rejected) as caught:
            await one.exchange.cancel(ref)
        assert caught.value.code == "unknown_order"
        assert await one.exchange.order(OrderRef(BTC, "never", is_stop=True)) is None
        assert await one.exchange.order(OrderRef(BTC, "guard-2")) is None  # no ordinary order has that name
        await eventually(lambda: one.statuses("guard-1") == [OrderStatus.OPEN, OrderStatus.CANCELED])
        with pytest.raises(Rejected) as refused:
            await one.stop("too-late", 0.95)
        assert refused.value.code == "would_trigger"


async def test_a_stop_that_triggers_has_the_number_and_the_end_of_its_order(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        await one.exchange.submit(order("short", Side.SELL))
        await one.exchange.submit(order("long", Side.BUY, symbol=ETH, quantity=D("0.100")))
        await one.stop("near", 1.0004)
        await eventually(lambda: OrderStatus.FILLED in one.statuses("near"))
        fills = [event.fill for event in one.fills("near")]
        assert sum(fill.quantity for fill in fills) == D("0.010")
        found = await one.exchange.order(OrderRef(BTC, "near", is_stop=True))
        assert found is not None
        assert (found.status, found.filled) == (OrderStatus.FILLED, D("0.010"))
        assert {fill.exchange_order_id for fill in fills} == {found.exchange_id}
        assert all(fill.realised is not None for fill in fills)
        assert await one.exchange.open_orders() == []
        [held] = await one.exchange.positions()
        assert (held.symbol, held.quantity) == (ETH, D("0.100"))


@pytest.mark.parametrize(("when", "rests"), [("after", True), ("before", False)])
async def test_a_stop_without_an_answer_is_looked_up_by_its_name(tmp_path: Path, when: str, rests: bool) -> None:
    async with bench(tmp_path) as one, fault_control(one.running) as faults:
        await one.exchange.submit(order("short", Side.SELL))
        await faults.begin("drop_answer", path="/fapi/v1/algoOrder", when=when, next=1)
        with pytest.raises(OutcomeUnknown):
            await one.stop("guard", 1.05)
        found = await one.exchange.order(OrderRef(BTC, "guard", is_stop=True))
        assert (found is not None and found.status is OrderStatus.OPEN) is rests
        assert [report.client_id for report in await one.exchange.open_orders()] == (["guard"] if rests else [])


async def test_an_account_stream_whose_key_ended_is_opened_with_a_new_one(tmp_path: Path) -> None:
    async with bench(tmp_path) as one, fault_control(one.running) as faults:
        key = raw_account(one.exchange).options["linear"]["listenKey"]
        await faults.begin("end_account_stream")
        await eventually(lambda: len(one.lost()) >= 2)
        assert "listenKeyExpired" in one.lost()[0]
        assert "back after" in one.lost()[1]
        assert raw_account(one.exchange).options["linear"]["listenKey"] != key
        await one.exchange.submit(order("after", Side.SELL))
        await eventually(lambda: len(one.fills("after")) > 0)


async def test_a_subscription_lost_without_a_word_is_noticed_by_the_next_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "TELLS_WITHIN_S", 1.0)
    async with bench(tmp_path) as one, fault_control(one.running) as faults:
        await one.exchange.submit(order("before", Side.SELL))
        await eventually(lambda: OrderStatus.FILLED in one.statuses("before"))
        await faults.begin("lose_subscription", stream="account")
        await one.exchange.submit(order("unheard", Side.SELL))
        await eventually(lambda: len(one.lost()) >= 2)
        assert "no word of order" in one.lost()[0]
        assert "back after" in one.lost()[1]
        await one.exchange.submit(order("after", Side.SELL))
        await eventually(lambda: OrderStatus.FILLED in one.statuses("after"))
        assert len(one.lost()) == 2


async def test_settings_the_account_cannot_have_are_told_plainly(tmp_path: Path) -> None:
    async with sandbox(tmp_path, symbols=(BTC, ETH), speed=60.0, history_candles=600) as running:
        with pytest.raises(Misconfigured, match=r"refused set_margin_mode\(isolated, BTC/USDT:USDT\)"):
            await connection_to(running, margin_mode="isolated")
        await (await connection_to(running, leverage=5)).close()
        await (await connection_to(running, leverage=5)).close()  # nothing changes: no failure


# --- the dead man's switch ------------------------------------------------------------------------------------


async def an_entry(one: Bench, client_id: str, symbol: str) -> OrderReport:
    """A buy that rests far below the market."""
    last = float((await one.truth())["symbols"][symbol]["last_price"])
    price = one.connection.instruments[symbol].round_price(last * 0.8)
    quantity = one.connection.instruments[symbol].round_quantity(200 / last)
    return await one.exchange.submit(
        order(client_id, Side.BUY, symbol=symbol, type=OrderType.LIMIT, price=price, quantity=quantity)
    )


async def test_the_exchange_cancels_what_rests_when_nobody_is_heard_and_leaves_the_stop(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        await one.exchange.submit(order("short", Side.SELL))
        await one.stop("guard", 1.05)
        for client_id, symbol in (("entry", BTC), ("other", ETH)):
            assert (await an_entry(one, client_id, symbol)).status is OrderStatus.OPEN
        await one.exchange.cancel_after(0.3)
        for client_id in ("entry", "other"):
            await eventually(lambda name=client_id: OrderStatus.CANCELED in one.statuses(name))  # type: ignore[misc]
        assert [report.client_id for report in await one.exchange.open_orders()] == ["guard"]
        assert (await one.exchange.positions())[0].quantity == D("-0.010")


async def test_who_is_heard_in_time_or_switches_it_off_keeps_his_orders(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        await an_entry(one, "entry", BTC)
        await an_entry(one, "other", ETH)
        await one.exchange.cancel_after(0.5)
        await one.exchange.cancel_after(0.0)
        raw = raw_account(one.exchange)
        await raw.fapiPrivatePostCountdownCancelAll({"symbol": "ETHUSDT", "countdownTime": 1_000})
        await eventually(lambda: OrderStatus.CANCELED in one.statuses("other"))
        assert [report.client_id for report in await one.exchange.open_orders()] == ["entry"]
        for wrong in ({"symbol": "BTCUSDT"}, {"symbol": "BTCUSDT", "countdownTime": -1}):
            with pytest.raises(ccxt.BadRequest):
                await raw.fapiPrivatePostCountdownCancelAll(wrong)


async def test_a_switch_that_would_take_the_stops_along_is_refused(tmp_path: Path) -> None:
    async with sandbox(tmp_path, symbols=("BTC/USDT",), history_candles=600) as running:
        at = {"endpoint": running.endpoint, "ca_file": running.ca_file}
        chosen = ExchangeSettings(id="binance", symbols=("BTC/USDT",), dead_man_s=60.0, **at)
        keys = Credentials(running.api_key, running.api_secret)
        with pytest.raises(Misconfigured, match="of binance spot no dead man's switch is known"):
            await connect(chosen, MarketSettings(), market_clock(running), keys)
