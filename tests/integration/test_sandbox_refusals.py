"""What the sandbox refuses, as the classes that ccxt makes of Binance's codes."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import ccxt
import pytest

from tests.kit.sandbox import ccxt_binance, http_session, market_clock, sandbox

BTC = "BTC/USDT"
SPOT_ONLY = {"options": {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False}}
SHORT: dict[str, Any] = {"history_candles": 600, "symbols": (BTC,)}
Request = Callable[[Any, float], Awaitable[Any]]


def raw(**params: Any) -> Request:
    """A new order without ccxt's own checks."""
    base = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    return lambda exchange, price: exchange.privatePostOrder(
        {key: value for key, value in {**base, "price": price, **params}.items() if value is not None}
    )


def limit(amount: float, factor: float, **params: Any) -> Request:
    return lambda exchange, price: exchange.create_order(BTC, "limit", "buy", amount, round(price * factor, 2), params)


REFUSALS: list[tuple[str, Request, type[Exception], str]] = [
    ("insufficient", limit(1.0, 0.98), ccxt.InsufficientFunds, "insufficient balance"),
    ("would match", limit(0.001, 1.01, postOnly=True), ccxt.OrderImmediatelyFillable, "immediately match"),
    ("notional", limit(0.00003, 0.98), ccxt.BadRequest, "NOTIONAL"),
    ("lot size", raw(quantity="0.0000123"), ccxt.InvalidOrder, "LOT_SIZE"),
    ("tick", raw(quantity="0.001", price="90000.123"), ccxt.InvalidOrder, "PRICE_FILTER"),
    ("too precise", raw(quantity="0.0010000001"), ccxt.BadRequest, "-1111"),
    ("no quantity", raw(), ccxt.BadRequest, "-1102"),
    ("not a number", raw(quantity="abc"), ccxt.BadRequest, "-1100"),
    ("bad side", raw(quantity="0.001", side="UP"), ccxt.BadRequest, "-1117"),
    ("bad type", raw(quantity="0.001", type="GUESS"), ccxt.BadRequest, "-1116"),
    ("bad time in force", raw(quantity="0.001", timeInForce="SOON"), ccxt.BadRequest, "-1115"),
    ("unwanted parameter", raw(quantity="0.001", stopPrice="1"), ccxt.BadRequest, "-1106"),
    ("attached stop", limit(0.001, 0.98, stopLoss={"triggerPrice": 1.0}), ccxt.BadRequest, "-1104"),
    ("unknown symbol", raw(quantity="0.001", symbol="NOPEUSDT"), ccxt.BadSymbol, "-1121"),
    ("no such order", lambda e, _: e.fetch_order("999", BTC), ccxt.OrderNotFound, "-2013"),
    ("nothing to cancel", lambda e, _: e.cancel_order("999", BTC), ccxt.OrderNotFound, "-2011"),
    ("bad interval", lambda e, _: e.publicGetKlines({"symbol": "BTCUSDT", "interval": "7m"}), ccxt.BadRequest, "-1120"),
]


async def test_each_refusal_has_its_code_and_its_class(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_binance(running, **SPOT_ONLY) as exchange:
        price = (await exchange.fetch_order_book(BTC, 5))["bids"][0][0]
        for name, request, expected, text in REFUSALS:
            with pytest.raises(ccxt.BaseError) as caught:
                await request(exchange, price)
            assert (name, type(caught.value)) == (name, expected)
            assert text in str(caught.value)
        assert await exchange.fetch_open_orders(BTC) == []


async def test_a_client_id_of_an_open_order_is_refused(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_binance(running, **SPOT_ONLY) as exchange:
        price = (await exchange.fetch_order_book(BTC, 5))["bids"][0][0]
        order = limit(0.001, 0.98, newClientOrderId="once")
        await order(exchange, price)
        with pytest.raises(ccxt.InvalidOrder, match="Duplicate order sent"):
            await order(exchange, price)
        with pytest.raises(ccxt.OrderImmediatelyFillable, match="would trigger immediately"):
            await exchange.create_order(BTC, "market", "buy", 0.001, None, {"stopLossPrice": round(price * 0.9, 2)})


async def test_a_symbol_holds_five_stops_at_most(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_binance(running, **SPOT_ONLY) as exchange:
        price = (await exchange.fetch_order_book(BTC, 5))["bids"][0][0]

        async def stop() -> Any:
            return await exchange.create_order(
                BTC, "market", "buy", 0.001, None, {"stopLossPrice": round(price * 1.2, 2)}
            )

        placed = [await stop() for _ in range(5)]
        with pytest.raises(ccxt.BadRequest, match="MAX_NUM_ALGO_ORDERS"):
            await stop()
        await exchange.cancel_order(placed[0]["id"], BTC)
        await stop()


async def test_replacing_what_is_not_there_places_nothing(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_binance(running, **SPOT_ONLY) as exchange:
        price = (await exchange.fetch_order_book(BTC, 5))["bids"][0][0]
        with pytest.raises(ccxt.OperationFailed) as caught:
            await exchange.edit_order("999", BTC, "limit", "buy", 0.01, round(price * 0.98, 2))
        assert "-2022" in str(caught.value)
        assert await exchange.fetch_open_orders(BTC) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"secret": "0" * 64}, "-1022"),
        ({"apiKey": "wrongkeywrongkey"}, "-2015"),
        ({"apiKey": "?"}, "-2014"),
    ],
)
async def test_wrong_credentials_are_an_authentication_error(tmp_path: Path, change: dict[str, str], code: str) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_binance(running, **{**SPOT_ONLY, **change}) as exchange:
        exchange.options["fetchCurrencies"] = False
        with pytest.raises(ccxt.AuthenticationError, match=code):
            await exchange.fetch_balance()


async def test_receive_windows_grow_with_the_speed_of_the_market(tmp_path: Path) -> None:
    async with sandbox(tmp_path, speed=20, **SHORT) as running, ccxt_binance(running, **SPOT_ONLY) as exchange:
        now_ms = market_clock(running).now_ms
        await exchange.load_markets()
        exchange.milliseconds = lambda: now_ms() - 9_000 * 20
        await exchange.fetch_balance()  # nine real seconds late, within the ten that ccxt allows
        exchange.milliseconds = lambda: now_ms() - 11_000 * 20
        with pytest.raises(ccxt.InvalidNonce, match="outside of the recvWindow"):
            await exchange.fetch_balance()
        exchange.milliseconds = lambda: now_ms() + 2_000 * 20
        with pytest.raises(ccxt.InvalidNonce, match="ahead of the server"):
            await exchange.fetch_balance()


async def test_the_signature_covers_exactly_what_was_sent(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_binance(running, **SPOT_ONLY) as exchange:
        signed = exchange.sign("order", ["private"], "POST", {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET"})
        tampered = signed["body"].replace("BUY", "SELL")
        async with (
            http_session(running) as session,
            session.post(signed["url"], data=tampered, headers=signed["headers"]) as answer,
        ):
            assert answer.status == 400
            assert (await answer.json())["code"] == -1022


async def test_too_much_weight_is_429_with_retry_after_and_insisting_is_a_ban(tmp_path: Path) -> None:
    async with sandbox(tmp_path, request_weight_per_minute=10, **SHORT) as running, http_session(running) as session:
        seen: list[tuple[int, str | None]] = []
        for _ in range(25):
            async with session.get("https://api.binance.com/api/v3/time") as answer:
                seen.append((answer.status, answer.headers.get("Retry-After")))
                assert int(answer.headers["X-MBX-USED-WEIGHT-1M"]) > 0
    statuses = [status for status, _ in seen]
    assert statuses[0] == 200
    assert statuses.index(429) < statuses.index(418)
    assert all(after is not None and int(after) >= 1 for status, after in seen if status != 200)


async def test_the_websocket_api_refuses_in_its_own_form(tmp_path: Path) -> None:
    async with (
        sandbox(tmp_path, **SHORT) as running,
        http_session(running) as session,
        session.ws_connect("https://ws-api.binance.com/ws-api/v3") as socket,
    ):
        now = str(market_clock(running).now_ms())

        async def ask(method: str, **params: str) -> dict[str, Any]:
            await socket.send_json({"id": "7", "method": method, "params": params})
            answer: dict[str, Any] = await socket.receive_json()
            return answer

        unsigned = await ask("userDataStream.subscribe.signature", apiKey=running.api_key, timestamp=now)
        assert (unsigned["id"], unsigned["status"], unsigned["error"]["code"]) == ("7", 400, -1102)
        forged = await ask(
            "userDataStream.subscribe.signature", apiKey=running.api_key, timestamp=now, signature="0" * 64
        )
        assert (forged["status"], forged["error"]["code"]) == (400, -1022)
        foreign = await ask("account.status", apiKey="x" * 64, timestamp=now, signature="0" * 64)
        assert (foreign["status"], foreign["error"]["code"]) == (401, -2015)
        assert (await ask("order.dance"))["status"] == 400
        told = await ask("time")
        assert told["status"] == 200
        assert told["result"]["serverTime"] >= int(now)
