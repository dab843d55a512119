"""A plain ccxt.pro program: it trades a spot pair and a perpetual, and knows nothing of whose exchange it talks to.

    python plain_ccxt.py DIRECTORY_OF_A_SANDBOX

Only `connected` is about the sandbox (docs/sandbox.md). Every unified method that a trading program uses of Binance is
called once, and what ccxt made of the answer is looked at.
"""

import asyncio
import json
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import ccxt.pro
from aiohttp.abc import AbstractResolver, ResolveResult

PAIR, PERPETUAL = "BTC/USDT", "BTC/USDT:USDT"


class Here(AbstractResolver):
    def __init__(self, port: int) -> None:
        self.port = port

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=self.port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        pass


@asynccontextmanager
async def connected(kind: Any, directory: str) -> AsyncIterator[Any]:
    box = json.loads((Path(directory) / "running.json").read_text())
    tls = ssl.create_default_context(cafile=box["ca_file"])
    resolver = Here(int(box["endpoint"].rpartition(":")[2]))
    connector = aiohttp.TCPConnector(ssl=tls, resolver=resolver, use_dns_cache=False)
    async with aiohttp.ClientSession(connector=connector) as session:
        exchange = kind({"apiKey": box["api_key"], "secret": box["api_secret"], "session": session})
        exchange.milliseconds = lambda: int(
            box["market_epoch_ms"] + (time.time() * 1000 - box["real_epoch_ms"]) * box["speed"]
        )
        try:
            yield exchange
        finally:
            await exchange.close()


def has(row: Any, *names: str) -> Any:
    """ccxt understood these parts of the answer."""
    missing = [name for name in names if row.get(name) is None]
    assert not missing, f"{missing} of {row}"
    return row


async def look_around(exchange: Any, symbol: str) -> tuple[float, float]:
    """Public data of either market."""
    markets = await exchange.load_markets()
    has(markets[symbol], "id", "base", "quote", "active", "taker", "maker")
    has(markets[symbol]["precision"], "price", "amount")
    assert await exchange.fetch_time() > 1_500_000_000_000
    candles = await exchange.fetch_ohlcv(symbol, "1m", limit=50)
    assert len(candles) == 50
    assert all(low <= min(o, c) <= max(o, c) <= high for _, o, high, low, c, _ in candles)
    since = await exchange.fetch_ohlcv(symbol, "5m", since=candles[0][0] - 3_600_000, limit=3)
    assert [row[0] % 300_000 for row in since] == [0, 0, 0]
    book = await exchange.fetch_order_book(symbol, 20)
    assert book["nonce"]
    assert book["bids"][0][0] < book["asks"][0][0]
    ticker = has(
        await exchange.fetch_ticker(symbol), "last", "open", "high", "low", "baseVolume", "quoteVolume", "vwap"
    )
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    assert symbol in await exchange.fetch_tickers([symbol])
    has((await exchange.fetch_bids_asks([symbol]))[symbol], "bid", "bidVolume", "ask", "askVolume")
    has((await exchange.fetch_last_prices([symbol]))[symbol], "price")
    has((await exchange.fetch_trades(symbol, limit=5))[-1], "id", "timestamp", "side", "price", "amount", "cost")
    fee = has(await exchange.fetch_trading_fee(symbol), "maker", "taker")
    assert 0 < fee["taker"] < 0.01
    return book["bids"][0][0], book["asks"][0][0]


async def listen(exchange: Any, symbol: str) -> None:
    """One message of every public stream, alone and several symbols on one socket."""
    heard = await asyncio.wait_for(
        asyncio.gather(
            exchange.watch_ohlcv(symbol, "1m"),
            exchange.watch_order_book(symbol),
            exchange.watch_trades(symbol),
            exchange.watch_ticker(symbol),
            exchange.watch_tickers([symbol]),
            exchange.watch_bids_asks([symbol]),
            exchange.watch_ohlcv_for_symbols([[symbol, "5m"]]),
            exchange.watch_order_book_for_symbols([symbol]),
            exchange.watch_trades_for_symbols([symbol]),
        ),
        30,
    )
    candles, book, trades, ticker, tickers, quotes, by_symbol, book_too, trades_too = heard
    assert len(candles[-1]) == 6
    assert by_symbol[symbol]["5m"]
    assert book["bids"][0][0] < book["asks"][0][0]
    assert book_too["symbol"] == symbol
    has(trades[-1], "id", "timestamp", "side", "price", "amount")
    has(trades_too[-1], "id", "price")
    has(ticker, "last", "open", "high", "low", "baseVolume")
    has(tickers[symbol], "last")
    has(quotes[symbol], "bid", "bidVolume", "ask", "askVolume")


class Account:
    """Collects what the account streams tell."""

    def __init__(self, **watches: Callable[[], Awaitable[Any]]) -> None:
        self.told: dict[str, list[Any]] = {name: [] for name in watches}
        self.tasks = [asyncio.create_task(self.collect(name, watch)) for name, watch in watches.items()]

    async def collect(self, name: str, watch: Callable[[], Awaitable[Any]]) -> None:
        while True:
            told = await watch()
            self.told[name] += [dict(one) for one in (told if isinstance(told, list) else [told])]

    async def has_heard(self, name: str, fits: Callable[[Any], bool]) -> None:
        for _ in range(4_000):
            if any(fits(one) for one in self.told[name]):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"nothing such among {self.told[name]}")

    async def is_live(self, exchange: Any, symbol: str, quantity: float, price: float) -> None:
        """Until an order that is placed and withdrawn is heard of."""
        for _ in range(400):
            order = await exchange.create_order(symbol, "limit", "buy", quantity, price)
            await exchange.cancel_order(order["id"], symbol)
            await asyncio.sleep(0.05)
            if self.told["orders"]:
                return
        raise AssertionError("the account stream tells nothing")

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def rest_and_find(exchange: Any, symbol: str, amount: float, price: float) -> None:
    """An order that rests: found by either id, changed, cancelled, listed."""
    placed = await exchange.create_order(symbol, "limit", "buy", amount, price, {"newClientOrderId": "mine-1"})
    placed = has(placed, "id", "clientOrderId", "timestamp", "status", "price", "amount", "remaining")
    assert (placed["status"], placed["clientOrderId"]) == ("open", "mine-1")
    assert (await exchange.fetch_order(placed["id"], symbol))["clientOrderId"] == "mine-1"
    assert (await exchange.fetch_order(None, symbol, {"origClientOrderId": "mine-1"}))["id"] == placed["id"]
    edited = await exchange.edit_order(placed["id"], symbol, "limit", "buy", amount, round(price * 0.99, 1))
    assert [order["id"] for order in await exchange.fetch_open_orders(symbol)] == [edited["id"]]
    assert (await exchange.cancel_order(edited["id"], symbol))["status"] == "canceled"
    by_name = await exchange.create_order(symbol, "limit", "buy", amount, price, {"newClientOrderId": "mine-2"})
    gone = await exchange.cancel_order(None, symbol, {"origClientOrderId": "mine-2"})
    assert (gone["id"], gone["status"]) == (by_name["id"], "canceled")
    for _ in range(2):
        await exchange.create_order(symbol, "limit", "buy", amount, price)
    await exchange.cancel_all_orders(symbol)
    assert await exchange.fetch_open_orders(symbol) == []


async def kinds(exchange: Any, symbol: str, amount: float, bid: float, ask: float) -> Any:
    """Market, IOC, FOK, post-only."""
    bought = has(await exchange.create_order(symbol, "market", "buy", amount), "average", "filled", "cost", "status")
    assert (bought["status"], bought["filled"]) == ("closed", amount)
    ioc = await exchange.create_order(symbol, "limit", "buy", amount, round(bid * 0.97, 1), {"timeInForce": "IOC"})
    assert (await exchange.fetch_order(ioc["id"], symbol))["status"] in ("expired", "canceled")
    fok = await exchange.create_order(symbol, "limit", "buy", amount, round(ask * 1.01, 1), {"timeInForce": "FOK"})
    assert (await exchange.fetch_order(fok["id"], symbol))["status"] == "closed"
    maker = await exchange.create_order(symbol, "limit", "buy", amount, round(bid * 0.97, 1), {"postOnly": True})
    assert (await exchange.fetch_order(maker["id"], symbol))["postOnly"] is True
    await exchange.cancel_order(maker["id"], symbol)
    try:
        await exchange.create_order(symbol, "limit", "buy", amount, round(ask * 1.01, 1), {"postOnly": True})
    except ccxt.pro.InvalidOrder:
        pass
    else:
        raise AssertionError("a post-only order that would match was taken")
    return bought


async def over_websocket(exchange: Any, symbol: str, amount: float, price: float) -> None:
    """Orders over the websocket API."""
    placed = await exchange.create_order_ws(symbol, "limit", "buy", amount, price)
    edited = await exchange.edit_order_ws(placed["id"], symbol, "limit", "buy", amount, round(price * 0.99, 1))
    assert (await exchange.fetch_open_orders(symbol))[0]["id"] == edited["id"]
    assert (await exchange.fetch_order_ws(edited["id"], symbol))["status"] == "open"
    assert (await exchange.cancel_order_ws(edited["id"], symbol))["status"] == "canceled"


async def past(exchange: Any, symbol: str, order: Any) -> None:
    """What became of it all."""
    everything = await exchange.fetch_orders(symbol)
    assert {each["status"] for each in everything} >= {"closed", "canceled"}
    assert order["id"] in {each["id"] for each in await exchange.fetch_closed_orders(symbol)}
    assert "canceled" in {each["status"] for each in await exchange.fetch_canceled_orders(symbol)}
    trades = await exchange.fetch_my_trades(symbol)
    trade = has(next(each for each in trades if each["order"] == order["id"]), "id", "price", "amount", "cost", "side")
    has(trade["fee"], "cost", "currency")


async def spot(directory: str) -> None:
    async with connected(ccxt.pro.binance, directory) as exchange:
        exchange.options["defaultType"] = "spot"
        bid, ask = await look_around(exchange, PAIR)
        assert (await exchange.fetch_status())["status"] == "ok"
        assert "USDT" in await exchange.fetch_currencies()
        assert (await exchange.fetch_trading_fees())[PAIR]["maker"] > 0
        await listen(exchange, PAIR)
        account = Account(
            orders=exchange.watch_orders, trades=exchange.watch_my_trades, balances=exchange.watch_balance
        )
        await account.is_live(exchange, PAIR, 0.001, round(bid * 0.9, 1))
        has((await exchange.fetch_balance())["USDT"], "free", "used", "total")
        bought = await kinds(exchange, PAIR, 0.003, bid, ask)
        by_cost = await exchange.create_market_buy_order_with_cost(PAIR, 50)
        assert 45 < by_cost["cost"] <= 50
        await account.has_heard("orders", lambda o: (o["id"], o["status"]) == (bought["id"], "closed"))
        await account.has_heard("trades", lambda t: t["order"] == bought["id"] and t["fee"]["currency"] == "BTC")
        await account.has_heard("balances", lambda b: b.get("BTC", {}).get("total", 0) > 0)
        await account.stop()
        low, high = round(bid * 0.8, 1), round(ask * 1.2, 1)
        for params in ({"stopLossPrice": low}, {"takeProfitPrice": high}):
            for kind, price in (("market", None), ("limit", round(bid, 1))):
                waiting = await exchange.create_order(PAIR, kind, "sell", 0.001, price, params)
                found = await exchange.fetch_order(waiting["id"], PAIR)
                assert (found["status"], found["triggerPrice"]) == ("open", next(iter(params.values())))
                await exchange.cancel_order(waiting["id"], PAIR)
        for kind, price in (("market", None), ("limit", low)):
            follows = {"trailingPercent": 5, "stopLossOrTakeProfit": "stopLoss"}
            waiting = await exchange.create_order(PAIR, kind, "sell", 0.001, price, follows)
            assert (await exchange.fetch_order(waiting["id"], PAIR))["info"]["trailingDelta"] == 500
            await exchange.cancel_order(waiting["id"], PAIR)
        await rest_and_find(exchange, PAIR, 0.001, round(bid * 0.97, 1))
        await over_websocket(exchange, PAIR, 0.001, round(bid * 0.97, 1))
        await past(exchange, PAIR, bought)


async def perpetual(directory: str) -> None:
    async with connected(ccxt.pro.binanceusdm, directory) as exchange:
        bid, ask = await look_around(exchange, PERPETUAL)
        await listen(exchange, PERPETUAL)
        await perpetual_prices(exchange)
        await settings(exchange)
        account = Account(
            orders=exchange.watch_orders, trades=exchange.watch_my_trades, balances=exchange.watch_balance,
            positions=exchange.watch_positions,
        )  # fmt: skip
        await account.is_live(exchange, PERPETUAL, 0.01, round(bid * 0.9, 1))
        has((await exchange.fetch_balance())["USDT"], "free", "used", "total")
        bought = await kinds(exchange, PERPETUAL, 0.01, bid, ask)
        await account.has_heard("orders", lambda o: (o["id"], o["status"]) == (bought["id"], "closed"))
        await account.has_heard("trades", lambda t: t["order"] == bought["id"])
        await account.has_heard("balances", lambda b: b.get("USDT", {}).get("total", 0) > 0)
        await account.has_heard("positions", lambda p: (p["symbol"], p["side"]) == (PERPETUAL, "long"))
        position = (await exchange.fetch_positions([PERPETUAL]))[0]
        has(position, "contracts", "entryPrice", "markPrice", "unrealizedPnl", "notional", "side")
        has((await exchange.fetch_positions_risk([PERPETUAL]))[0], "contracts", "entryPrice", "markPrice")
        await conditional(exchange, bid, ask)
        sold = await exchange.create_order(PERPETUAL, "market", "sell", 0.04, None)
        assert sold["status"] == "closed"
        await account.has_heard("positions", lambda p: (p["symbol"], p["side"]) == (PERPETUAL, "short"))
        await account.stop()
        out = await exchange.create_order(PERPETUAL, "market", "buy", 0.02, None, {"reduceOnly": True})
        assert (await exchange.fetch_order(out["id"], PERPETUAL))["reduceOnly"] is True
        assert await exchange.fetch_positions([PERPETUAL]) == []
        await rest_and_find(exchange, PERPETUAL, 0.01, round(bid * 0.97, 1))
        await over_websocket(exchange, PERPETUAL, 0.01, round(bid * 0.97, 1))
        await past(exchange, PERPETUAL, bought)
        has((await exchange.fetch_ledger("USDT"))[-1], "amount", "currency", "timestamp")
        await exchange.fetch_funding_history(PERPETUAL)


async def perpetual_prices(exchange: Any) -> None:
    """Mark price, index, funding, open interest."""
    names = ("markPrice", "indexPrice", "fundingRate", "fundingTimestamp")
    has(await exchange.fetch_funding_rate(PERPETUAL), *names)
    has((await exchange.fetch_funding_rates([PERPETUAL]))[PERPETUAL], *names)
    has((await exchange.fetch_funding_rate_history(PERPETUAL, limit=3))[-1], "fundingRate", "timestamp")
    has((await exchange.fetch_funding_intervals())[PERPETUAL], "interval")
    has(await exchange.fetch_mark_price(PERPETUAL), "markPrice")
    assert PERPETUAL in await exchange.fetch_mark_prices()
    has(await exchange.fetch_open_interest(PERPETUAL), "openInterestAmount")
    has(await asyncio.wait_for(exchange.watch_mark_price(PERPETUAL), 20), "markPrice")
    assert PERPETUAL in await asyncio.wait_for(exchange.watch_mark_prices([PERPETUAL]), 20)


async def settings(exchange: Any) -> None:
    """Leverage, margin and position mode."""
    await exchange.set_leverage(5, PERPETUAL)
    assert (await exchange.fetch_leverage(PERPETUAL))["longLeverage"] == 5
    assert PERPETUAL in await exchange.fetch_leverages([PERPETUAL])
    assert (await exchange.fetch_leverage_tiers([PERPETUAL]))[PERPETUAL][0]["maxLeverage"] > 1
    with suppress(ccxt.pro.MarginModeAlreadySet):
        await exchange.set_margin_mode("cross", PERPETUAL)
    assert (await exchange.fetch_margin_mode(PERPETUAL))["marginMode"] == "cross"
    with suppress(ccxt.pro.OperationRejected):  # no need to change it
        await exchange.set_position_mode(False)
    assert (await exchange.fetch_position_mode(PERPETUAL))["hedged"] is False


async def conditional(exchange: Any, bid: float, ask: float) -> None:
    """Stops, take profits and trailing stops, which have a book of their own."""
    low, high = round(bid * 0.8, 1), round(ask * 1.2, 1)
    waiting = {"trigger": True}
    for kind, price, params in (
        ("market", None, {"stopLossPrice": low, "reduceOnly": True}),
        ("limit", round(bid, 1), {"stopLossPrice": low}),
        ("market", None, {"takeProfitPrice": high, "reduceOnly": True}),
        ("limit", round(bid, 1), {"takeProfitPrice": high}),
        ("market", None, {"trailingPercent": 2, "reduceOnly": True}),
    ):
        placed = await exchange.create_order(PERPETUAL, kind, "sell", 0.01, price, params)
        [found] = await exchange.fetch_open_orders(PERPETUAL, params=waiting)
        assert (found["id"], found["status"]) == (placed["id"], "open")
        assert (await exchange.fetch_order(placed["id"], PERPETUAL, waiting))["id"] == placed["id"]
        assert (await exchange.cancel_order(placed["id"], PERPETUAL, waiting))["id"] == placed["id"]
    await exchange.create_order(PERPETUAL, "market", "sell", 0.01, None, {"stopLossPrice": low, "reduceOnly": True})
    await exchange.cancel_all_orders(PERPETUAL, waiting)
    assert await exchange.fetch_open_orders(PERPETUAL, params=waiting) == []


async def main(directory: str) -> None:
    await asyncio.gather(spot(directory), perpetual(directory))
    sys.stdout.write("done\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
