"""Funding of perpetuals, as the exchange settled it."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from trader.adapters.parquet.candles import RecordedCandles
from trader.config.schema import Settings
from trader.domain.market import FundingRate
from trader.domain.observation import Observation
from trader.domain.units import HOUR_MS, MINUTE_MS
from trader.features.groups.funding import KNOWN_AFTER_MS, SOURCE
from trader.ports import MarketFeed, ObservationSource

Settled = Callable[[str, int], Awaitable[list[FundingRate]]]
"""(symbol, since ms) -> settlements from then on, oldest first."""


class FundingSource:
    """Implements `ports.ObservationSource`. A rate counts as known `KNOWN_AFTER_MS` after its settlement."""

    name = SOURCE
    is_market_wide = False
    every_ms = HOUR_MS
    after_ms = MINUTE_MS  # the exchange's history has it within the minute, and its time to be known is still to come

    def __init__(self, settled: Settled) -> None:
        self._settled = settled

    async def observations(self, symbol: str, since_ms: int) -> list[Observation]:
        """Settlements that were known from `since_ms` on."""
        rates = await self._settled(symbol, since_ms - KNOWN_AFTER_MS)
        return [Observation(SOURCE, symbol, one.ts_ms, one.ts_ms + KNOWN_AFTER_MS, one.rate) for one in rates]


def live(feed: MarketFeed, _settings: Settings) -> ObservationSource:
    """From the exchange."""
    return FundingSource(feed.funding)


def recorded(folder: Path) -> ObservationSource:
    """From `<SYMBOL>-funding_8h.parquet` beside recorded candles."""
    candles = RecordedCandles(folder)

    async def settled(symbol: str, since_ms: int) -> list[FundingRate]:
        return [one for one in candles.funding(symbol) if one.ts_ms >= since_ms]

    return FundingSource(settled)
