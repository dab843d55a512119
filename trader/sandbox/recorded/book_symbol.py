"""A symbol whose book, trades and best quotes are played as they were recorded."""

from collections.abc import Mapping

import numpy as np

from trader.domain.market import Levels
from trader.sandbox.market.candles import CandleSeries
from trader.sandbox.market.listing import Listing
from trader.sandbox.market.numbers import text
from trader.sandbox.market.orderbook import BestQuote
from trader.sandbox.market.running import RunningCandle
from trader.sandbox.market.symbol_market import MARKET_TRADE, PublicTrade, SymbolMarket
from trader.sandbox.recorded.book import RecordedBook, RecordedDiff
from trader.sandbox.recorded.book_files import BookRecording, Tape

Row = tuple[float, ...]  # a candle, in the order of COLUMNS


class RecordedSymbol(SymbolMarket):
    """`rows`: the finished candles by open time, those that were recorded whole or are known from elsewhere."""

    book: RecordedBook

    def __init__(self, recording: BookRecording, series: CandleSeries, rows: Mapping[int, Row]) -> None:
        super().__init__(recording.listing, series)
        self.book = RecordedBook()
        self.recording = recording
        self._rows = rows
        self._running = RunningCandle(recording.listing)
        self._ticks, self._steps = counted(recording.listing, recording.tape)
        self._now_ms = 0

    def apply_frame(self, number: int) -> None:
        """Depth update `number` of the recording happens."""
        frames = self.recording.frames
        start, end = frames.starts[number : number + 2].tolist()
        rows = zip(frames.keys[start:end].tolist(), frames.sizes[start:end].tolist(), strict=True)
        self.book.apply(
            int(frames.first_id[number]), int(frames.last_id[number]), int(frames.previous_id[number]), rows
        )

    def print_trade(self, number: int) -> PublicTrade:
        """Trade `number` of the recording happens."""
        tape = self.recording.tape
        trade = PublicTrade(
            trade_id=int(tape.trade_id[number]),
            ts_ms=int(tape.trade_ms[number]),
            told_ms=int(tape.time_ms[number]),
            price=float(tape.price[number]),
            quantity=float(tape.size[number]),
            buyer_is_taker=bool(tape.buyer_is_taker[number]),
            kind=tape.kinds[number],
        )
        if trade.is_of_book:
            self.trades.append(trade)
            if trade.ts_ms >= self._running.open_ms:  # else it was told after its candle had closed, which knew of it
                self.series.running = self._running.add(self._ticks[number], self._steps[number], trade.buyer_is_taker)
        return trade

    def open_candle(self, open_ms: int) -> None:
        self._running.begin(open_ms)

    def close_candle(self) -> None:
        """The running base candle ends. One whose beginning was not recorded, or without a trade, is no candle."""
        row = self._rows.get(self._running.open_ms)
        if row is None:
            self.series.drop()
        else:
            self.series.append(row)

    def update_book(self, now_ms: int) -> RecordedDiff:
        self._now_ms = now_ms
        return self.book.take_fast()

    def update_slow_book(self) -> RecordedDiff:
        return self.book.take_slow()

    def levels_at(self, now_ms: int) -> tuple[Levels, Levels]:
        """It is played in order, so there is only the book as it has become."""
        return self.book.levels()

    def best(self) -> tuple[int, BestQuote]:
        """As recorded, which may be ahead of the depth updates; of the book where no best quotes were recorded."""
        quotes = self.recording.quotes
        index = -1 if quotes is None else int(np.searchsorted(quotes.time_ms, self._now_ms, "right")) - 1
        if quotes is None or index < 0:
            return self.book.update_id, self.book.best()
        return int(quotes.update_id[index]), BestQuote(*map(text, quotes.values[index].tolist()))

    def first_trade_id(self, open_ms: float) -> int:
        tape = self.recording.tape
        index = int(np.searchsorted(tape.trade_ms, open_ms, "left"))
        return int(tape.trade_id[index]) if index < len(tape.trade_id) else int(tape.trade_id[-1]) + 1


def counted(listing: Listing, tape: Tape) -> tuple[list[int], list[int]]:
    """(prices in ticks, quantities in steps)."""
    tick, step = float(listing.instrument.price_tick), float(listing.instrument.quantity_step)
    return np.rint(tape.price / tick).astype(np.int64).tolist(), np.rint(tape.size / step).astype(np.int64).tolist()


def whole_candles(recording: BookRecording, base_ms: int) -> dict[int, Row]:
    """The candles of the recorded trades by open time, from the first one that the recording covers from its open.

    Settlements beside the book are not part of candles.
    """
    tape, running = recording.tape, RunningCandle(recording.listing)
    first_ms = -(-recording.begins_ms // base_ms) * base_ms
    rows: dict[int, Row] = {}
    ticks, steps = counted(recording.listing, tape)
    opens = (tape.trade_ms // base_ms * base_ms).tolist()
    for number, open_ms in enumerate(opens):
        if open_ms < first_ms or tape.kinds[number] != MARKET_TRADE:
            continue
        if running.open_ms != open_ms:
            running.begin(open_ms)
        rows[open_ms] = running.add(ticks[number], steps[number], bool(tape.buyer_is_taker[number]))
    return rows
