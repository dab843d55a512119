"""The sandbox's own endpoints - faults, deposits - and its faults as the plain ccxt client sees them."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt
import pytest

from tests.kit.idle_time import quiet
from tests.kit.sandbox import ccxt_binance, eventually, eventually_true, fault_control, http_session, sandbox, truth
from trader.config.sandbox import SandboxSettings
from trader.domain.errors import Misconfigured
from trader.sandbox.faults.kinds import ErrorAnswer, Silence
from trader.sandbox.server.process import ensure_running, restart, stop

BTC = "BTC/USDT"
SPOT_ONLY: dict[str, Any] = {
    "options": {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False, "fetchCurrencies": False}
}
SHORT: dict[str, Any] = {"history_candles": 600, "symbols": (BTC, "ETH/USDT")}


async def touch(exchange: Any) -> tuple[float, float]:
    """(best bid, best ask)."""
    book = await exchange.fetch_order_book(BTC, 5)
    return book["bids"][0][0], book["asks"][0][0]


async def test_the_endpoint_lists_counts_ends_and_refuses(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, http_session(running) as session:
        url = f"{running.endpoint}/sandbox/faults"

        async def ask(method: str, body: Any = None, query: str = "") -> tuple[int, Any]:
            async with session.request(method, url + query, json=body) as answer:
                return answer.status, await answer.json()

        assert await ask("GET") == (200, [])
        status, begun = await ask("POST", {"kind": "error", "path": "/ping", "status": 500, "next": 3})
        assert (status, begun["id"], begun["is_active"], begun["acted"]) == (200, 1, True, 0)
        async with session.get(f"{running.endpoint}/api/v3/ping") as answer:
            assert answer.status == 500
        assert [fault["acted"] for fault in (await ask("GET"))[1]] == [1]
        for body, said in (
            ({"kind": "gremlins"}, "allowed are error, drop_answer"),
            ({"kind": "error", "stauts": 3}, "has no stauts: allowed are path"),
            ({"kind": "delist", "symbol": "XXX/USDT"}, "'XXX/USDT': allowed are BTC/USDT, ETH/USDT"),
            ([], "fault kind []"),
        ):
            status, refused = await ask("POST", body)
            assert (status, said in refused["error"]) == (400, True), refused
        async with session.post(url, data=b"{") as answer:
            assert (answer.status, "no JSON" in await answer.text()) == (400, True)
        await ask("POST", {"kind": "silence"})
        assert [fault["is_active"] for fault in (await ask("DELETE", query="?id=1"))[1]] == [False, True]
        assert (await ask("DELETE", query="?id=9"))[0] == 400
        assert [fault["is_active"] for fault in (await ask("DELETE"))[1]] == [False, False]
        async with session.get(f"{running.endpoint}/api/v3/ping") as answer:
            assert answer.status == 200


async def test_faults_given_with_the_options_are_there_from_the_start(tmp_path: Path) -> None:
    faults = (ErrorAnswer(path="/time", status=418, retry_after_s=30), Silence(stream="@trade"))
    async with sandbox(tmp_path, faults=faults, **SHORT) as running, fault_control(running) as control:
        assert [fault["kind"] for fault in await control.listing()] == ["error", "silence"]
        async with http_session(running) as session:
            async with session.get(f"{running.endpoint}/api/v3/time") as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (418, "30")
                assert (await answer.json())["code"] == -1003
            async with session.get(f"{running.endpoint}/api/v3/time") as answer:
                assert answer.status == 200


async def test_ccxt_sees_what_it_would_see_of_binance(tmp_path: Path) -> None:
    """Each fault in ccxt's own words, and that the next call is answered."""
    seen: tuple[tuple[dict[str, Any], type[Exception]], ...] = (
        ({"kind": "error", "status": 429}, ccxt.DDoSProtection),
        ({"kind": "error", "status": 418}, ccxt.DDoSProtection),
        ({"kind": "error", "status": 500}, ccxt.ExchangeNotAvailable),
        ({"kind": "error", "status": 504}, ccxt.RequestTimeout),
        ({"kind": "error", "status": 400, "code": -1003, "message": "Too many."}, ccxt.RateLimitExceeded),
        ({"kind": "error", "status": 400, "code": -1021, "message": "Outside."}, ccxt.InvalidNonce),
        ({"kind": "drop_answer", "next": 2}, ccxt.ExchangeNotAvailable),
        ({"kind": "delay_answer", "delay_s": 1.0}, ccxt.RequestTimeout),
    )
    config = {**SPOT_ONLY, "timeout": 500, "enableRateLimit": False}
    async with (
        sandbox(tmp_path, **SHORT) as running,
        fault_control(running) as control,
        ccxt_binance(running, **config) as exchange,
    ):
        await exchange.load_markets()
        for fault, kind in seen:
            await control.begin(**fault, path="/depth")
            with pytest.raises(ccxt.NetworkError) as failed:
                await exchange.fetch_order_book(BTC, 5)
            assert type(failed.value) is kind, fault
            await control.clear()
            assert (await exchange.fetch_order_book(BTC, 5))["bids"]
        for kind_without_error in ("empty_body", "truncated_body"):
            await control.begin(kind_without_error, path="/depth")
            assert (await exchange.fetch_order_book(BTC, 5))["bids"] == []  # ccxt takes it for an empty book
        await control.begin("error", status=503, path="/ws-api/order.place")
        with pytest.raises(ccxt.BaseError):
            await exchange.create_order_ws(BTC, "market", "buy", 0.001)
        assert (await exchange.create_order_ws(BTC, "market", "buy", 0.001))["status"] == "closed"
        await control.begin("drop_answer", path="/ws-api/order.place", when="after")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(exchange.create_order_ws(BTC, "market", "buy", 0.002), 0.5)
        assert len((await truth(running))["orders"]) == 2  # it was carried out


async def test_a_deposit_is_pushed_to_the_account_and_a_withdrawal_needs_the_money(tmp_path: Path) -> None:
    async with (
        sandbox(tmp_path, **SHORT) as running,
        fault_control(running) as control,
        http_session(running) as session,
        ccxt_binance(running, **SPOT_ONLY) as exchange,
    ):
        events: list[Any] = []
        dispatch = exchange.handle_message

        def heard(client: Any, message: Any) -> None:
            events.append(message)
            dispatch(client, message)

        exchange.handle_message = heard
        watching = asyncio.create_task(exchange.watch_balance())
        await quiet()
        await control.deposit("USDT", "12.5")
        await eventually(lambda: any(message.get("event", {}).get("e") == "balanceUpdate" for message in events))
        pushed = [message["event"] for message in events if "event" in message]
        assert [event["e"] for event in pushed] == ["balanceUpdate", "outboundAccountPosition"]
        assert {key: pushed[0][key] for key in ("a", "d")} == {"a": "USDT", "d": "12.50000000"}
        assert pushed[1]["B"] == [{"a": "USDT", "f": "10012.50000000", "l": "0.00000000"}]
        await watching
        assert (await exchange.fetch_balance())["USDT"]["free"] == 10012.5
        for body, said in (
            ({"currency": "USDT", "amount": "-20000"}, "is free"),
            ({"currency": "USDT", "amount": "many"}, "no number"),
            ({"currency": "USDT"}, "a deposit is"),
            ({"currency": "USDT", "amount": "1", "account": "margin"}, "allowed are spot, usdm"),
        ):
            async with session.post(f"{running.endpoint}/sandbox/deposit", json=body) as answer:
                assert (answer.status, said in await answer.text()) == (400, True)
        usdm = {"currency": "USDT", "amount": "5", "account": "usdm"}
        async with session.post(f"{running.endpoint}/sandbox/deposit", json=usdm) as answer:
            assert Decimal((await answer.json())["total"]) == 10_005


async def test_orders_that_wait_for_a_price_and_all_or_nothing_orders(tmp_path: Path) -> None:
    async with sandbox(tmp_path, speed=300, **SHORT) as running, ccxt_binance(running, **SPOT_ONLY) as exchange:
        markets = await exchange.load_markets()
        listed = markets[BTC]["info"]["orderTypes"]
        assert {"STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"} <= set(listed)
        await exchange.create_order(BTC, "market", "buy", 0.02)
        bid, ask = await touch(exchange)

        async def place(kind: str, side: str, price: float | None, params: dict[str, Any]) -> Any:
            order = await exchange.create_order(BTC, kind, side, 0.001, price, params)
            return await exchange.fetch_order(order["id"], BTC)

        far = {
            "STOP_LOSS_LIMIT": await place(
                "limit", "sell", round(bid * 0.88, 2), {"stopLossPrice": round(bid * 0.9, 2)}
            ),
            "TAKE_PROFIT": await place("market", "sell", None, {"takeProfitPrice": round(bid * 1.1, 2)}),
            "TAKE_PROFIT_LIMIT": await place(
                "limit", "buy", round(ask * 0.91, 2), {"takeProfitPrice": round(ask * 0.9, 2)}
            ),
        }
        for kind, order in far.items():
            assert (order["info"]["type"], order["status"], order["info"]["isWorking"]) == (kind, "open", False)
        with pytest.raises(ccxt.ExchangeError):  # it would trigger at once
            await place("market", "sell", None, {"takeProfitPrice": round(bid * 0.9, 2)})
        bid, ask = await touch(exchange)
        above = await place("market", "sell", None, {"takeProfitPrice": round(ask * 1.0007, 2)})
        below = await place("limit", "sell", round(bid * 1.02, 2), {"stopLossPrice": round(bid * 0.9993, 2)})
        placed = (above, below)

        async def one_is_reached() -> bool:  # whichever way the price goes
            nonlocal above, below
            above, below = [await exchange.fetch_order(order["id"], BTC) for order in placed]
            return bool(above["status"] == "closed" or below["info"]["isWorking"])

        await eventually_true(one_is_reached)
        if above["status"] == "closed":
            assert above["filled"] == 0.001
        else:  # the price went the other way
            assert (above["filled"], below["info"]["isWorking"]) == (0, True)
        assert (below["status"], below["filled"]) == ("open", 0)  # it rests far above, or still waits
        bid, ask = await touch(exchange)
        killed = await place("limit", "buy", round(bid * 0.99, 2), {"timeInForce": "FOK"})
        assert (killed["status"], killed["filled"]) == ("expired", 0)
        all_of_it = await place("limit", "buy", round(ask * 1.01, 2), {"timeInForce": "FOK"})
        assert (all_of_it["status"], all_of_it["filled"]) == ("closed", 0.001)
        assert len(await exchange.cancel_all_orders(BTC)) in (4, 5)
        assert (await exchange.fetch_balance())["USDT"]["used"] == 0


@pytest.mark.slow
@pytest.mark.real_time
async def test_a_detached_sandbox_restarts_on_its_port_with_its_account(tmp_path: Path) -> None:
    box, log = tmp_path / "box", tmp_path / "log"
    running = await ensure_running(SandboxSettings(idle_exit_s=60), (BTC,), "1m", box, log)
    try:
        async with ccxt_binance(running, **SPOT_ONLY) as exchange:
            filled = await exchange.create_order(BTC, "market", "buy", 0.01)
        again = await restart(box, running, log)
        assert (again.endpoint, again.api_key) == (running.endpoint, running.api_key)
        assert again.pid != running.pid
        running = again
        assert [order["orderId"] for order in (await truth(running))["orders"]] == [int(filled["id"])]
    finally:
        await stop(box, running)
    with pytest.raises(Misconfigured, match="not started by the daemon"):
        await restart(tmp_path / "other", running, log)
