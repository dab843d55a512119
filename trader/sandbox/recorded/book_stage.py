"""Recorded books as what is on."""

from collections.abc import Mapping, Sequence

import structlog

from trader.clock import ScaledClock
from trader.domain.errors import Misconfigured
from trader.sandbox.market.candles import CandleSeries
from trader.sandbox.market.listing import Listing, is_perpetual
from trader.sandbox.market.mark import PremiumPricing, Pricing
from trader.sandbox.market.playback import Playback
from trader.sandbox.market.premium import RecordedPremium
from trader.sandbox.market.served_market import ServedMarket
from trader.sandbox.market.symbol_market import SymbolMarket
from trader.sandbox.recorded.book_files import BookRecording
from trader.sandbox.recorded.book_playback import BookPlayback
from trader.sandbox.recorded.book_symbol import RecordedSymbol, Row, whole_candles
from trader.sandbox.recorded.marks import RecordedPricing
from trader.sandbox.recorded.shelf import Shelf
from trader.sandbox.recorded.times import day_time

log = structlog.get_logger(__name__)


class RecordedStage:
    """One recording of a shelf, of every symbol. `name`: which one, the newest that all symbols have unless given."""

    def __init__(self, shelf: Shelf, symbols: Sequence[str], timeframe: str, *, name: str = "") -> None:
        names = shelf.names(symbols)
        if name and name not in names:
            raise Misconfigured(f"there is no recording {name!r} of {', '.join(symbols)}, only {', '.join(names)}")
        self.name = name or names[-1]
        self._recordings = {symbol: shelf.read(symbol, self.name) for symbol in symbols}
        self.base_ms, self._history = shelf.history(self._recordings, timeframe)
        self.listings: Mapping[str, Listing] = {s: recording.listing for s, recording in self._recordings.items()}
        self.pricings: Mapping[str, Pricing] = {
            symbol: _pricing(recording, shelf.premium(symbol))
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
            self._symbols[symbol] = RecordedSymbol(recording, series, whole | rows)
        return self._symbols

    def playback(self, markets: Sequence[ServedMarket], clock: ScaledClock, now_ms: int) -> Playback:
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
                begins=day_time(self.start_ms),
                ends=day_time(recording.ends_ms),
                history_candles=len(known),
                history_from=day_time(int(known[0, 0])) if len(known) else None,
            )


def _pricing(recording: BookRecording, premium: RecordedPremium) -> Pricing:
    return RecordedPricing(recording.marks, premium) if recording.marks else PremiumPricing(premium)
