"""Orders, fills and balances of the sandbox through the unmodified ccxt client."""

import asyncio
import contextlib
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt
import pytest

from tests.kit.idle_time import quiet
from tests.kit.sandbox import ccxt_binance, eventually, eventually_true, http_session, sandbox, truth

BTC = "BTC/USDT"
SPOT_ONLY = {"options": {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False}}
SHORT: dict[str, Any] = {"history_candles": 600, "symbols": (BTC, "ETH/USDT")}


async def touch(exchange: Any, symbol: str = BTC) -> tuple[float, float]:
    book = await exchange.fetch_order_book(symbol, 5)
    return book["bids"][0][0], book["asks"][0][0]


async def test_a_market_order_walks_the_book_and_pays_its_fee_in_what_it_receives(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_binance(running, **SPOT_ONLY) as exchange:
        bought = await exchange.create_order(BTC, "market", "buy", 0.02)
        assert bought["status"] == "closed"
        assert bought["filled"] == 0.02
        assert len(bought["trades"]) > 1  # one level does not hold 0.02 BTC
        assert bought["fee"]["currency"] == "BTC"
        sold = await exchange.create_order(BTC, "market", "sell", 0.01)
        assert sold["fee"]["currency"] == "USDT"
        balance = await exchange.fetch_balance()
        assert balance["BTC"]["free"] == pytest.approx(0.02 * 0.999 - 0.01, abs=1e-12)
        spent = Decimal(bought["info"]["cummulativeQuoteQty"]) - Decimal(sold["info"]["cummulativeQuoteQty"])
        fee = sum(Decimal(fill["commission"]) for fill in sold["info"]["fills"])
        assert Decimal(balance["info"]["balances"][-1]["free"]) == Decimal(10_000) - spent - fee
        by_cost = await exchange.create_market_buy_order_with_cost(BTC, 100)
        assert 95 < by_cost["cost"] <= 100


async def test_a_limit_order_rests_is_found_by_either_id_and_is_cancelled_by_its_own(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_binance(running, **SPOT_ONLY) as exchange:
        bid, _ = await touch(exchange)
        price = round(bid * 0.97, 2)
        placed = await exchange.create_order(BTC, "limit", "buy", 0.01, price, {"newClientOrderId": "mine-1"})
        assert (placed["status"], placed["clientOrderId"]) == ("open", "mine-1")
        held = (await exchange.fetch_balance())["USDT"]
        assert held["used"] == pytest.approx(0.01 * price)
        assert [order["id"] for order in await exchange.fetch_open_orders(BTC)] == [placed["id"]]
        by_id = await exchange.fetch_order(placed["id"], BTC)
        by_own_id = await exchange.fetch_order(None, BTC, {"origClientOrderId": "mine-1"})
        assert by_id["info"] == by_own_id["info"]
        canceled = await exchange.cancel_order(None, BTC, {"origClientOrderId": "mine-1"})
        assert (canceled["id"], canceled["status"]) == (placed["id"], "canceled")
        assert await exchange.fetch_open_orders(BTC) == []
        assert (await exchange.fetch_order(placed["id"], BTC))["clientOrderId"] == "mine-1"
        assert (await exchange.fetch_balance())["USDT"]["used"] == 0


async def test_order_kinds_do_what_their_names_say(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_binance(running, **SPOT_ONLY) as exchange:
        bid, ask = await touch(exchange)
        maker = await exchange.create_order(BTC, "limit", "buy", 0.001, round(bid * 0.99, 2), {"postOnly": True})
        assert (maker["status"], maker["info"]["type"]) == ("open", "LIMIT_MAKER")
        taken = await exchange.create_order(BTC, "limit", "buy", 0.001, round(ask * 1.002, 2), {"timeInForce": "IOC"})
        assert taken["status"] == "closed"
        missed = await exchange.create_order(BTC, "limit", "buy", 0.001, round(bid * 0.99, 2), {"timeInForce": "IOC"})
        assert (missed["status"], missed["filled"]) == ("expired", 0)
        stop = await exchange.create_order(BTC, "market", "sell", 0.0009, None, {"stopLossPrice": round(bid * 0.9, 2)})
        stored = await exchange.fetch_order(stop["id"], BTC)
        assert (stored["status"], stored["info"]["type"]) == ("open", "STOP_LOSS")
        assert stored["stopPrice"] == round(bid * 0.9, 2)
        assert (await exchange.fetch_balance())["BTC"]["used"] == 0.0009


async def resting_stop(exchange: Any, quantity: float) -> tuple[float, Any]:
    """(bid, a stop just below it). At this speed the market may be through the price before the order arrives."""
    while True:
        bid, _ = await touch(exchange)
        wanted = {"stopLossPrice": round(bid * 0.9995, 2)}
        with contextlib.suppress(ccxt.OrderImmediatelyFillable):
            return bid, await exchange.create_order(BTC, "market", "sell", quantity, None, wanted)


async def test_a_stop_sells_once_the_price_gets_there(tmp_path: Path) -> None:
    async with sandbox(tmp_path, speed=300, **SHORT) as running, ccxt_binance(running, **SPOT_ONLY) as exchange:
        await exchange.create_order(BTC, "market", "buy", 0.01)
        bid, stop = await resting_stop(exchange, 0.005)

        async def is_closed() -> bool:
            return bool((await exchange.fetch_order(stop["id"], BTC))["status"] == "closed")

        await eventually_true(is_closed)
        order = await exchange.fetch_order(stop["id"], BTC)
        assert order["filled"] == 0.005
        assert order["average"] < bid * 1.01


async def test_a_replacement_is_one_request_and_leaves_one_order(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_binance(running, **SPOT_ONLY) as exchange:
        bid, _ = await touch(exchange)
        old = await exchange.create_order(BTC, "limit", "buy", 0.01, round(bid * 0.97, 2))
        new = await exchange.edit_order(old["id"], BTC, "limit", "buy", 0.012, round(bid * 0.98, 2))
        assert new["id"] != old["id"]
        open_orders = await exchange.fetch_open_orders(BTC)
        assert [(order["id"], order["amount"]) for order in open_orders] == [(new["id"], 0.012)]
        assert (await exchange.fetch_order(old["id"], BTC))["status"] == "canceled"


async def test_history_lists_orders_and_trades_completely(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_binance(running, **SPOT_ONLY) as exchange:
        bid, _ = await touch(exchange)
        filled = await exchange.create_order(BTC, "market", "buy", 0.01)
        for _ in range(2):
            await exchange.create_order(BTC, "limit", "buy", 0.001, round(bid * 0.95, 2))
        canceled = await exchange.cancel_all_orders(BTC)
        assert len(canceled) == 2
        orders = await exchange.fetch_orders(BTC)
        assert [order["status"] for order in orders] == ["closed", "canceled", "canceled"]
        trades = await exchange.fetch_my_trades(BTC)
        assert {trade["order"] for trade in trades} == {filled["id"]}
        assert sum(Decimal(trade["info"]["qty"]) for trade in trades) == Decimal("0.01")
        later = await exchange.fetch_my_trades(BTC, since=trades[0]["timestamp"] + 60_000_000)
        assert later == []


async def test_the_account_streams_every_change_in_order(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_binance(running, **SPOT_ONLY) as exchange:
        await exchange.load_markets()
        orders: list[Any] = []
        trades: list[Any] = []
        balances: list[Any] = []

        async def collect(watch: Any, into: list[Any]) -> None:
            while True:
                told = await watch()
                into.extend(
                    dict(one) for one in (told if isinstance(told, list) else [told])
                )  # ccxt changes them in place

        watchers = [
            asyncio.create_task(collect(exchange.watch_orders, orders)),
            asyncio.create_task(collect(exchange.watch_my_trades, trades)),
            asyncio.create_task(collect(exchange.watch_balance, balances)),
        ]
        await quiet()
        bid, _ = await touch(exchange)
        rested = await exchange.create_order(BTC, "limit", "buy", 0.01, round(bid * 0.97, 2))
        await exchange.cancel_order(rested["id"], BTC)
        filled = await exchange.create_order(BTC, "market", "buy", 0.02)
        await eventually(lambda: sum(trade["amount"] for trade in trades) >= 0.02)
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
        assert [o["status"] for o in orders if o["id"] == rested["id"]] == ["open", "canceled"]
        assert all(o["clientOrderId"] == rested["clientOrderId"] for o in orders if o["id"] == rested["id"])
        assert [o["status"] for o in orders if o["id"] == filled["id"]][-1] == "closed"
        told_ids = {trade["id"] for trade in trades}
        assert told_ids == {str(fill["tradeId"]) for fill in filled["info"]["fills"]}
        assert balances[-1]["BTC"]["free"] == pytest.approx(0.02 * 0.999)


async def test_orders_over_the_websocket_api_equal_those_over_rest(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_binance(running, **SPOT_ONLY) as exchange:
        bid, _ = await touch(exchange)
        placed = await exchange.create_order_ws(BTC, "limit", "buy", 0.01, round(bid * 0.97, 2))
        assert placed["status"] == "open"
        stored = await exchange.fetch_order(placed["id"], BTC)
        assert stored["clientOrderId"] == placed["clientOrderId"]
        canceled = await exchange.cancel_order_ws(placed["id"], BTC)
        assert canceled["status"] == "canceled"


async def test_the_exchange_tells_its_own_truth(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_binance(running, **SPOT_ONLY) as exchange:
        filled = await exchange.create_order(BTC, "market", "buy", 0.01)
        state = await truth(running)
        assert [order["orderId"] for order in state["orders"]] == [int(filled["id"])]
        assert sum(Decimal(fill["qty"]) for fill in state["fills"]) == Decimal("0.01")
        balance = await exchange.fetch_balance()
        assert float(state["balances"]["BTC"]["free"]) == balance["BTC"]["free"]
        assert set(state["symbols"]) == {BTC, "ETH/USDT"}
        async with http_session(running) as session, session.get(f"{running.endpoint}/sandbox/clock") as answer:
            clock = await answer.json()
        assert (clock["real_epoch_ms"], clock["market_epoch_ms"], clock["speed"]) == (
            running.real_epoch_ms, running.market_epoch_ms, running.speed,
        )  # fmt: skip
