"""Candle history for training: what the store has, the rest from the exchange."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from trader.adapters.parquet.candles import ParquetCandleStore, RecordedCandles
from trader.adapters.parquet.recording_tables import day_of
from trader.adapters.parquet.recordings import Recording
from trader.config.schema import Settings
from trader.domain.candle_arrays import CandleArrays
from trader.domain.market import Book, Trade, timeframe_ms
from trader.features import FeatureSet, FundingHistory
from trader.features.catalogue import warm_up
from trader.features.groups.funding import LEARNED_FROM_MS
from trader.ports import MarketFeed

_PAGE = 1_000


async def download(
    feed: MarketFeed, settings: Settings, until_ms: int, store: Path, tell: Callable[[str, int, int], None]
) -> dict[str, CandleArrays]:
    """The newest `model.training_candles` candles of every symbol that had closed by `until_ms`, and those the
    features need before them.

    New ones are added to `store`. `tell(symbol, done, wanted)` after every page.
    """
    timeframe = settings.market.timeframe
    step_ms = timeframe_ms(timeframe)
    wanted = wanted_candles(settings)
    last_ms = until_ms // step_ms * step_ms
    first_ms = last_ms - wanted * step_ms
    candles = ParquetCandleStore(store)
    found: dict[str, CandleArrays] = {}
    for symbol in settings.exchange.symbols:
        since_ms = _continue_from(candles.read_arrays(symbol, timeframe), first_ms, step_ms)
        while since_ms < last_ms and (page := await feed.candles(symbol, timeframe, since_ms, _PAGE)):
            candles.write(timeframe, page)
            since_ms = page[-1].close_ms
            tell(symbol, min(wanted, (since_ms - first_ms) // step_ms), wanted)
        stored = candles.read_arrays(symbol, timeframe)
        first, last = np.searchsorted(stored.open_ms, (first_ms, last_ms))
        found[symbol] = stored.take(slice(int(first), int(last)))
    return found


def recorded(folder: Path, settings: Settings) -> dict[str, CandleArrays]:
    """The same from a folder of recorded candles, `<SYMBOL>-<timeframe>.parquet`; shorter ones are resampled.

    Raises `Misconfigured` if a symbol was not recorded.
    """
    candles = RecordedCandles(folder)
    newest = slice(-wanted_candles(settings), None)
    timeframe = settings.market.timeframe
    return {symbol: candles.read_arrays(symbol, timeframe).take(newest) for symbol in settings.exchange.symbols}


async def funding(feed: MarketFeed, settings: Settings, until_ms: int) -> dict[str, FundingHistory]:
    """What was settled over the same span, if a model of these settings sees it."""
    features = FeatureSet.of(settings)
    first_ms = until_ms - wanted_candles(settings) * timeframe_ms(features.timeframe) - LEARNED_FROM_MS
    found = {
        symbol: await feed.funding(symbol, first_ms) for symbol in features.symbols if "funding" in features.groups
    }
    return {symbol: FundingHistory.of(rates) for symbol, rates in found.items() if rates}


def recorded_funding(folder: Path, settings: Settings) -> dict[str, FundingHistory]:
    """The same of a folder of recorded candles."""
    features, recordings = FeatureSet.of(settings), RecordedCandles(folder)
    found = {symbol: recordings.funding(symbol) for symbol in features.symbols if "funding" in features.groups}
    return {symbol: FundingHistory.of(rates) for symbol, rates in found.items() if rates}


def recorded_books(recordings: Path, settings: Settings, until_ms: int) -> dict[str, Iterator[Book | Trade]]:
    """Books and trades that this account's daemon recorded over the same span, if a model of these settings sees them.

    Each may be walked through once. Symbols without any book are left out.
    """
    features = FeatureSet.of(settings)
    if "books" not in features.groups:
        return {}
    first_ms = until_ms - wanted_candles(settings) * timeframe_ms(features.timeframe)
    recording = Recording(recordings)
    days = {day: recording.symbols(day, "books") for day in recording.days() if day_of(first_ms) <= day}
    return {
        symbol: _told(recording, symbol, [day for day, symbols in days.items() if symbol in symbols])
        for symbol in features.symbols
        if any(symbol in symbols for symbols in days.values())
    }


def _told(recording: Recording, symbol: str, days: Sequence[str]) -> Iterator[Book | Trade]:
    """In the order of the exchange's time."""

    def told_ms(event: Book | Trade) -> int:
        return event.ts_ms

    for day in days:
        books: Iterator[Book | Trade] = recording.books(symbol, day)
        yield from heapq.merge(books, recording.trades(symbol, day), key=told_ms)


def wanted_candles(settings: Settings) -> int:
    """Candles per symbol of one training."""
    return settings.model.training_candles + warm_up(settings.market.timeframe, settings.market.higher_timeframes)


def _continue_from(stored: CandleArrays, first_ms: int, step_ms: int) -> int:
    """From where to download: after what is stored, if that is one piece and begins early enough."""
    kept = stored.open_ms[stored.open_ms >= first_ms]
    if len(kept) == 0 or kept[0] > first_ms or int(kept[-1] - kept[0]) // step_ms + 1 != len(kept):
        return first_ms
    return int(kept[-1]) + step_ms
