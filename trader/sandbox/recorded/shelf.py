"""Where recorded books come from, and what is known of the time before them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from trader.domain.errors import Misconfigured
from trader.domain.market import timeframe_ms
from trader.sandbox.market.premium import RecordedPremium
from trader.sandbox.market.source import COLUMNS, Floats
from trader.sandbox.recorded.book_files import BookRecording, read_book, recorded_names
from trader.sandbox.recorded.candle_files import read_funding, read_recordings
from trader.sandbox.recorded.replay import candle_rows
from trader.sandbox.recorded.times import day_time

_BASE = "1m"  # length of the base candle where no candles say otherwise


class Shelf(Protocol):
    """A folder with recordings of books, each of which has a name. All methods raise `Misconfigured`."""

    def names(self, symbols: Sequence[str]) -> list[str]:
        """Those that hold all of these symbols, oldest first; at least one."""

    def read(self, symbol: str, name: str) -> BookRecording: ...
    def history(self, recordings: Mapping[str, BookRecording], timeframe: str) -> tuple[int, dict[str, Floats]]:
        """(length of the base candle, known candles (n, len(COLUMNS)) by symbol). `timeframe` is a multiple of it."""

    def premium(self, symbol: str) -> RecordedPremium:
        """Known funding rates."""


class FileShelf:
    """Files of depth updates; candles of the time before in the folder `history`, if there is one."""

    def __init__(self, folder: Path, history: Path | None) -> None:
        self._folder = folder
        self._history = history

    def names(self, symbols: Sequence[str]) -> list[str]:
        return recorded_names(self._folder, symbols)

    def read(self, symbol: str, name: str) -> BookRecording:
        return read_book(self._folder, symbol, name)

    def history(self, recordings: Mapping[str, BookRecording], timeframe: str) -> tuple[int, dict[str, Floats]]:
        """None without a folder; otherwise they must lead up to the first candle that the recording holds whole."""
        if self._history is None:
            return timeframe_ms(_BASE), {symbol: np.empty((0, len(COLUMNS))) for symbol in recordings}
        base_ms, found = read_recordings(self._history, list(recordings), timeframe)
        history = {}
        for symbol, recording in recordings.items():
            open_ms = found[symbol].open_ms
            whole_ms = -(-recording.begins_ms // base_ms) * base_ms
            count = int(np.searchsorted(open_ms, whole_ms, "left"))
            if count == 0 or open_ms[count - 1] != whole_ms - base_ms:
                raise Misconfigured(
                    f"{self._history}: candles of {symbol} are of {day_time(open_ms[0])} to {day_time(open_ms[-1])}, "
                    f"but the recorded book begins at {day_time(recording.begins_ms)}: they have to lead up to it, "
                    "or leave the history out"
                )
            history[symbol] = candle_rows(found[symbol], count)
        return base_ms, history

    def premium(self, symbol: str) -> RecordedPremium:
        return RecordedPremium(read_funding(self._history, symbol) if self._history else {})
