"""Orders and positions on the sandbox's perpetuals through the unmodified ccxt client."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt
import pytest

from tests.kit.sandbox import sandbox, truth
from tests.kit.usdm import BTC, SHORT, ccxt_usdm, position, touch


async def test_long_short_and_one_order_that_turns_the_position(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_usdm(running) as exchange:
        opened = await exchange.create_order(BTC, "market", "buy", 0.02)
        assert (opened["status"], opened["filled"]) == ("closed", 0.02)
        assert await position(exchange) == ("long", 0.02)
        turned = await exchange.create_order(BTC, "market", "sell", 0.05)
        assert turned["status"] == "closed"
        assert await position(exchange) == ("short", 0.03)
        held = (await exchange.fetch_positions([BTC]))[0]
        assert held["entryPrice"] == pytest.approx(turned["average"], rel=1e-4)
        assert held["marginMode"] == "cross"
        assert held["hedged"] is False
        closed = await exchange.create_order(BTC, "market", "buy", 0.03, None, {"reduceOnly": True})
        assert closed["reduceOnly"] is True
        assert await position(exchange) is None
        trades = await exchange.fetch_my_trades(BTC)
        assert {trade["order"] for trade in trades} == {opened["id"], turned["id"], closed["id"]}
        assert {trade["fee"]["currency"] for trade in trades} == {"USDT"}
        profit = sum(Decimal(trade["info"]["realizedPnl"]) for trade in trades)
        fees = sum(Decimal(trade["info"]["commission"]) for trade in trades)
        balance = await exchange.fetch_balance()
        assert Decimal(balance["info"]["totalWalletBalance"]) == 10_000 + profit - fees
        assert balance["USDT"]["used"] == 0


async def test_order_kinds_do_what_their_names_say(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_usdm(running) as exchange:
        bid, ask = await touch(exchange)
        maker = await exchange.create_order(BTC, "limit", "buy", 0.001, round(bid * 0.99, 1), {"postOnly": True})
        assert (maker["status"], maker["timeInForce"], maker["postOnly"]) == ("open", "PO", True)
        with pytest.raises(ccxt.OrderNotFillable):
            await exchange.create_order(BTC, "limit", "buy", 0.001, round(ask * 1.01, 1), {"postOnly": True})
        taken = await exchange.create_order(BTC, "limit", "buy", 0.001, round(ask * 1.002, 1), {"timeInForce": "IOC"})
        assert taken["status"] == "closed"
        missed = await exchange.create_order(BTC, "limit", "buy", 0.001, round(bid * 0.99, 1), {"timeInForce": "IOC"})
        assert (missed["status"], missed["filled"]) == ("expired", 0)
        whole = await exchange.create_order(BTC, "limit", "buy", 0.001, round(ask * 1.002, 1), {"timeInForce": "FOK"})
        assert whole["status"] == "closed"
        with pytest.raises(ccxt.OrderNotFillable):
            await exchange.create_order(BTC, "limit", "buy", 90, round(ask * 1.002, 1), {"timeInForce": "FOK"})
        cut = await exchange.create_order(BTC, "market", "sell", 0.05, None, {"reduceOnly": True})
        assert (cut["status"], cut["filled"]) == ("closed", 0.002)


async def test_an_order_rests_is_found_changed_and_cancelled_by_either_id(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_usdm(running) as exchange:
        bid, _ = await touch(exchange)
        placed = await exchange.create_order(
            BTC, "limit", "buy", 0.01, round(bid * 0.97, 1), {"newClientOrderId": "mine"}
        )
        used = (await exchange.fetch_balance())["USDT"]["used"]
        assert used == pytest.approx(0.01 * placed["price"] / 20, rel=1e-6)
        edited = await exchange.edit_order(placed["id"], BTC, "limit", "buy", 0.012, round(bid * 0.98, 1))
        assert (edited["id"], edited["clientOrderId"], edited["amount"]) == (placed["id"], "mine", 0.012)
        by_own_id = await exchange.fetch_order(None, BTC, {"origClientOrderId": "mine"})
        assert by_own_id["price"] == round(bid * 0.98, 1)
        assert (await exchange.fetch_open_order(placed["id"], BTC))["id"] == placed["id"]
        assert [order["id"] for order in await exchange.fetch_open_orders(BTC)] == [placed["id"]]
        canceled = await exchange.cancel_order(None, BTC, {"origClientOrderId": "mine"})
        assert (canceled["id"], canceled["status"]) == (placed["id"], "canceled")
        for _ in range(2):
            await exchange.create_order(BTC, "limit", "sell", 0.001, round(bid * 1.03, 1))
        await exchange.cancel_all_orders(BTC)
        assert await exchange.fetch_open_orders(BTC) == []
        assert [order["status"] for order in await exchange.fetch_orders(BTC)] == ["canceled"] * 3


async def test_leverage_decides_what_can_be_opened(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_usdm(running) as exchange:
        bid, _ = await touch(exchange)
        price = round(bid * 0.98, 1)
        await exchange.set_leverage(2, BTC)
        with pytest.raises(ccxt.InsufficientFunds):
            await exchange.create_order(BTC, "limit", "buy", 0.3, price)
        await exchange.set_leverage(50, BTC)
        assert (await exchange.fetch_leverage(BTC))["longLeverage"] == 50
        order = await exchange.create_order(BTC, "limit", "buy", 0.3, price)
        assert (await exchange.fetch_balance())["USDT"]["used"] == pytest.approx(0.3 * price / 50, rel=1e-6)
        with pytest.raises(ccxt.InsufficientFunds):
            await exchange.set_leverage(1, BTC)
        await exchange.cancel_order(order["id"], BTC)
        with pytest.raises(ccxt.BadRequest):
            await exchange.set_leverage(126, BTC)


async def test_orders_over_the_websocket_api_equal_those_over_rest(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_usdm(running) as exchange:
        bid, _ = await touch(exchange)
        placed = await exchange.create_order_ws(BTC, "limit", "buy", 0.01, round(bid * 0.97, 1))
        assert placed["status"] == "open"
        edited = await exchange.edit_order_ws(placed["id"], BTC, "limit", "buy", 0.02, round(bid * 0.96, 1))
        assert (edited["id"], edited["amount"]) == (placed["id"], 0.02)
        canceled = await exchange.cancel_order_ws(placed["id"], BTC)
        assert canceled["status"] == "canceled"
        stop = await exchange.create_order_ws(
            BTC, "market", "sell", 0.01, None, {"stopLossPrice": round(bid * 0.9, 1), "reduceOnly": True}
        )
        waiting = await exchange.fetch_open_orders(BTC, params={"trigger": True})
        assert [order["id"] for order in waiting] == [stop["id"]]


REFUSALS: list[tuple[dict[str, Any], int, str]] = [
    ({"quantity": "0.0005"}, -1111, "Precision"),
    ({"price": "90000.15"}, -4014, "tick"),
    ({"price": "90000.123"}, -1111, "Precision"),
    ({"quantity": "0"}, -4003, "zero"),
    ({"quantity": "2000000"}, -4005, "max"),
    ({"quantity": "3"}, -2019, "Margin"),
    ({"price": "20000", "quantity": "0.002"}, -4164, "notional"),
    ({"price": "200000"}, -4016, "higher"),
    ({"side": "SELL", "price": "20000", "quantity": "0.01"}, -4024, "lower"),
    ({"reduceOnly": "true"}, -2022, "ReduceOnly"),
    ({"side": "SELL", "positionSide": "SHORT"}, -4061, "position side"),
    ({"type": "STOP_MARKET", "stopPrice": "90000"}, -4120, "Algo"),
    ({"type": "OTHER"}, -1116, "orderType"),
    ({"side": "HOLD"}, -1117, "side"),
    ({"timeInForce": "GTD"}, -1115, "timeInForce"),
    ({"timeInForce": ""}, -1102, "timeInForce"),
    ({"symbol": "NOUSDT"}, -1121, "symbol"),
    ({"newClientOrderId": "taken"}, -4116, "duplicated"),
    ({"newClientOrderId": "no spaces"}, -1100, "newClientOrderId"),
    ({"closePosition": "true"}, -4136, "closePosition"),
]


async def test_refusals_have_binances_codes_and_change_nothing(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_usdm(running) as exchange:
        usual = {
            "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01",
            "price": "91000.0",
        }  # fmt: skip
        await exchange.fapiPrivatePostOrder({**usual, "newClientOrderId": "taken"})
        before = (await truth(running))["usdm"]
        for change, code, word in REFUSALS:
            with pytest.raises(ccxt.ExchangeError) as caught:
                await exchange.fapiPrivatePostOrder({**usual, **change})
            assert f'"code":{code},' in str(caught.value), (change, str(caught.value))
            assert word in str(caught.value)
        after = (await truth(running))["usdm"]
        assert (after["orders"], after["fills"]) == (before["orders"], before["fills"])


async def test_refusals_become_the_classes_that_ccxt_has_for_them(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_usdm(running) as exchange:
        bid, _ = await touch(exchange)
        with pytest.raises(ccxt.InsufficientFunds):
            await exchange.create_order(BTC, "limit", "buy", 9, round(bid * 0.98, 1))
        with pytest.raises(ccxt.InvalidOrder):
            await exchange.create_order(BTC, "market", "sell", 0.01, None, {"reduceOnly": True})
        with pytest.raises(ccxt.OrderNotFound):
            await exchange.cancel_order("77", BTC)
        with pytest.raises(ccxt.OrderNotFound):
            await exchange.fetch_order("77", BTC)
        with pytest.raises(ccxt.OrderImmediatelyFillable):
            await exchange.create_order(BTC, "market", "sell", 0.01, None, {"stopLossPrice": round(bid * 1.01, 1)})
        with pytest.raises(ccxt.MarginModeAlreadySet):
            await exchange.set_margin_mode("cross", BTC)
        with pytest.raises(ccxt.ExchangeError, match="isolated margin"):
            await exchange.set_margin_mode("isolated", BTC)
        with pytest.raises(ccxt.ExchangeError, match="hedge mode"):
            await exchange.set_position_mode(True)
        with pytest.raises(ccxt.ExchangeError, match="-4049"):
            await exchange.add_margin(BTC, 10)
        assert (await exchange.fetch_position_mode())["hedged"] is False
        exchange.secret = "wrong"
        with pytest.raises(ccxt.AuthenticationError):
            await exchange.fetch_positions()


async def test_an_order_signed_too_long_ago_is_refused(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_usdm(running) as exchange:
        now_ms = exchange.milliseconds
        exchange.milliseconds = lambda: now_ms() - 11_000 * 60
        with pytest.raises(ccxt.InvalidNonce):
            await exchange.create_order(BTC, "market", "buy", 0.01)
        assert (await truth(running))["usdm"]["orders"] == []
