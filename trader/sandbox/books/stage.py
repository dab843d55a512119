"""Recorded books as what is on."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import structlog

from trader.clock import ScaledClock
from trader.domain.errors import Misconfigured
from trader.domain.market import timeframe_ms
from trader.sandbox.books.files import BookRecording, read_book, recorded_names
from trader.sandbox.books.marks import RecordedPricing
from trader.sandbox.books.playback import BookPlayback
from trader.sandbox.books.symbol import RecordedSymbol, Row, whole_candles
from trader.sandbox.candles import CandleSeries
from trader.sandbox.listing import Listing, is_perpetual
from trader.sandbox.market import Market
from trader.sandbox.playback import Playback
from trader.sandbox.recordings import read_funding, read_recordings
from trader.sandbox.replay import candle_rows
from trader.sandbox.source import COLUMNS, Floats
from trader.sandbox.symbol_market import SymbolMarket
from trader.sandbox.usdm.mark import PremiumPricing, Pricing
from trader.sandbox.usdm.premium import RecordedPremium

log = structlog.get_logger(__name__)


class RecordedStage:
    """One recording, of every symbol. `history`: a folder of candles of the time before it; `name`: which recording,
    the newest that all symbols have unless given."""

    def __init__(
        self, folder: Path, symbols: Sequence[str], timeframe: str, *, history: Path | None = None, name: str = ""
    ) -> None:
        names = recorded_names(folder, symbols)
        if name and name not in names:
            raise Misconfigured(
                f"{folder} has no recording {name!r} of {', '.join(symbols)}; it has {', '.join(names)}"
            )
        self.name = name or names[-1]
        self._recordings = {symbol: read_book(folder, symbol, self.name) for symbol in symbols}
        self.base_ms, self._history = _history(history, self._recordings, timeframe)
        self.listings: Mapping[str, Listing] = {s: recording.listing for s, recording in self._recordings.items()}
        self.pricings: Mapping[str, Pricing] = {
            symbol: _pricing(recording, history, symbol)
            for symbol, recording in self._recordings.items()
            if is_perpetual(symbol)
        }
        self.start_ms = max(recording.known_ms for recording in self._recordings.values())
        self._symbols: dict[str, RecordedSymbol] = {}
        self._tell(names)

    def begin(self, now_ms: int) -> Mapping[str, SymbolMarket]:
        first_ms = min(recording.begins_ms for recording in self._recordings.values()) // self.base_ms * self.base_ms
        for symbol, recording in self._recordings.items():
            known = self._history[symbol]
            rows: dict[int, Row] = {int(row[0]): tuple(row.tolist()) for row in known[known[:, 0] >= first_ms]}
            series = CandleSeries(self.base_ms, known[known[:, 0] < first_ms])
            whole = whole_candles(recording, self.base_ms)
            self._symbols[symbol] = RecordedSymbol(recording, series, rows | whole)
        return self._symbols

    def playback(self, markets: Sequence[Market], clock: ScaledClock, now_ms: int) -> Playback:
        parts = [(market, {symbol: self._symbols[symbol] for symbol in market.symbols}) for market in markets]
        return BookPlayback(parts, clock, base_ms=self.base_ms, start_ms=self.start_ms, now_ms=now_ms)

    def _tell(self, names: Sequence[str]) -> None:
        for symbol, recording in self._recordings.items():
            known = self._history[symbol]
            log.info(
                "replay.books",
                symbol=symbol,
                recording=self.name,
                other_recordings=[other for other in names if other != self.name],
                updates=len(recording.frames.time_ms) - 1,
                trades=len(recording.tape.time_ms),
                begins=_day_time(self.start_ms),
                ends=_day_time(recording.ends_ms),
                history_candles=len(known),
                history_from=_day_time(int(known[0, 0])) if len(known) else None,
            )


def _history(
    folder: Path | None, recordings: Mapping[str, BookRecording], timeframe: str
) -> tuple[int, dict[str, Floats]]:
    """(length of the base candle, candles (n, len(COLUMNS)) by symbol): none without a folder.

    Raises `Misconfigured` where they end before the first candle that the recording holds whole.
    """
    if folder is None:
        return timeframe_ms("1m"), {symbol: np.empty((0, len(COLUMNS))) for symbol in recordings}
    base_ms, found = read_recordings(folder, list(recordings), timeframe)
    history = {}
    for symbol, recording in recordings.items():
        open_ms = found[symbol].open_ms
        whole_ms = -(-recording.begins_ms // base_ms) * base_ms
        count = int(np.searchsorted(open_ms, whole_ms, "left"))
        if count == 0 or open_ms[count - 1] != whole_ms - base_ms:
            raise Misconfigured(
                f"{folder}: candles of {symbol} are of {_day_time(int(open_ms[0]))} to {_day_time(int(open_ms[-1]))}, "
                f"but the recorded book begins at {_day_time(recording.begins_ms)}: they have to lead up to it, "
                "or leave the history out"
            )
        history[symbol] = candle_rows(found[symbol], count)
    return base_ms, history


def _pricing(recording: BookRecording, history: Path | None, symbol: str) -> Pricing:
    premium = RecordedPremium(read_funding(history, symbol) if history else {})
    return RecordedPricing(recording.marks, premium) if recording.marks else PremiumPricing(premium)


def _day_time(ts_ms: int) -> str:
    return datetime.fromtimestamp(ts_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
