"""The margined account of the sandbox through the unmodified ccxt client: streams, funding, restart, its own truth."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt
import pytest

from tests.kit.idle_time import quiet
from tests.kit.sandbox import eventually, eventually_true, fault_control, http_session, sandbox, truth
from tests.kit.usdm import BTC, SHORT, ccxt_usdm, position, touch

FUNDING_MS = 8 * 3_600_000


class Told:
    """What the watch methods of one ccxt client tell, collected in the background."""

    def __init__(self) -> None:
        self.orders: list[Any] = []
        self.trades: list[Any] = []
        self.positions: list[Any] = []
        self.balances: list[Any] = []

    async def collect(self, watch: Callable[[], Awaitable[Any]], into: list[Any]) -> None:
        while True:
            told = await watch()
            into.extend(dict(one) for one in (told if isinstance(told, list) else [told]))  # ccxt changes them in place

    def of(self, order: Any) -> list[str]:
        """The statuses told of one order."""
        return [str(each["status"]) for each in self.orders if each["clientOrderId"] == order["clientOrderId"]]


async def test_the_account_streams_orders_trades_positions_and_balances(tmp_path: Path) -> None:
    async with sandbox(tmp_path, speed=180, **SHORT) as running, ccxt_usdm(running) as exchange:
        await exchange.load_markets()
        told = Told()
        watchers = [
            asyncio.create_task(told.collect(exchange.watch_orders, told.orders)),
            asyncio.create_task(told.collect(exchange.watch_my_trades, told.trades)),
            asyncio.create_task(told.collect(exchange.watch_positions, told.positions)),
            asyncio.create_task(told.collect(exchange.watch_balance, told.balances)),
        ]
        await quiet()
        bid, _ = await touch(exchange)
        rested = await exchange.create_order(BTC, "limit", "buy", 0.01, round(bid * 0.97, 1))
        await exchange.edit_order(rested["id"], BTC, "limit", "buy", 0.01, round(bid * 0.96, 1))
        await exchange.cancel_order(rested["id"], BTC)
        filled = await exchange.create_order(BTC, "market", "buy", 0.05)
        await eventually(lambda: sum(trade["amount"] for trade in told.trades) >= 0.0499)
        stop = await exchange.create_order(
            BTC, "market", "sell", 0.05, None, {"stopLossPrice": round(bid * 0.9, 1), "reduceOnly": True}
        )
        await exchange.cancel_order(stop["id"], BTC, {"trigger": True})
        out = await exchange.create_order(BTC, "market", "sell", 0.05, None, {"reduceOnly": True})
        await eventually(lambda: bool(told.positions) and told.positions[-1]["contracts"] == 0)
        await eventually(lambda: "closed" in told.of(out))
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
        assert told.of(rested) in (["open", "open", "canceled"], ["open", "canceled"])  # ccxt merges quick updates
        assert told.of(filled)[-1] == "closed"
        assert told.of(stop)[-1] == "canceled"
        sides = [(each["side"], each["contracts"]) for each in told.positions if each["symbol"] == BTC]
        assert ("long", 0.05) in sides
        stored = await exchange.fetch_my_trades(BTC)
        assert {trade["id"] for trade in told.trades} == {trade["id"] for trade in stored}
        assert all(trade["fee"]["currency"] == "USDT" for trade in told.trades)
        balance = await exchange.fetch_balance()
        assert told.balances[-1]["USDT"]["total"] == pytest.approx(float(balance["info"]["totalWalletBalance"]))


async def test_a_triggered_stop_is_told_as_an_order_with_its_name(tmp_path: Path) -> None:
    async with sandbox(tmp_path, speed=300, **SHORT) as running, ccxt_usdm(running) as exchange:
        await exchange.load_markets()
        told = Told()
        watchers = [
            asyncio.create_task(told.collect(exchange.watch_orders, told.orders)),
            asyncio.create_task(told.collect(exchange.watch_my_trades, told.trades)),
        ]
        await quiet()
        await exchange.create_order(BTC, "market", "buy", 0.01)
        _, ask = await touch(exchange)
        placed = [
            await exchange.create_order(BTC, "market", "sell", 0.01, None, {name: price, "clientAlgoId": name})
            for name, price in (("stopLossPrice", round(ask * 0.9993, 1)), ("takeProfitPrice", round(ask * 1.0007, 1)))
        ]
        await eventually(lambda: any(order["info"].get("X") == "FINISHED" for order in told.orders))
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
        name = next(order["clientOrderId"] for order in told.orders if order["info"].get("X") == "FINISHED")
        assert name in [stop["clientOrderId"] for stop in placed]
        assert "c" in told.trades[-1]["info"]
        assert told.trades[-1]["info"]["c"] == name


async def test_funding_is_charged_every_eight_hours_of_market_time(tmp_path: Path) -> None:
    async with sandbox(tmp_path, speed=600, **SHORT) as running, ccxt_usdm(running) as exchange:
        opened = await exchange.create_order(BTC, "market", "buy", 0.1)
        now_ms = exchange.milliseconds
        async with fault_control(running) as faults:
            await faults.begin("clock_skew", skew_ms=49_000)  # 8.2 hours of market time
        exchange.milliseconds = lambda: now_ms() + 49_000 * 600
        paid: list[Any] = []

        async def is_paid() -> bool:
            paid[:] = await exchange.fetch_funding_history(BTC)
            return bool(paid)

        await eventually_true(is_paid)
        [settlement] = paid
        due = settlement["timestamp"]
        assert due % FUNDING_MS == 0
        history = await exchange.fetch_funding_rate_history(BTC, since=due, limit=1)
        rate = Decimal(history[0]["info"]["fundingRate"])
        assert settlement["amount"] == pytest.approx(-0.1 * opened["average"] * float(rate), rel=0.05)
        movements = (await truth(running))["usdm"]["incomes"]
        balance = await exchange.fetch_balance()
        assert Decimal(balance["info"]["totalWalletBalance"]) == 10_000 + sum(
            Decimal(each["income"]) for each in movements
        )
        ledger = await exchange.fetch_ledger("USDT", params={"type": "swap"})
        assert {entry["info"]["incomeType"] for entry in ledger} == {"COMMISSION", "FUNDING_FEE"}


async def test_listen_keys_live_until_they_are_given_up(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_usdm(running) as exchange, http_session(running) as session:
        key = (await exchange.fapiPrivatePostListenKey())["listenKey"]
        assert (await exchange.fapiPrivatePostListenKey())["listenKey"] == key
        assert (await exchange.fapiPrivatePutListenKey())["listenKey"] == key
        async with session.ws_connect(f"wss://fstream.binance.com/private/ws?listenKey={key}") as socket:
            await exchange.set_leverage(7, BTC)
            told = await socket.receive_json()
            assert (told["e"], told["ac"]) == ("ACCOUNT_CONFIG_UPDATE", {"s": "BTCUSDT", "l": 7})
            async with fault_control(running) as faults:
                await faults.begin("end_account_stream")
            told = await socket.receive_json()
            assert (told["e"], told["listenKey"]) == ("listenKeyExpired", key)
        with pytest.raises(ccxt.ExchangeError, match="-1125"):
            await exchange.fapiPrivatePutListenKey()
        assert (await exchange.fapiPrivatePostListenKey())["listenKey"] != key
        await exchange.fapiPrivateDeleteListenKey()
        with pytest.raises(ccxt.ExchangeError, match="-1125"):
            await exchange.fapiPrivatePutListenKey()


async def test_a_restart_goes_on_with_positions_orders_and_wallet(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_usdm(running) as exchange:
        await exchange.set_leverage(5, BTC)
        await exchange.create_order(BTC, "market", "sell", 0.02)
        bid, ask = await touch(exchange)
        await exchange.create_order(BTC, "limit", "sell", 0.01, round(ask * 1.04, 1), {"newClientOrderId": "rest"})
        await exchange.create_order(
            BTC, "market", "buy", 0.02, None, {"stopLossPrice": round(ask * 1.2, 1), "clientAlgoId": "stop"}
        )
        before = (await truth(running))["usdm"]
    async with sandbox(tmp_path, **SHORT) as running, ccxt_usdm(running) as exchange:
        after = (await truth(running))["usdm"]
        for part in ("orders", "algo_orders", "fills", "incomes"):
            assert after[part] == before[part]
        assert await position(exchange) == ("short", 0.02)
        assert (await exchange.fetch_leverage(BTC))["shortLeverage"] == 5
        assert [order["clientOrderId"] for order in await exchange.fetch_open_orders(BTC)] == ["rest"]
        waiting = await exchange.fetch_open_orders(BTC, params={"trigger": True})
        assert [order["clientOrderId"] for order in waiting] == ["stop"]
        wallet = (await exchange.fetch_balance())["info"]["totalWalletBalance"]
        assert wallet == before["account"][0]["walletBalance"]
        closed = await exchange.create_order(BTC, "market", "buy", 0.02, None, {"reduceOnly": True})
        assert int(closed["id"]) > max(order["orderId"] for order in before["orders"])
        assert bid > 0


async def test_the_exchange_tells_its_own_truth_about_the_account(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_usdm(running) as exchange:
        order = await exchange.create_order(BTC, "market", "buy", 0.02)
        state = (await truth(running))["usdm"]
        assert [each["orderId"] for each in state["orders"]] == [int(order["id"])]
        assert sum(Decimal(fill["qty"]) for fill in state["fills"]) == Decimal("0.02")
        assert [(each["symbol"], Decimal(each["positionAmt"])) for each in state["positions"]] == [
            ("BTCUSDT", Decimal("0.02"))
        ]
        assert set(state["symbols"]) == set(SHORT["symbols"])
        account = await exchange.fapiPrivateV3GetAccount()
        assert account["totalWalletBalance"] == state["account"][0]["walletBalance"]
        by_balance = await exchange.fapiPrivateV3GetBalance()
        assert by_balance[0]["balance"] == account["totalWalletBalance"]
        second = await exchange.fetch_positions([BTC], {"useV2": True})
        assert (second[0]["leverage"], second[0]["contracts"]) == (20, 0.02)
        risk = (await exchange.fetch_positions([BTC]))[0]
        notional = Decimal(risk["info"]["notional"])
        assert Decimal(risk["info"]["initialMargin"]) == pytest.approx(notional / 20)
        assert Decimal(risk["info"]["maintMargin"]) == pytest.approx(notional * Decimal("0.004"))
