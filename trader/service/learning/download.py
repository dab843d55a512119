"""`trader download`: candles of any span into the candle store, resumed where it stopped and verified at the end."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from trader.adapters.ccxt.connect import connect
from trader.adapters.parquet.candles import ParquetCandleStore
from trader.domain.candle_arrays import CandleArrays
from trader.domain.errors import Misconfigured
from trader.domain.market import Candle, timeframe_ms
from trader.ports import Clock, MarketFeed
from trader.service.process.access import MarketAccess
from trader.service.process.lock import StateLock

PAGE = 1_000
_KEPT_PAGES = 10  # a write rewrites the symbol's file, so not every page is one

Tell = Callable[[str, int, int], None]
"""(symbol, candles there, candles asked for)"""


class Span(NamedTuple):
    """Open times in [since_ms, until_ms), on the grid."""

    since_ms: int
    until_ms: int


class DownloadRequest(NamedTuple):
    """What was asked for. None: as configured, or up to now. Times are ms UTC; negative ones count back from now."""

    symbols: tuple[str, ...] | None
    timeframe: str | None
    since_ms: int
    until_ms: int | None


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of one symbol in the span that was asked for."""

    symbol: str
    timeframe: str
    wanted: int
    stored: int
    absent: int  # of the stored: candles the exchange has none for, kept flat and marked
    fetched: int  # by this call
    first_ms: int | None
    last_ms: int | None
    holes: tuple[Span, ...]  # not in the store at all

    @property
    def is_complete(self) -> bool:
        return not self.holes


async def download_into(root: Path, access: MarketAccess, wanted: DownloadRequest, tell: Tell) -> list[Verified]:
    """Every symbol into the store at `root`, one after the other, then verified.

    The exchange is used as configured; `wanted` chooses only among what it lists. Raises `Misconfigured` for a
    symbol or timeframe that does not exist, `Unavailable` when the exchange stops answering (what came is kept).
    """
    market, exchange = access.settings.market, access.settings.exchange
    timeframe, symbols = wanted.timeframe or market.timeframe, wanted.symbols or exchange.symbols
    grace_ms = market.close_grace_s * 1_000 * access.clock.speed
    span = span_of(wanted, timeframe, access.clock, grace_ms)
    chosen = exchange.model_copy(update={"symbols": symbols})
    with StateLock(root):
        connection = await connect(chosen, market, access.clock)
        try:
            store = ParquetCandleStore(root)
            return [await download_span(connection.feed, store, symbol, timeframe, span, tell) for symbol in symbols]
        finally:
            await connection.close()


def span_of(wanted: DownloadRequest, timeframe: str, clock: Clock, grace_ms: float) -> Span:
    """The candles from `since` to `until` that are over, and old enough that the exchange's word on them is final."""
    step_ms, now_ms = timeframe_ms(timeframe), clock.now_ms()
    final_ms = int(now_ms - grace_ms) // step_ms * step_ms - step_ms
    since_ms, until_ms = (
        moment_ms + now_ms if moment_ms < 0 else moment_ms
        for moment_ms in (wanted.since_ms, final_ms if wanted.until_ms is None else wanted.until_ms)
    )
    span = Span(-(-since_ms // step_ms) * step_ms, min(until_ms // step_ms * step_ms, final_ms))
    if span.until_ms <= span.since_ms:
        raise Misconfigured(
            f"no {timeframe} candle between --since {_day(since_ms)} and --until {_day(until_ms)} is over"
        )
    return span


def _day(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1_000, UTC):%Y-%m-%dT%H:%M}"


async def download_span(
    feed: MarketFeed, store: ParquetCandleStore, symbol: str, timeframe: str, span: Span, tell: Tell
) -> Verified:
    """Fetch what the store lacks of `span`, oldest first; what has arrived is kept whatever ends the call."""
    step_ms = timeframe_ms(timeframe)
    wanted = (span.until_ms - span.since_ms) // step_ms
    lacking = _missing(store, symbol, timeframe, span)
    there = wanted - sum((hole.until_ms - hole.since_ms) // step_ms for hole in lacking)
    tell(symbol, there, wanted)
    fetched = 0
    for hole in lacking:
        cursor_ms = hole.since_ms
        kept: list[Candle] = []
        try:
            while cursor_ms < hole.until_ms:
                limit = min(PAGE, (hole.until_ms - cursor_ms) // step_ms)
                page = await feed.candles(symbol, timeframe, cursor_ms, limit)
                kept += page
                fetched += len(page)
                # nothing in this piece: before the first trade, or after the last; what follows may exist
                cursor_ms = page[-1].close_ms if page else cursor_ms + limit * step_ms
                tell(symbol, min(wanted, there + fetched), wanted)
                if len(kept) >= PAGE * _KEPT_PAGES:
                    store.write(timeframe, kept)
                    kept = []
        finally:
            store.write(timeframe, kept)
    return verify(store, symbol, timeframe, span, fetched=fetched)


def verify(store: ParquetCandleStore, symbol: str, timeframe: str, span: Span, *, fetched: int = 0) -> Verified:
    """Read the file again: its checks (grid, order, possible prices) raise `Misconfigured`; holes are reported."""
    candles = store.read(symbol, timeframe, *span)
    return Verified(
        symbol=symbol,
        timeframe=timeframe,
        wanted=(span.until_ms - span.since_ms) // timeframe_ms(timeframe),
        stored=len(candles),
        absent=sum(candle.is_gap for candle in candles),
        fetched=fetched,
        first_ms=candles[0].open_ms if candles else None,
        last_ms=candles[-1].open_ms if candles else None,
        holes=tuple(_missing(store, symbol, timeframe, span)),
    )


def _missing(store: ParquetCandleStore, symbol: str, timeframe: str, span: Span) -> list[Span]:
    """The pieces of `span` that the store does not have."""
    return holes(store.read_arrays(symbol, timeframe), span, timeframe_ms(timeframe))


def holes(stored: CandleArrays, span: Span, step_ms: int) -> list[Span]:
    """Runs of grid times in `span` at which nothing is stored, oldest first."""
    inside = stored.open_ms[(stored.open_ms >= span.since_ms) & (stored.open_ms < span.until_ms)]
    edges = np.concatenate(([span.since_ms - step_ms], inside, [max(span.since_ms, span.until_ms)]))
    at = np.flatnonzero(np.diff(edges) > step_ms)
    return [Span(int(edges[i]) + step_ms, int(edges[i + 1])) for i in at]
