"""Market data of the sandbox's perpetuals through the unmodified ccxt client."""

import asyncio
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.kit.sandbox import ccxt_binance, eventually, market_clock, sandbox
from tests.kit.usdm import BTC, ETH, SHORT, ccxt_usdm

SPOT = "BTC/USDT"
Levels = list[list[float]]


def top(book: Any) -> tuple[Levels, Levels]:
    """The best twenty levels of each side."""
    return [level[:2] for level in book["bids"][:20]], [level[:2] for level in book["asks"][:20]]


async def test_one_sandbox_lists_spot_pairs_and_perpetuals_of_the_same_name(tmp_path: Path) -> None:
    options = {**SHORT, "symbols": (SPOT, "ETH/USDT"), "market": "both"}
    async with sandbox(tmp_path, **options) as running, ccxt_binance(running) as exchange:
        markets = await exchange.load_markets()
        assert set(markets) == {SPOT, "ETH/USDT", BTC, ETH}
        perpetual = markets[BTC]
        assert (perpetual["id"], perpetual["swap"], perpetual["linear"]) == ("BTCUSDT", True, True)
        assert (perpetual["precision"]["price"], perpetual["precision"]["amount"]) == (0.1, 0.001)
        assert perpetual["limits"]["cost"]["min"] == 50
        spot = await exchange.fetch_ohlcv(SPOT, "1m", limit=500)
        followed = await exchange.fetch_ohlcv(BTC, "1m", limit=500)
        assert [row[0] for row in spot[:-1]] == [row[0] for row in followed[:-1]]
        premiums = [perp[4] / pair[4] - 1 for pair, perp in zip(spot[:-1], followed[:-1], strict=True)]
        assert max(map(abs, premiums)) < 0.0016
        assert len({round(premium, 6) for premium in premiums}) > 100
        assert (await exchange.fetch_balance({"type": "spot"}))["USDT"]["free"] == 10_000
        assert (await exchange.fetch_balance({"type": "swap"}))["USDT"]["free"] == 10_000


async def test_candles_and_trades_agree_with_each_other(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_usdm(running) as exchange:
        minutes = await exchange.fetch_ohlcv(BTC, "1m", limit=1_000)
        assert all(b[0] - a[0] == 60_000 for a, b in pairwise(minutes))
        hours = await exchange.fetch_ohlcv(BTC, "1h", limit=10)
        inside = [row for row in minutes if hours[-2][0] <= row[0] < hours[-1][0]]
        assert hours[-2][2] == max(row[2] for row in inside)
        assert hours[-2][5] == pytest.approx(sum(row[5] for row in inside))
        trades = await exchange.fetch_trades(BTC, limit=50)
        assert [int(b["id"]) - int(a["id"]) for a, b in pairwise(trades)] == [1] * (len(trades) - 1)
        ticker = await exchange.fetch_ticker(BTC)
        assert ticker["last"] == pytest.approx(trades[-1]["price"], rel=0.01)
        assert set(await exchange.fetch_tickers()) == {BTC, ETH}
        quotes = await exchange.fetch_bids_asks()
        assert 0 < quotes[BTC]["ask"] - quotes[BTC]["bid"] < 5


async def test_the_streamed_book_is_the_one_rest_tells(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_usdm(running) as exchange:
        streamed: dict[int, tuple[Levels, Levels]] = {}

        async def collect() -> None:
            while True:
                book = await exchange.watch_order_book(BTC)
                assert book["bids"][0][0] < book["asks"][0][0]
                streamed[book["nonce"]] = top(book)

        def reached(nonce: int) -> bool:
            return max(streamed) >= nonce

        watcher = asyncio.create_task(collect())
        await eventually(lambda: len(streamed) > 3)
        compared = 0
        for _ in range(10):
            snapshot = await exchange.fetch_order_book(BTC, 100)
            await eventually(partial(reached, snapshot["nonce"]))
            if snapshot["nonce"] in streamed:  # ccxt skips books that come in one read
                assert streamed[snapshot["nonce"]] == top(snapshot)
                compared += 1
        assert compared > 2
        assert not watcher.done()
        watcher.cancel()


async def test_every_public_stream_speaks(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_usdm(running) as exchange:
        await exchange.load_markets()
        trades, candles, ticker, quote, mark, marks, tickers = await asyncio.wait_for(
            asyncio.gather(
                exchange.watch_trades(BTC),
                exchange.watch_ohlcv(BTC, "1m"),
                exchange.watch_ticker(BTC),
                exchange.watch_bids_asks([BTC]),
                exchange.watch_mark_price(BTC),
                exchange.watch_mark_prices(),
                exchange.watch_tickers(),
            ),
            20,
        )
        last = trades[-1]["price"]
        assert candles[-1][4] == pytest.approx(last, rel=0.01)
        assert ticker["last"] == pytest.approx(last, rel=0.01)
        assert quote[BTC]["bid"] < quote[BTC]["ask"]
        assert mark["markPrice"] == pytest.approx(last, rel=0.01)
        assert set(marks) == {BTC, ETH}
        assert set(tickers) == {BTC, ETH}


async def test_funding_is_told_for_the_past_and_for_what_comes_next(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running, ccxt_usdm(running) as exchange:
        history = await exchange.fetch_funding_rate_history(BTC, limit=100)
        times = [row["timestamp"] for row in history]
        assert len(times) >= 3
        assert all(b - a == 8 * 3_600_000 for a, b in pairwise(times))
        assert all(ms % (8 * 3_600_000) == 0 and ms <= market_clock(running).now_ms() for ms in times)
        since = await exchange.fetch_funding_rate_history(BTC, since=times[1], limit=1)
        assert [(row["timestamp"], row["fundingRate"]) for row in since] == [(times[1], history[1]["fundingRate"])]
        now = await exchange.fetch_funding_rate(BTC)
        assert now["fundingTimestamp"] == times[-1] + 8 * 3_600_000
        assert abs(now["fundingRate"]) < 0.001
        assert now["markPrice"] == pytest.approx(now["indexPrice"], rel=0.0016)
        assert (await exchange.fetch_funding_intervals())[BTC]["interval"] == "8h"


async def test_a_door_refuses_streams_that_another_door_serves(tmp_path: Path) -> None:
    import aiohttp

    from tests.kit.sandbox import http_session

    async with sandbox(tmp_path, **SHORT) as running, http_session(running) as session:

        async def asked(door: str, stream: str) -> dict[str, object]:
            async with session.ws_connect(f"wss://fstream.binance.com/{door}/ws/0") as socket:
                await socket.send_json({"method": "SUBSCRIBE", "params": [stream], "id": 1})
                answer: dict[str, object] = await socket.receive_json()
                return answer

        assert await asked("public", "btcusdt@depth@100ms") == {"result": None, "id": 1}
        assert await asked("market", "btcusdt@kline_1m") == {"result": None, "id": 1}
        assert "error" in await asked("public", "btcusdt@kline_1m")
        assert "error" in await asked("market", "btcusdt@trade")
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect("wss://fstream.binance.com/private/ws?listenKey=unknown")
