"""The daemon's own recordings as recorded books: the best levels as it saw them, trades, and candles.

Each day is a recording. A book there is a whole one of some levels; what changed from one to the next is the update.
"""

from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from trader.adapters.parquet.recordings import Recording
from trader.domain.errors import Misconfigured
from trader.domain.market import Candle, Trade, timeframe_ms
from trader.sandbox.market.listing import Listing, listing_for
from trader.sandbox.market.premium import RecordedPremium
from trader.sandbox.market.source import COLUMNS, Floats, Ints
from trader.sandbox.market.symbol_market import MARKET_TRADE
from trader.sandbox.recorded.book_files import BookRecording, Frames, Tape
from trader.sandbox.recorded.candle_files import CandleRecording, with_steps
from trader.sandbox.recorded.replay import candle_rows


class RecorderShelf:
    """`folder`: the recordings of one account."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._recording = Recording(folder)

    def names(self, symbols: Sequence[str]) -> list[str]:
        days = self._recording.days()
        whole = [day for day in days if all(self._holds(day, symbol) for symbol in symbols)]
        if not whole:
            raise Misconfigured(
                f"{self._folder}: no recorded day holds books and trades of all of {', '.join(symbols)}; "
                f"days: {', '.join(days) or 'none'}"
            )
        return whole

    def read(self, symbol: str, name: str) -> BookRecording:
        frames = _frames(self._recording, symbol, name)
        tape = _tape(list(self._recording.trades(symbol, name)))
        if not len(frames.time_ms) or not len(tape.time_ms):
            raise Misconfigured(f"{self._folder}: {name} has no book or no trade of {symbol}")
        order = np.argsort(np.concatenate((tape.time_ms, frames.time_ms)), kind="stable")
        position = np.empty(len(order), dtype=np.int64)
        position[order] = np.arange(len(order))
        tape.position[:], frames.position[:] = np.split(position, [len(tape.time_ms)])
        return BookRecording(
            listing=_listing(symbol, np.abs(frames.keys), np.concatenate((frames.sizes, tape.size))),
            begins_ms=int(min(frames.time_ms[0], tape.time_ms[0])),
            frames=frames,
            tape=tape,
            quotes=None,
            marks=None,
        )

    def history(self, recordings: Mapping[str, BookRecording], timeframe: str) -> tuple[int, dict[str, Floats]]:
        """Every recorded candle; those that the exchange had no trade for are gaps."""
        base_ms, found = timeframe_ms("1m"), {}
        for symbol, recording in recordings.items():
            candles = {
                candle.open_ms: candle for day in self._recording.days() for candle in self._candles(symbol, day)
            }
            kept = [candles[open_ms] for open_ms in sorted(candles) if not candles[open_ms].is_gap]
            if kept:
                base_ms = kept[0].close_ms - kept[0].open_ms
            found[symbol] = _rows(recording.listing, kept)
        if timeframe_ms(timeframe) % base_ms:
            raise Misconfigured(f"{self._folder}: recorded candles of {base_ms // 1_000} s do not make up {timeframe}")
        return base_ms, found

    def premium(self, symbol: str) -> RecordedPremium:
        """Funding is not recorded: the interest rate."""
        del symbol
        return RecordedPremium({})

    def _holds(self, day: str, symbol: str) -> bool:
        return all(symbol in self._recording.symbols(day, kind) for kind in ("books", "trades"))

    def _candles(self, symbol: str, day: str) -> list[Candle]:
        return self._recording.candles(symbol, day)


def _frames(recording: Recording, symbol: str, day: str) -> Frames:
    keys, sizes, starts, times = array("d"), array("d"), array("q", [0]), array("q")
    before: dict[float, float] = {}
    for book in recording.books(symbol, day):
        levels = {-price: size for price, size in book.bids} | dict(book.asks)
        changed = {key: size for key, size in levels.items() if before.get(key) != size}
        changed |= dict.fromkeys(before.keys() - levels.keys(), 0.0)
        if changed:
            keys.extend(changed)
            sizes.extend(changed.values())
            starts.append(len(keys))
            times.append(book.ts_ms)
        before = levels
    numbers = np.arange(1, len(times) + 1, dtype=np.int64)
    return Frames(
        position=np.zeros(len(times), dtype=np.int64),
        time_ms=np.maximum.accumulate(_ints(times)),
        first_id=numbers,
        last_id=numbers,
        previous_id=numbers - 1,
        starts=_ints(starts),
        keys=np.frombuffer(keys, dtype=np.float64),
        sizes=np.frombuffer(sizes, dtype=np.float64),
    )


def _tape(trades: Sequence[Trade]) -> Tape:
    time_ms = np.maximum.accumulate(np.array([trade.ts_ms for trade in trades], dtype=np.int64))
    are_numbers = all(trade.trade_id.isdigit() for trade in trades)
    ids = [int(trade.trade_id) if are_numbers else number for number, trade in enumerate(trades, 1)]
    return Tape(
        position=np.zeros(len(trades), dtype=np.int64),
        time_ms=time_ms,
        trade_ms=time_ms,
        trade_id=np.array(ids, dtype=np.int64),
        price=np.array([trade.price for trade in trades]),
        size=np.array([trade.quantity for trade in trades]),
        buyer_is_taker=np.array([trade.buyer_is_taker for trade in trades]),
        kinds=(MARKET_TRADE,) * len(trades),
    )


def _rows(listing: Listing, candles: Sequence[Candle]) -> Floats:
    if not candles:
        return np.empty((0, len(COLUMNS)))
    values = np.array([(c.open, c.high, c.low, c.close, c.volume) for c in candles])
    opens = np.array([c.open_ms for c in candles], dtype=np.int64)
    return candle_rows(CandleRecording(listing, opens, values), len(candles))


def _listing(symbol: str, prices: Floats, sizes: Floats) -> Listing:
    return with_steps(listing_for(symbol), prices, sizes)


def _ints(values: "array[int]") -> Ints:
    return np.frombuffer(values, dtype=np.int64)
