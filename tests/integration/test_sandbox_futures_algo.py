"""Conditional orders on the sandbox's perpetuals: Binance's algo orders through the unmodified ccxt client."""

from pathlib import Path
from typing import Any

import ccxt
import pytest

from tests.kit.sandbox import eventually_true, sandbox
from tests.kit.usdm import BTC, SHORT, ccxt_usdm, position, touch

TRIGGER = {"trigger": True}


async def status(exchange: Any, stop_id: str) -> str:
    order = await exchange.fetch_order(stop_id, BTC, TRIGGER)
    return str(order["info"]["algoStatus"])


async def test_stops_wait_in_a_book_of_their_own_and_are_cancelled_there(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_usdm(running) as exchange:
        await exchange.create_order(BTC, "market", "buy", 0.02)
        bid, _ = await touch(exchange)
        reduce: dict[str, Any] = {"reduceOnly": True}
        stop = await exchange.create_order(
            BTC, "market", "sell", 0.02, None, {**reduce, "stopLossPrice": round(bid * 0.9, 1), "clientAlgoId": "mine"}
        )
        assert (stop["status"], stop["type"], stop["clientOrderId"]) == ("open", "market", "mine")
        assert stop["triggerPrice"] == round(bid * 0.9, 1)
        target = await exchange.create_order(
            BTC, "limit", "sell", 0.01, round(bid * 1.1, 1), {**reduce, "takeProfitPrice": round(bid * 1.1, 1)}
        )
        trailing = await exchange.create_order(BTC, "market", "sell", 0.01, None, {**reduce, "trailingPercent": 5})
        assert await exchange.fetch_open_orders(BTC) == []
        waiting = await exchange.fetch_open_orders(BTC, params=TRIGGER)
        assert [order["id"] for order in waiting] == [stop["id"], target["id"], trailing["id"]]
        kinds = [order["info"]["orderType"] for order in waiting]
        assert kinds == ["STOP_MARKET", "TAKE_PROFIT", "TRAILING_STOP_MARKET"]
        assert (await exchange.fetch_balance())["USDT"]["used"] == pytest.approx(0.02 * bid / 20, rel=0.01)
        await exchange.cancel_order(None, BTC, {**TRIGGER, "clientAlgoId": "mine"})
        assert (await exchange.fetch_order(stop["id"], BTC, TRIGGER))["status"] == "canceled"
        with pytest.raises(ccxt.OrderNotFound):
            await exchange.cancel_order(stop["id"], BTC, TRIGGER)
        await exchange.cancel_all_orders(BTC, TRIGGER)
        assert await exchange.fetch_open_orders(BTC, params=TRIGGER) == []
        assert len(await exchange.fetch_orders(BTC, params=TRIGGER)) == 3
        with pytest.raises(ccxt.OrderNotFound):
            await exchange.fetch_order("99", BTC, TRIGGER)


async def test_a_stop_closes_the_position_once_the_price_gets_there(tmp_path: Path) -> None:
    async with sandbox(tmp_path, speed=300, **SHORT) as running, ccxt_usdm(running) as exchange:
        await exchange.create_order(BTC, "market", "buy", 0.02)
        bid, ask = await touch(exchange)
        below = await exchange.create_order(
            BTC, "market", "sell", 0.02, None, {"stopLossPrice": round(bid * 0.9995, 1), "reduceOnly": True}
        )
        above = await exchange.create_order(
            BTC, "market", "sell", 0.02, None, {"takeProfitPrice": round(ask * 1.0005, 1), "reduceOnly": True}
        )

        async def flat() -> bool:
            return await position(exchange) is None

        await eventually_true(flat)
        finished = {stop["id"]: await status(exchange, stop["id"]) for stop in (below, above)}
        assert sorted(finished.values()) in (["FINISHED", "NEW"], ["FINISHED", "REJECTED"])
        done = next(number for number, word in finished.items() if word == "FINISHED")
        told = (await exchange.fetch_order(done, BTC, TRIGGER))["info"]
        order = await exchange.fetch_order(told["actualOrderId"], BTC)
        assert (order["clientOrderId"], order["status"], order["filled"]) == (told["clientAlgoId"], "closed", 0.02)
        assert float(told["actualPrice"]) == order["average"]
        trades = [trade for trade in await exchange.fetch_my_trades(BTC) if trade["order"] == order["id"]]
        assert sum(trade["amount"] for trade in trades) == pytest.approx(0.02)


async def test_a_whole_position_is_closed_without_naming_its_size(tmp_path: Path) -> None:
    async with sandbox(tmp_path, speed=300, **SHORT) as running, ccxt_usdm(running) as exchange:
        await exchange.create_order(BTC, "market", "sell", 0.03)
        _, ask = await touch(exchange)
        params = {"stopLossPrice": round(ask * 1.0003, 1), "closePosition": True}
        stop = await exchange.create_order(BTC, "market", "buy", 0, None, params)
        assert stop["info"]["closePosition"] is True

        async def is_finished() -> bool:
            return await status(exchange, stop["id"]) == "FINISHED"

        await eventually_true(is_finished)
        assert await position(exchange) is None
        with pytest.raises(ccxt.ExchangeError, match="-4137"):
            await exchange.fapiPrivatePostAlgoOrder(
                {
                    "algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "BUY", "type": "STOP_MARKET",
                    "triggerPrice": round(ask * 1.1, 1), "closePosition": "true", "quantity": "0.01",
                }
            )  # fmt: skip


REFUSALS: list[tuple[dict[str, str], int]] = [
    ({"algoType": "VP"}, -1130),
    ({"type": "LIMIT"}, -1116),
    ({"triggerPrice": "200000"}, -2021),
    ({"triggerPrice": "80000.05"}, -4014),
    ({"triggerPrice": ""}, -1102),
    ({"quantity": "0.00001"}, -1111),
    ({"workingType": "INDEX"}, -4031),
    ({"type": "TRAILING_STOP_MARKET", "callbackRate": "50"}, -1130),
    ({"type": "TRAILING_STOP_MARKET"}, -1102),
    ({"type": "STOP"}, -1102),
    ({"clientAlgoId": "taken"}, -4116),
    ({"type": "TRAILING_STOP_MARKET", "callbackRate": "1", "closePosition": "true"}, -4136),
]


async def test_refused_conditional_orders_have_binances_codes(tmp_path: Path) -> None:
    usual = {
        "algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET", "quantity": "0.01",
        "triggerPrice": "80000",
    }  # fmt: skip
    async with sandbox(tmp_path, **SHORT) as running, ccxt_usdm(running) as exchange:
        await exchange.fapiPrivatePostAlgoOrder({**usual, "clientAlgoId": "taken"})
        for change, code in REFUSALS:
            with pytest.raises(ccxt.ExchangeError) as caught:
                await exchange.fapiPrivatePostAlgoOrder({**usual, **change})
            assert f'"code":{code},' in str(caught.value), (change, str(caught.value))
        assert len(await exchange.fapiPrivateGetOpenAlgoOrders({"symbol": "BTCUSDT"})) == 1


async def test_only_so_many_conditional_orders_wait_in_a_symbol(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_usdm(running) as exchange:
        bid, _ = await touch(exchange)
        for number in range(10):
            await exchange.create_order(
                BTC, "market", "sell", 0.01, None, {"stopLossPrice": round(bid * (0.8 + number / 100), 1)}
            )
        with pytest.raises(ccxt.ExchangeError, match="-4045"):
            await exchange.create_order(BTC, "market", "sell", 0.01, None, {"stopLossPrice": round(bid * 0.7, 1)})
