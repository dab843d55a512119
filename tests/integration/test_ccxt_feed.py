"""The market feed over real sockets that break: every candle once, in order and true; books sound; silence noticed."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.kit.faulty_door import Answer, FaultyDoor, faulty_door
from tests.kit.idle_time import quiet
from tests.kit.sandbox import eventually, market_clock, sandbox
from trader.adapters.ccxt.connect import connect
from trader.adapters.ccxt.market import feed as feed_module
from trader.adapters.ccxt.market import watchdog
from trader.adapters.ccxt.market.books import EARLY_S, INTERVAL_S
from trader.adapters.ccxt.market.feed import CcxtFeed
from trader.config.exchange import ExchangeSettings
from trader.config.market import MarketSettings
from trader.domain.errors import Unavailable
from trader.domain.events import BookUpdated, CandleClosed, MarketEvent, StreamChanged, StreamState, TradePrinted
from trader.domain.market import Book, Candle, Trade
from trader.market.quality import book_fault
from trader.ports import Clock

BTC, ETH = SYMBOLS = ("BTC/USDT", "ETH/USDT")
MINUTE_MS = 60_000


class Heard:
    """What the feed told, in order."""

    def __init__(self) -> None:
        self.events: list[MarketEvent] = []

    def __call__(self, event: MarketEvent) -> None:
        self.events.append(event)

    def candles(self, symbol: str = BTC) -> list[Candle]:
        return [e.candle for e in self.events if isinstance(e, CandleClosed) and e.candle.symbol == symbol]

    def books(self, symbol: str = BTC) -> list[Book]:
        return [e.book for e in self.events if isinstance(e, BookUpdated) and e.book.symbol == symbol]

    def trades(self, symbol: str = BTC) -> list[Trade]:
        return [e.trade for e in self.events if isinstance(e, TradePrinted) and e.trade.symbol == symbol]

    def states(self, symbol: str = BTC) -> list[StreamState]:
        return [e.state for e in self.events if isinstance(e, StreamChanged) and e.symbol == symbol]

    def reasons(self, symbol: str = BTC) -> list[str]:
        return [e.reason for e in self.events if isinstance(e, StreamChanged) and e.symbol == symbol]


class Bench:
    def __init__(self, feed: CcxtFeed, door: FaultyDoor, clock: Clock) -> None:
        self.feed = feed
        self.door = door
        self.clock = clock

    async def history(self, symbol: str, since_ms: int, count: int) -> list[Candle]:
        return await self.feed.candles(symbol, "1m", since_ms, count)


@asynccontextmanager
async def connected(directory: Path, *, speed: float = 180.0, **market: Any) -> AsyncIterator[Bench]:
    values = {"candle_silence_s": 90.0, "book_silence_s": 1.0, "close_grace_s": 0.3, **market}
    async with (
        sandbox(directory, symbols=SYMBOLS, speed=speed) as running,
        faulty_door(running) as (door, endpoint),
    ):
        clock = market_clock(running)
        settings = ExchangeSettings(
            id="binance", symbols=SYMBOLS, endpoint=endpoint, ca_file=running.ca_file, request_timeout_s=2
        )
        connection = await connect(settings, MarketSettings(**values), clock)
        try:
            yield Bench(connection.feed, door, clock)
        finally:
            await connection.close()


@asynccontextmanager
async def running_feed(bench: Bench) -> AsyncIterator[Heard]:
    heard = Heard()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(bench.feed.run(heard))
        await eventually(lambda: all(StreamState.LIVE in heard.states(symbol) for symbol in SYMBOLS))
        try:
            yield heard
        finally:
            task.cancel()


def assert_each_once_and_in_order(candles: list[Candle]) -> None:
    opens = [candle.open_ms for candle in candles]
    assert opens == list(range(opens[0], opens[0] + MINUTE_MS * len(opens), MINUTE_MS))


async def assert_true(bench: Bench, candles: list[Candle]) -> None:
    """What was told is what the exchange's record says, once the candles are long over."""
    symbol, since_ms = candles[0].symbol, candles[0].open_ms
    await eventually(lambda: bench.clock.now_ms() > candles[-1].close_ms + 2 * MINUTE_MS)
    assert await bench.history(symbol, since_ms, len(candles)) == candles


# --- history ----------------------------------------------------------------------------------------------------


async def test_history_comes_in_pages_continuous_and_closed(tmp_path: Path) -> None:
    async with connected(tmp_path) as bench:
        since_ms = bench.clock.now_ms() - 2_300 * MINUTE_MS
        bench.door.requests.clear()
        candles = await bench.history(BTC, since_ms, 5_000)
        assert [request for request in bench.door.requests if "klines" in request[1]] == [("GET", "/api/v3/klines")] * 3
        assert_each_once_and_in_order(candles)
        assert candles[0].open_ms == -(-since_ms // MINUTE_MS) * MINUTE_MS
        assert candles[-1].close_ms <= bench.clock.now_ms()
        assert len(candles) > 2_290


async def test_candles_the_exchange_lacks_are_flat_gaps(tmp_path: Path) -> None:
    async with connected(tmp_path) as bench:
        since_ms = (bench.clock.now_ms() // MINUTE_MS - 20) * MINUTE_MS

        def without_some(_method: str, path: str, answer: Answer) -> Answer:
            if "klines" not in path:
                return answer
            rows = [
                row
                for row in json.loads(answer.body)
                if row[0] not in (since_ms + 2 * MINUTE_MS, since_ms + 3 * MINUTE_MS)
            ]
            return Answer(200, json.dumps(rows).encode())

        whole = await bench.history(BTC, since_ms, 8)
        bench.door.after = without_some
        candles = await bench.history(BTC, since_ms, 8)
        assert [candle.is_gap for candle in candles] == [False, False, True, True, False, False, False, False]
        assert {(c.open, c.high, c.low, c.close, c.volume) for c in candles[2:4]} == {(whole[1].close,) * 4 + (0.0,)}
        assert candles[4:] == whole[4:]


async def test_rows_that_cannot_be_candles_are_refused(tmp_path: Path) -> None:
    async with connected(tmp_path) as bench:

        def nonsense(_method: str, path: str, answer: Answer) -> Answer:
            if "klines" not in path:
                return answer
            rows = json.loads(answer.body)
            rows[1][2] = "0.01"  # a high below everything
            return Answer(200, json.dumps(rows).encode())

        bench.door.after = nonsense
        with pytest.raises(Unavailable, match="high and low"):
            await bench.history(BTC, bench.clock.now_ms() - 10 * MINUTE_MS, 5)


# --- candles, trades and books as they come ---------------------------------------------------------------------


@pytest.mark.parametrize("way", ["off the wire", "through ccxt"])
async def test_the_feed_tells_true_candles_trades_and_books(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "through ccxt":  # as for exchanges whose messages we do not read ourselves
        monkeypatch.setattr(feed_module, "DECODERS", {})
    async with connected(tmp_path) as bench:
        for symbol in SYMBOLS:
            await bench.history(symbol, bench.clock.now_ms() - 50 * MINUTE_MS, 60)
        begun = (await bench.history(BTC, bench.clock.now_ms() - 50 * MINUTE_MS, 60))[-1]
        async with running_feed(bench) as heard:
            await eventually(lambda: all(len(heard.candles(symbol)) >= 6 for symbol in SYMBOLS))
            await eventually(lambda: len(heard.trades()) > 20 and len(heard.books()) > 10)
        for symbol in SYMBOLS:
            candles = heard.candles(symbol)
            assert_each_once_and_in_order(candles)
            await assert_true(bench, candles)
        assert begun.open_ms <= heard.candles()[0].open_ms <= begun.close_ms  # history and stream join
        ids = [int(trade.trade_id) for trade in heard.trades()]
        assert ids == sorted(set(ids))
        for book in heard.books():
            assert book_fault(book.bids, book.asks) is None
            assert len(book.bids) <= 20


async def test_without_history_the_stream_starts_by_itself(tmp_path: Path) -> None:
    async with connected(tmp_path) as bench, running_feed(bench) as heard:
        await eventually(lambda: len(heard.candles()) >= 3)
        assert_each_once_and_in_order(heard.candles())


async def test_cut_sockets_lose_and_repeat_no_candle(tmp_path: Path) -> None:
    async with connected(tmp_path) as bench:
        await bench.history(BTC, bench.clock.now_ms() - 50 * MINUTE_MS, 60)
        async with running_feed(bench) as heard:
            for _ in range(4):
                seen = len(heard.candles())
                await eventually(lambda seen=seen: len(heard.candles()) > seen)  # type: ignore[misc]  # bound at once
                await eventually(lambda: len(bench.door.sockets) >= 2)
                bench.door.cut()
            seen = len(heard.candles())
            await eventually(lambda: len(heard.candles()) >= seen + 3)
        assert_each_once_and_in_order(heard.candles())
        await assert_true(bench, heard.candles())


async def test_a_long_outage_is_filled_when_the_exchange_is_back(tmp_path: Path) -> None:
    async with connected(tmp_path) as bench, running_feed(bench) as heard:
        await eventually(lambda: len(heard.candles()) >= 1)
        bench.door.refuses_sockets = True
        bench.door.instead = lambda _method, _path: Answer(503, b"", (("Content-Type", "text/html"),))
        bench.door.cut()
        await eventually(lambda: StreamState.GAP in heard.states())
        during = len(heard.candles())
        bench.door.refuses_sockets = False
        bench.door.instead = lambda _method, _path: None
        await eventually(lambda: heard.states()[-1] is StreamState.LIVE)
        await eventually(lambda: len(heard.candles()) >= during + 3)
        assert_each_once_and_in_order(heard.candles())
    await assert_once_more(heard)


async def assert_once_more(heard: Heard) -> None:
    """After the end nothing is told any more."""
    count = len(heard.events)
    await quiet()
    assert len(heard.events) == count


async def test_a_candle_is_not_told_before_it_is_proven(tmp_path: Path) -> None:
    """Neither the clock nor a half-formed candle around a break proves anything."""
    async with connected(tmp_path, speed=30.0) as bench:
        early: list[tuple[int, int]] = []
        async with asyncio.TaskGroup() as group:
            heard = Heard()

            def sink(event: MarketEvent) -> None:
                heard(event)
                if isinstance(event, CandleClosed):
                    early.append((event.candle.close_ms, bench.clock.now_ms()))

            task = group.create_task(bench.feed.run(sink))
            await eventually(lambda: len(heard.candles()) >= 1)
            bench.door.cut()
            await eventually(lambda: len(heard.candles()) >= 2)
            task.cancel()
        assert all(close_ms <= told_ms for close_ms, told_ms in early)
        assert_each_once_and_in_order(heard.candles())


async def test_a_lost_final_update_is_asked_for(tmp_path: Path) -> None:
    """The last word on a candle is dropped on the way: its successor alone is no proof of its values."""
    async with connected(tmp_path) as bench:
        dropped: list[int] = []

        def frames(_path: str, text: str) -> list[str]:
            message = json.loads(text)
            if message.get("e") == "kline" and message["k"]["x"] and message["s"] == "BTCUSDT" and len(dropped) < 3:
                dropped.append(message["k"]["t"])
                return []
            return [text]

        async with running_feed(bench) as heard:
            bench.door.frames = frames
            await eventually(lambda: len(dropped) == 3)
            await eventually(lambda: heard.candles()[-1].open_ms > dropped[-1])
        assert set(dropped) <= {candle.open_ms for candle in heard.candles()}
        assert_each_once_and_in_order(heard.candles())
        await assert_true(bench, heard.candles())


async def test_an_unreadable_frame_ends_nothing(tmp_path: Path) -> None:
    async with connected(tmp_path) as bench, running_feed(bench) as heard:
        poison = ['{"e":"trade","s":"BTCUSDT"}', '{"e":"kline","k":', "[[[", '{"e":"depthUpdate","s":"BTCUSDT","b":7}']

        def frames(_path: str, text: str) -> list[str]:
            return [poison.pop(), text] if poison else [text]

        bench.door.frames = frames
        await eventually(lambda: not poison)
        dials, trades, candles = len(bench.door.dialled), len(heard.trades()), len(heard.candles())
        await eventually(lambda: len(heard.trades()) > trades + 5 and len(heard.candles()) > candles + 1)
        assert len(bench.door.dialled) == dials
        assert_each_once_and_in_order(heard.candles())


async def test_a_repeated_frame_tells_nothing_twice(tmp_path: Path) -> None:
    async with connected(tmp_path) as bench, running_feed(bench) as heard:
        bench.door.frames = lambda _path, text: [text, text]
        trades, candles = len(heard.trades()), len(heard.candles())
        await eventually(lambda: len(heard.trades()) > trades + 20 and len(heard.candles()) > candles + 3)
        assert_each_once_and_in_order(heard.candles())
        ids = [trade.trade_id for trade in heard.trades()]
        assert len(ids) == len(set(ids))


# --- silence and broken books -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("event", "kind"), [("kline", "klines"), ("trade", "trades"), ("depthUpdate", "books")])
async def test_a_silent_stream_is_noticed_and_brought_back(
    tmp_path: Path, event: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The subscription is dead while its socket answers pings: only a new connection helps."""
    monkeypatch.setattr(watchdog, "SHORTEST_BUDGET_S", 1.0)
    monkeypatch.setattr(watchdog, "SETTLE_S", 1.0)
    async with connected(tmp_path) as bench, running_feed(bench) as heard:
        before = len(bench.door.dialled)

        def frames(_path: str, text: str) -> list[str]:
            return [] if len(bench.door.dialled) == before and f'"e":"{event}"' in text else [text]

        bench.door.frames = frames
        await eventually(lambda: StreamState.STALE in heard.states())
        assert any(reason.startswith(kind) for reason in heard.reasons())
        await eventually(lambda: len(bench.door.dialled) > before)
        await eventually(lambda: heard.states()[-1] is StreamState.LIVE)
        assert_each_once_and_in_order(heard.candles())


async def test_a_hole_in_the_book_updates_has_it_rebuilt(tmp_path: Path) -> None:
    async with connected(tmp_path) as bench, running_feed(bench) as heard:
        lost: list[str] = []

        def frames(_path: str, text: str) -> list[str]:
            if '"e":"depthUpdate"' in text and "BTCUSDT" in text and not lost:
                lost.append(text)
                return []
            return [text]

        bench.door.requests.clear()
        bench.door.frames = frames
        await eventually(lambda: ("GET", "/api/v3/depth") in bench.door.requests)
        await eventually(lambda: heard.states()[-1] is StreamState.LIVE and StreamState.STALE in heard.states())
        seen = len(heard.books())
        await eventually(lambda: len(heard.books()) > seen + 3)


async def test_a_crossed_book_is_never_told_and_rebuilt(tmp_path: Path) -> None:
    async with connected(tmp_path) as bench, running_feed(bench) as heard:
        spoilt: list[int] = []

        def frames(_path: str, text: str) -> list[str]:
            message = json.loads(text)
            if message.get("e") != "depthUpdate" or message["s"] != "BTCUSDT" or spoilt:
                return [text]
            spoilt.append(message["u"])
            message["b"].append(["999999.00", "1.0"])
            return [json.dumps(message)]

        bench.door.frames = frames
        await eventually(lambda: StreamState.STALE in heard.states())
        assert "crossed" in next(reason for reason in heard.reasons() if "crossed" in reason)
        await eventually(lambda: heard.states()[-1] is StreamState.LIVE)
        assert all(book_fault(book.bids, book.asks) is None for book in heard.books())
        assert StreamState.STALE not in heard.states(ETH)


async def test_books_come_at_most_ten_times_a_second(tmp_path: Path) -> None:
    async with connected(tmp_path) as bench:
        loop = asyncio.get_running_loop()
        told: list[Book] = []

        def sink(event: MarketEvent) -> None:
            if isinstance(event, BookUpdated) and event.book.symbol == BTC:
                told.append(event.book)

        began = loop.time()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(bench.feed.run(sink))
            await eventually(lambda: len(told) > 15)
            task.cancel()
        assert len(told) <= (loop.time() - began) / (INTERVAL_S - EARLY_S) + 1
        assert all(earlier != later for earlier, later in itertools.pairwise(told))
