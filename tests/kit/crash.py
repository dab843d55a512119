"""The crash of 2025-10-10 as it was recorded: at 21:15 and 21:20 UTC candles of five minutes fell by up to 64 %."""

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq

from trader.domain.events import AnyEvent, BookUpdated, CandleClosed
from trader.domain.market import Book, Candle, timeframe_ms
from trader.sandbox.market.depth import DepthModel
from trader.sandbox.market.orderbook import PublishedBook
from trader.sandbox.market.source import STEPS_PER_CANDLE
from trader.sandbox.recorded.replay import ReplayedMarket


def at(hour: int, minute: int) -> int:
    """That moment of the day, ms."""
    return int(datetime(2025, 10, 10, hour, minute, tzinfo=UTC).timestamp() * 1000)


LAST = STEPS_PER_CANDLE - 1
STEP_MS = timeframe_ms("5m")
CRASH_MS, OVER_MS = at(21, 10), at(21, 30)


def cut(folder: Path, first_ms: int, end_ms: int) -> list[str]:
    """The twelve recorded pairs between those moments as a recording of their own in `folder`; their spot symbols."""
    source = Path(os.environ["TRADER_DATA"]) / "candles" / "binance"
    folder.mkdir()
    symbols = []
    for path in sorted(source.glob("*USDT-5m.parquet")):
        table = pq.read_table(path)
        times = table["timestamp"].cast("int64").to_numpy()
        pq.write_table(table.filter((times >= first_ms) & (times < end_ms)), folder / path.name)
        symbols.append(f"{path.name.removesuffix('USDT-5m.parquet')}/USDT")
    assert len(symbols) == 12
    return symbols


def worst_falls(folder: Path) -> dict[str, float]:
    """By spot symbol: how far below the close before it the lowest candle of the crash went, 0..1."""
    falls = {}
    for path in sorted(folder.glob("*.parquet")):
        table = pq.read_table(path, columns=["timestamp", "low", "close"])
        times = table["timestamp"].cast("int64").to_numpy()
        lows, closes = table["low"].to_numpy(), table["close"].to_numpy()
        within = [i for i in range(1, len(times)) if CRASH_MS <= times[i] < OVER_MS]
        falls[f"{path.name.removesuffix('USDT-5m.parquet')}/USDT"] = max(1 - lows[i] / closes[i - 1] for i in within)
    return falls


class CrashMarket:
    """The recording as the bundled exchange plays it, as events: every ten seconds a book of each, and its candles.

    With `jumps` the price of a candle is at its open, then at its low, then at its close, with nothing between.
    """

    def __init__(self, folder: Path, symbols: Sequence[str], history: int, *, jumps: bool = False) -> None:
        self._jumps = jumps
        self._market = ReplayedMarket(folder, symbols, "5m", history)
        self.listings = self._market.listings
        self.start_ms = self._market.start_ms
        self._depth = {symbol: DepthModel(listing, 7) for symbol, listing in self.listings.items()}
        self._books = {symbol: PublishedBook(listing, 1) for symbol, listing in self.listings.items()}

    def history(self) -> Iterator[CandleClosed]:
        """The candles before the market begins, oldest first."""
        rows = self._market.begin(self.start_ms)
        times = sorted({int(row[0]) for table in rows.values() for row in table})
        by_time: Mapping[str, Mapping[int, Sequence[float]]] = {
            symbol: {int(row[0]): row for row in table} for symbol, table in rows.items()
        }
        for time in times:
            for symbol, known in by_time.items():
                yield self._candle(symbol, known[time])

    def events(self, until_ms: int) -> Iterator[AnyEvent]:
        """From the start of the market on, in the order of time."""
        for open_ms in range(self.start_ms, until_ms, STEP_MS):
            plans = self._market.plan(open_ms)
            for number in range(STEPS_PER_CANDLE):
                now_ms = open_ms + number * STEP_MS // STEPS_PER_CANDLE
                for symbol, plan in plans.items():
                    if self._jumps and number not in (0, plan.price_ticks.index(min(plan.price_ticks)), LAST):
                        continue
                    made = self._depth[symbol].book(
                        plan.price_ticks[number], plan.buyer_is_taker[number], plan.volatility, now_ms
                    )
                    bids, asks = self._books[symbol].levels_of(made)
                    yield BookUpdated(book=Book(symbol, now_ms, bids[:20], asks[:20]), ts_ms=now_ms)
            for symbol, plan in plans.items():
                yield self._candle(symbol, plan.row)

    def _candle(self, symbol: str, row: Sequence[float]) -> CandleClosed:
        open_ms, open_, high, low, close, volume = int(row[0]), *(float(value) for value in row[1:6])
        candle = Candle(symbol, open_ms, open_ms + STEP_MS, open_, high, low, close, volume)
        return CandleClosed(candle=candle, ts_ms=candle.close_ms)
