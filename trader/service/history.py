"""Candle history for training: what the store has, the rest from the exchange."""

from collections.abc import Callable
from pathlib import Path

from trader.adapters.parquet.candles import ParquetCandleStore
from trader.config.schema import Settings
from trader.domain.candle_arrays import CandleArrays
from trader.domain.market import timeframe_ms
from trader.features.catalogue import warm_up
from trader.ports import Clock, MarketFeed

_PAGE = 1_000


async def download(
    feed: MarketFeed, settings: Settings, clock: Clock, store: Path, tell: Callable[[str, int, int], None]
) -> dict[str, CandleArrays]:
    """The newest `model.training_candles` closed candles of every symbol, and those the features need before them.

    New ones are added to `store`. `tell(symbol, done, wanted)` after every page.
    """
    timeframe, market = settings.market.timeframe, settings.market
    step_ms = timeframe_ms(timeframe)
    wanted = settings.model.training_candles + warm_up(timeframe, market.higher_timeframes)
    first_ms = clock.now_ms() // step_ms * step_ms - wanted * step_ms
    candles = ParquetCandleStore(store)
    found: dict[str, CandleArrays] = {}
    for symbol in settings.exchange.symbols:
        since_ms = _continue_from(candles.read_arrays(symbol, timeframe), first_ms, step_ms)
        while page := await feed.candles(symbol, timeframe, since_ms, _PAGE):
            candles.write(timeframe, page)
            since_ms = page[-1].close_ms
            tell(symbol, min(wanted, (since_ms - first_ms) // step_ms), wanted)
        stored = candles.read_arrays(symbol, timeframe)
        found[symbol] = stored.take(slice(int((stored.open_ms < first_ms).sum()), None))
    return found


def _continue_from(stored: CandleArrays, first_ms: int, step_ms: int) -> int:
    """From where to download: after what is stored, if that is one piece and begins early enough."""
    kept = stored.open_ms[stored.open_ms >= first_ms]
    if len(kept) == 0 or kept[0] > first_ms or int(kept[-1] - kept[0]) // step_ms + 1 != len(kept):
        return first_ms
    return int(kept[-1]) + step_ms
