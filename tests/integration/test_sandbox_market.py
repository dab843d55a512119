"""Market data of the sandbox as the unmodified ccxt client sees it."""

from pathlib import Path
from typing import Any

import pytest

from tests.kit.sandbox import ccxt_binance, http_session, market_clock, sandbox

BTC = "BTC/USDT"
SPOT_ONLY = {"options": {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False}}
SHORT: dict[str, Any] = {"history_candles": 1_500, "symbols": (BTC, "XRP/USDT")}


async def test_everything_that_loading_markets_with_a_key_asks_for_is_answered(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_binance(running) as exchange:
        markets = await exchange.load_markets()
        assert list(markets) == [BTC, "XRP/USDT"]
        market = markets[BTC]
        assert (market["spot"], market["active"]) == (True, True)
        assert market["precision"]["price"] == 0.01
        assert market["precision"]["amount"] == 0.00001
        assert market["limits"]["cost"]["min"] == 5
        assert {"USDT", "BTC", "XRP"} <= set(exchange.currencies)
        fees = await exchange.fetch_trading_fees()
        assert fees[BTC]["taker"] == 0.001
        status = await exchange.fetch_status()
        assert status["status"] == "ok"
        assert abs(await exchange.fetch_time() - market_clock(running).now_ms()) < 60_000


async def test_candles_page_from_the_past_to_the_running_one_without_a_hole(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_binance(running, **SPOT_ONLY) as exchange:
        start = int(running.market_epoch_ms) - 1_500 * 60_000
        rows: list[list[float]] = []
        while not rows or rows[-1][0] < running.market_epoch_ms:
            since = rows[-1][0] + 60_000 if rows else start
            rows += await exchange.fetch_ohlcv(BTC, "1m", since=int(since), limit=1_000)
        times = [row[0] for row in rows]
        assert times == list(range(start, int(times[-1]) + 1, 60_000))
        assert all(low <= min(o, c) and max(o, c) <= high and volume > 0 for _, o, high, low, c, volume in rows)
        hours = await exchange.fetch_ohlcv(BTC, "1h", since=start, limit=3)
        first = rows[:60]
        assert hours[0] == [
            start, first[0][1], max(r[2] for r in first), min(r[3] for r in first), first[-1][4],
            pytest.approx(sum(r[5] for r in first), abs=1e-8),
        ]  # fmt: skip


async def test_the_streamed_book_stays_equal_to_the_exchange(tmp_path: Path) -> None:
    """ccxt raises ChecksumError on any gap in the update ids; equality at one id checks the contents."""
    async with (
        sandbox(tmp_path, **SHORT) as running,
        ccxt_binance(running, **SPOT_ONLY) as exchange,
        http_session(running) as session,
    ):
        compared = 0
        for _ in range(40):
            book = await exchange.watch_order_book(BTC)
            held = (book["nonce"], [list(x) for x in book["bids"][:40]], [list(x) for x in book["asks"][:40]])
            async with session.get("https://api.binance.com/api/v3/depth?symbol=BTCUSDT&limit=1000") as answer:
                snapshot = await answer.json()
            if snapshot["lastUpdateId"] != held[0]:
                continue
            assert held[1] == [[float(p), float(q)] for p, q in snapshot["bids"]]
            assert held[2] == [[float(p), float(q)] for p, q in snapshot["asks"]]
            assert held[1][0][0] < held[2][0][0]
            compared += 1
        assert compared >= 5


async def test_streamed_trades_add_up_to_the_candles(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_binance(running, **SPOT_ONLY) as exchange:
        seen: dict[int, list[Any]] = {}
        while len(seen) < 4:
            for trade in await exchange.watch_trades(BTC):
                seen.setdefault(trade["timestamp"] // 60_000 * 60_000, []).append(trade)
        whole = sorted(seen)[1:-1]  # the first was joined halfway, the last is running
        candles = {row[0]: row for row in await exchange.fetch_ohlcv(BTC, "1m", since=whole[0], limit=10)}
        for open_ms in whole:
            trades = seen[open_ms]
            prices = [trade["price"] for trade in trades]
            _, o, high, low, c, volume = candles[open_ms]
            assert (prices[0], max(prices), min(prices), prices[-1]) == (o, high, low, c)
            assert sum(trade["amount"] for trade in trades) == pytest.approx(volume, abs=1e-8)


async def test_streamed_candles_close_as_rest_tells_them(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_binance(running, **SPOT_ONLY) as exchange:
        last: dict[int, list[float]] = {}
        while len(last) < 4:
            for row in await exchange.watch_ohlcv(BTC, "1m"):
                last[row[0]] = list(row)
        closed = sorted(last)[:-1]
        assert closed == list(range(closed[0], closed[-1] + 1, 60_000))
        told = {row[0]: row for row in await exchange.fetch_ohlcv(BTC, "1m", since=closed[0], limit=10)}
        assert all(told[open_ms] == last[open_ms] for open_ms in closed)


async def test_tickers_and_best_quotes_agree_with_the_book(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_binance(running, **SPOT_ONLY) as exchange:
        ticker = await exchange.fetch_ticker(BTC)
        assert ticker["low"] <= ticker["last"] <= ticker["high"]
        assert ticker["bid"] < ticker["ask"]
        tickers = await exchange.fetch_tickers([BTC, "XRP/USDT"])
        assert set(tickers) == {BTC, "XRP/USDT"}
        quotes = await exchange.watch_bids_asks([BTC])
        assert quotes[BTC]["bid"] < quotes[BTC]["ask"]
        streamed = await exchange.watch_ticker(BTC)
        assert streamed["last"] == pytest.approx(ticker["last"], rel=0.05)
        everybody: dict[str, Any] = {}
        while len(everybody) < 2:
            everybody.update(await exchange.watch_tickers())
        assert set(everybody) == {BTC, "XRP/USDT"}
        assert len(await exchange.fetch_trades(BTC, limit=10)) <= 10


async def test_stream_requests_are_answered_and_refused_in_binances_words(tmp_path: Path) -> None:
    async with (
        sandbox(tmp_path, **SHORT) as running,
        http_session(running) as session,
        session.ws_connect("https://stream.binance.com:9443/stream?streams=btcusdt@bookTicker") as socket,
    ):
        first = await socket.receive_json()
        assert first["stream"] == "btcusdt@bookTicker"
        assert first["data"]["s"] == "BTCUSDT"
        for request in (
            {"method": "SUBSCRIBE", "params": ["xrpusdt@trade"], "id": 1},
            {"method": "LIST_SUBSCRIPTIONS", "id": 2},
            {"method": "UNSUBSCRIBE", "params": ["btcusdt@bookTicker", "xrpusdt@trade"], "id": 3},
            {"method": "JUMP", "id": 4},
        ):
            await socket.send_json(request)
        answers: dict[int, Any] = {}
        while len(answers) < 4:
            message = await socket.receive_json()
            if "id" in message:
                answers[message["id"]] = message
        assert answers[1]["result"] is None
        assert answers[2]["result"] == ["btcusdt@bookTicker", "xrpusdt@trade"]
        assert answers[3]["result"] is None
        assert answers[4]["error"]["code"] == 2


async def test_a_client_that_floods_is_disconnected(tmp_path: Path) -> None:
    async with (
        sandbox(tmp_path, **SHORT) as running,
        http_session(running) as session,
        session.ws_connect("https://stream.binance.com:9443/ws/1") as socket,
    ):
        for number in range(40):
            if socket.closed:
                break
            await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})
        async for _ in socket:
            pass
        assert socket.close_code == 1008
