"""Candle history for training: what the store has, the rest from the exchange."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from trader.adapters.parquet.candles import ParquetCandleStore, RecordedCandles
from trader.adapters.parquet.recording_tables import day_of
from trader.adapters.parquet.recordings import Recording
from trader.config.schema import Settings
from trader.domain.candle_arrays import CandleArrays
from trader.domain.market import Book, Trade, timeframe_ms
from trader.domain.observation import WHOLE_MARKET, Observation, in_order
from trader.features import Extras, FeatureSet
from trader.features.catalogue import warm_up
from trader.ports import MarketFeed, ObservationSource

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


async def observed(source_of: Callable[[str], ObservationSource], settings: Settings, until_ms: int) -> Extras:
    """What the sources say of the same span, for the groups that a model of these settings sees.

    Symbols of which they say nothing are left out.
    """
    features = FeatureSet.of(settings)
    first_ms = until_ms - wanted_candles(settings) * timeframe_ms(features.timeframe)
    said: dict[str, dict[str, list[Observation]]] = {}
    for name, lookback_ms in features.sources.items():
        source = source_of(name)
        scopes = (WHOLE_MARKET,) if source.is_market_wide else features.symbols
        said[name] = {symbol: await source.observations(symbol, first_ms - lookback_ms) for symbol in scopes}
    return {
        group.name: {symbol: known for symbol in features.symbols if (known := _known_of(symbol, how.sources, said))}
        for group, how in features.told
        if how.sources
    }


def _known_of(
    symbol: str, sources: Iterable[str], said: Mapping[str, Mapping[str, list[Observation]]]
) -> list[Observation]:
    """What `sources` say of the symbol and of the whole market."""
    return in_order(one for name in sources for scope in (WHOLE_MARKET, symbol) for one in said[name].get(scope, ()))


def recorded_books(recordings: Path, settings: Settings, until_ms: int) -> Extras:
    """Books and trades that this account's daemon recorded over the same span, for the groups that a model of these
    settings sees.

    Each may be walked through once. Symbols without any book are left out.
    """
    features = FeatureSet.of(settings)
    hearing = [group.name for group, how in features.told if how.hears]
    if not hearing:
        return {}
    first_ms = until_ms - wanted_candles(settings) * timeframe_ms(features.timeframe)
    recording = Recording(recordings)
    days = {day: recording.symbols(day, "books") for day in recording.days() if day_of(first_ms) <= day}
    return {
        group: {
            symbol: _told(recording, symbol, [day for day, symbols in days.items() if symbol in symbols])
            for symbol in features.symbols
            if any(symbol in symbols for symbols in days.values())
        }
        for group in hearing
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
