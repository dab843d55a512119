"""Plays recorded books and trades one by one, in the order in which the exchange told them."""

from collections.abc import Mapping, Sequence

import numpy as np

from trader.clock import ScaledClock
from trader.sandbox.market.playback import Playback
from trader.sandbox.market.served_market import ServedMarket
from trader.sandbox.market.source import Ints
from trader.sandbox.recorded.book_symbol import RecordedSymbol

_FRAME, _TRADE, _MARK = 0, 1, 2


class BookPlayback(Playback):
    """Our orders meet every recorded update and trade; listeners are told at most ten times a real second."""

    def __init__(
        self,
        parts: Sequence[tuple[ServedMarket, Mapping[str, RecordedSymbol]]],
        clock: ScaledClock,
        *,
        base_ms: int,
        start_ms: int,
        now_ms: int,
    ) -> None:
        super().__init__([market for market, _ in parts], clock, start_ms=start_ms, now_ms=now_ms)
        self._parts = [(market, symbol) for market, symbols in parts for symbol in symbols.values()]
        self._base_ms = base_ms
        events = _ordered([symbol for _, symbol in self._parts])
        self._times, self._who, self._what, self._numbers = (column.tolist() for column in events)
        self._next = 0
        self._open_ms = self._times[0] // base_ms * base_ms
        self._has_opened: set[int] = set()  # who traded in the running candle
        for _, symbol in self._parts:
            symbol.open_candle(self._open_ms)
        self._begin()

    def _pass_until(self, now_ms: int, *, silent: bool) -> None:
        times, count = self._times, len(self._times)
        while self._next < count and times[self._next] <= now_ms:
            while times[self._next] >= self._open_ms + self._base_ms:
                self._close_candle(silent=silent)
            self._play(self._next, silent=silent)
            self._next += 1
        if self.is_finished:
            return
        if self._next == count:
            self._finish(times[-1])
            return
        while now_ms >= self._open_ms + self._base_ms:
            self._close_candle(silent=silent)

    def _play(self, event: int, *, silent: bool) -> None:
        who, what, number = self._who[event], self._what[event], self._numbers[event]
        market, symbol = self._parts[who]
        if what == _FRAME:
            symbol.apply_frame(number)
            if not silent:
                market.book_moved(symbol, self._times[event])
        elif what == _MARK:
            if not silent:
                market.mark_moved(symbol, self._times[event])
        else:
            trade = symbol.print_trade(number)
            if not silent:
                market.traded(symbol, trade, opens_candle=who not in self._has_opened)
            self._has_opened.add(who)

    def _close_candle(self, *, silent: bool) -> None:
        self._open_ms += self._base_ms
        self._has_opened.clear()
        for _, symbol in self._parts:
            symbol.close_candle()
        if not silent:
            for market in self._markets:
                market.candle_closed(self._open_ms)
        for _, symbol in self._parts:
            symbol.open_candle(self._open_ms)


def _ordered(symbols: Sequence[RecordedSymbol]) -> tuple[Ints, Ints, Ints, Ints]:
    """(time, whose, what, number within its kind) of everything that was recorded, in order.

    Within a symbol as it arrived; of several symbols, and of mark prices, by the exchange's time.
    """
    parts = []
    for who, symbol in enumerate(symbols):
        recording = symbol.recording
        for what, told in ((_FRAME, recording.frames), (_TRADE, recording.tape), (_MARK, recording.marks)):
            if told is not None:
                count = len(told.time_ms)
                parts.append((told.time_ms, told.position, np.full(count, who), np.full(count, what), np.arange(count)))
    time_ms, position, whose, kind, number = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((number, position, whose, time_ms))
    return time_ms[order], whose[order], kind[order], number[order]
