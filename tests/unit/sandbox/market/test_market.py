"""The running market: what it tells and when, however the ticks fall."""

from collections import defaultdict
from itertools import pairwise
from typing import Any

import pytest

from tests.unit.sandbox.generated.test_generator import Blobs
from trader.clock import ScaledClock
from trader.domain.market import Levels
from trader.sandbox.binance.protocol.market_streams import MarketStreams
from trader.sandbox.binance.spot.messages import SpotMessages
from trader.sandbox.generated.market import EPOCH_MS, GeneratedMarket
from trader.sandbox.market.listing import listings_for
from trader.sandbox.market.planned import Grid, planned_symbols
from trader.sandbox.market.playback import PlannedPlayback
from trader.sandbox.market.served_market import ServedMarket
from trader.sandbox.market.source import STEPS_PER_CANDLE, CandlePlan, Floats

MINUTE = 60_000
SYMBOLS = ("BTC/USDT", "XRP/USDT")


class Listener:
    """Keeps everything that is published, and every book and trade that matching sees."""

    def __init__(self) -> None:
        self.told: dict[str, list[Any]] = defaultdict(list)
        self.books: list[tuple[str, int, Levels, Levels]] = []
        self.trades: list[tuple[str, int, float, float, bool]] = []

    def wants(self, stream: str) -> bool:
        return True

    def publish(self, stream: str, message: object) -> None:
        self.told[stream].append(message)

    def on_book(self, symbol: str, ts_ms: int, bids: Levels, asks: Levels) -> None:
        self.books.append((symbol, ts_ms, bids, asks))

    def on_trade(self, symbol: str, ts_ms: int, price: float, quantity: float, buyer_is_taker: bool) -> None:
        self.trades.append((symbol, ts_ms, price, quantity, buyer_is_taker))

    def is_watching(self, symbol: str) -> bool:
        return True


class Short:
    """A generated market that ends after some minutes, with an outage of XRP in the third."""

    def __init__(self, minutes: int = 10_000) -> None:
        self._inner = GeneratedMarket(
            listings_for(SYMBOLS), seed=7, edge=1.0, base_ms=MINUTE, history_candles=600, blobs=Blobs()
        )
        self.base_ms = MINUTE
        self.start_ms = EPOCH_MS
        self.end_ms: int | None = EPOCH_MS + minutes * MINUTE

    def begin(self, now_ms: int) -> dict[str, Floats]:
        return self._inner.begin(now_ms)

    def plan(self, open_ms: int) -> dict[str, CandlePlan]:
        plans = self._inner.plan(open_ms)
        if open_ms == EPOCH_MS + 2 * MINUTE:
            del plans["XRP/USDT"]
        return plans


class Running:
    """One market, moved through time by `tick`."""

    def __init__(self, source: Short, listener: Listener, now_ms: int) -> None:
        history = source.begin(now_ms)
        symbols = planned_symbols(listings_for(SYMBOLS), history, Grid(source.base_ms, 7, now_ms))
        self.market = ServedMarket(symbols, listener, source.base_ms)
        self.market.audience = MarketStreams(self.market, listener, SpotMessages())
        clock = ScaledClock(0, now_ms, 60.0)
        self.playback = PlannedPlayback(source, [(self.market, symbols)], clock, now_ms=now_ms)
        self.by_id = self.market.by_id
        self.tick = self.playback.tick

    @property
    def is_finished(self) -> bool:
        return self.playback.is_finished


def started(minutes: int = 10_000, now_ms: int = EPOCH_MS) -> tuple[Running, Listener]:
    listener = Listener()
    running = Running(Short(minutes), listener, now_ms)
    listener.told.clear()
    return running, listener


def test_one_depth_message_per_tick_with_unbroken_ids() -> None:
    market, listener = started()
    for tick in range(1, 101):
        market.tick(EPOCH_MS + tick * 6_000)
    messages = listener.told["btcusdt@depth@100ms"]
    assert len(messages) == 100
    assert all(after["U"] == before["u"] + 1 for before, after in pairwise(messages))
    slow = listener.told["btcusdt@depth"]
    assert [message["u"] for message in slow] == [message["u"] for message in messages[9::10]]
    assert all(after["U"] == before["u"] + 1 for before, after in pairwise(slow))


def test_the_tape_is_the_same_however_the_ticks_fall() -> None:
    often, seldom = started(), started()
    for tick in range(1, 300):
        often[0].tick(EPOCH_MS + tick * 1_234)
    for tick in (77_777, 300 * 1_234 - 1_234):
        seldom[0].tick(EPOCH_MS + tick)
    assert often[1].trades == seldom[1].trades
    assert often[1].told["btcusdt@trade"] == seldom[1].told["btcusdt@trade"]
    times = [trade[1] for trade in often[1].trades]
    assert times == sorted(times)


def test_closed_candles_come_once_in_order_with_their_final_values() -> None:
    market, listener = started()
    for tick in range(1, 200):
        market.tick(EPOCH_MS + tick * 6_000)
    for interval, minutes in (("1m", 1), ("5m", 5), ("15m", 15)):
        closed = [m["k"] for m in listener.told[f"btcusdt@kline_{interval}"] if m["k"]["x"]]
        assert [k["t"] for k in closed] == [EPOCH_MS + n * minutes * MINUTE for n in range(len(closed))]
        assert len(closed) == 19 // minutes
        series = market.by_id["BTCUSDT"].series
        for k in closed:
            row = series.window(minutes * MINUTE, start_ms=k["t"], end_ms=k["t"], limit=1)[0]
            assert [float(k[name]) for name in "ohlcv"] == row[1:6].tolist()
            assert k["n"] == minutes * STEPS_PER_CANDLE
            assert k["L"] - k["f"] + 1 == k["n"]


def test_an_outage_has_neither_trades_nor_a_candle() -> None:
    market, listener = started()
    for tick in range(1, 60):
        market.tick(EPOCH_MS + tick * 6_000)
    opens = [m["k"]["t"] for m in listener.told["xrpusdt@kline_1m"] if m["k"]["x"]]
    assert EPOCH_MS + 2 * MINUTE not in opens
    assert {EPOCH_MS + MINUTE, EPOCH_MS + 3 * MINUTE} <= set(opens)
    quiet = [t for t in listener.trades if t[0] == "XRP/USDT" and 2 * MINUTE <= t[1] - EPOCH_MS < 3 * MINUTE]
    assert quiet == []


def test_after_a_pause_orders_meet_the_books_of_every_candle() -> None:
    market, listener = started()
    listener.books.clear()
    market.tick(EPOCH_MS + 30 * MINUTE + 10)
    times = [ts_ms for symbol, ts_ms, _, _ in listener.books if symbol == "BTC/USDT"]
    assert len(times) >= 29
    assert times == sorted(times)
    assert len(listener.told["btcusdt@depth@100ms"]) == 1


def test_the_market_stops_where_the_data_ends() -> None:
    market, listener = started(minutes=2)
    market.tick(EPOCH_MS + 5 * MINUTE)
    assert market.is_finished
    count = len(listener.trades)
    assert count == 2 * 2 * STEPS_PER_CANDLE
    market.tick(EPOCH_MS + 6 * MINUTE)
    assert len(listener.trades) == count


@pytest.mark.parametrize("seconds", [0, 1, 29, 31, 59])
def test_beginning_inside_a_candle_goes_on_with_it(seconds: int) -> None:
    whole, part = started(), started(now_ms=EPOCH_MS + MINUTE + seconds * 1_000)
    whole[0].tick(EPOCH_MS + MINUTE + seconds * 1_000)
    seen = len(whole[1].trades)
    for market, _ in (whole, part):
        market.tick(EPOCH_MS + 2 * MINUTE + 30_000)
    assert part[1].trades == whole[1].trades[seen:]
    for market, _ in (whole, part):
        market.tick(EPOCH_MS + 2 * MINUTE + 30_100)
    assert whole[0].by_id["BTCUSDT"].series.running == part[0].by_id["BTCUSDT"].series.running
