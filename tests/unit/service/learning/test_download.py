"""History into the store: resumed, verified, gaps told."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from trader.adapters.parquet.candles import ParquetCandleStore
from trader.clock import SimulatedClock
from trader.domain.errors import Misconfigured, Unavailable
from trader.domain.instrument import Instrument
from trader.domain.market import Candle, FundingRate
from trader.ports import MarketSink
from trader.service.learning.download import PAGE, DownloadRequest, Span, download_span, span_of, verify

MINUTE = 60_000
SYMBOL = "BTC/USDT"


class Archive:
    """A feed with one minute of history after another, less what it never had or `fails_at`."""

    def __init__(self, span: Span, absent: frozenset[int] = frozenset(), fails_at: int | None = None) -> None:
        self.span, self.absent, self.fails_at = span, absent, fails_at
        self.asked: list[tuple[int, int]] = []

    async def candles(self, symbol: str, timeframe: str, since_ms: int, limit: int) -> list[Candle]:
        self.asked.append((since_ms, limit))
        if self.fails_at is not None and since_ms >= self.fails_at:
            raise Unavailable("gone")
        times = range(max(since_ms, self.span.since_ms), min(since_ms + limit * MINUTE, self.span.until_ms), MINUTE)
        return [self._candle(symbol, at) for at in times]

    def _candle(self, symbol: str, at: int) -> Candle:
        is_gap = at in self.absent
        return Candle(symbol, at, at + MINUTE, 10.0, 10.0, 10.0, 10.0, 0.0 if is_gap else 1.0, is_gap)

    async def funding(self, symbol: str, since_ms: int) -> list[FundingRate]:
        return []

    async def instruments(self) -> Mapping[str, Instrument]:
        return {}

    async def run(self, sink: MarketSink) -> None:
        raise AssertionError("a download does not stream")

    async def close(self) -> None:
        """Holds nothing."""


def quiet(symbol: str, done: int, wanted: int) -> None:
    assert 0 <= done <= wanted


async def test_a_span_is_fetched_once_and_verified(tmp_path: Path) -> None:
    store, span = ParquetCandleStore(tmp_path), Span(0, 2_500 * MINUTE)
    archive = Archive(span, absent=frozenset({5 * MINUTE}))
    first = await download_span(archive, store, SYMBOL, "1m", span, quiet)
    assert (first.stored, first.wanted, first.fetched, first.absent, first.holes) == (2_500, 2_500, 2_500, 1, ())
    assert first.is_complete
    assert [limit for _, limit in archive.asked] == [PAGE, PAGE, 500]
    again = await download_span(archive, store, SYMBOL, "1m", span, quiet)
    assert (again.stored, again.fetched) == (2_500, 0)
    assert len(archive.asked) == 3


async def test_what_came_before_a_failure_is_kept_and_the_next_call_goes_on(tmp_path: Path) -> None:
    store, span = ParquetCandleStore(tmp_path), Span(0, 2_000 * MINUTE)
    with pytest.raises(Unavailable):
        await download_span(Archive(span, fails_at=1_000 * MINUTE), store, SYMBOL, "1m", span, quiet)
    assert verify(store, SYMBOL, "1m", span).holes == (Span(1_000 * MINUTE, 2_000 * MINUTE),)
    archive = Archive(span)
    assert (await download_span(archive, store, SYMBOL, "1m", span, quiet)).is_complete
    assert archive.asked == [(1_000 * MINUTE, PAGE)]


async def test_a_hole_in_the_middle_is_filled_alone(tmp_path: Path) -> None:
    store, span = ParquetCandleStore(tmp_path), Span(0, 300 * MINUTE)
    archive = Archive(span)
    store.write(
        "1m", await archive.candles(SYMBOL, "1m", 0, 100) + await archive.candles(SYMBOL, "1m", 150 * MINUTE, 150)
    )
    archive.asked.clear()
    done = await download_span(archive, store, SYMBOL, "1m", span, quiet)
    assert (done.fetched, done.is_complete) == (50, True)
    assert archive.asked == [(100 * MINUTE, 50)]


async def test_what_the_exchange_does_not_have_is_reported_and_what_follows_is_fetched(tmp_path: Path) -> None:
    store, span = ParquetCandleStore(tmp_path), Span(0, 3_000 * MINUTE)
    listed = Archive(Span(2_200 * MINUTE, 3_000 * MINUTE))
    done = await download_span(listed, store, SYMBOL, "1m", span, quiet)
    assert (done.stored, done.holes, done.first_ms) == (800, (Span(0, 2_200 * MINUTE),), 2_200 * MINUTE)
    assert not done.is_complete


def test_spans_lie_on_the_grid_and_end_with_what_is_final() -> None:
    clock = SimulatedClock(1_000 * MINUTE + 30_000)
    back = span_of(DownloadRequest(None, None, -100 * MINUTE, None), "5m", clock, 2_000)
    assert back == Span(905 * MINUTE, 995 * MINUTE)
    assert span_of(DownloadRequest(None, None, 7 * MINUTE, 5_000 * MINUTE), "5m", clock, 2_000) == Span(
        10 * MINUTE, 995 * MINUTE
    )
    assert span_of(DownloadRequest(None, None, 0, 60 * MINUTE), "1m", clock, 2_000) == Span(0, 60 * MINUTE)
    with pytest.raises(Misconfigured, match=r"no 1m candle between --since 1970-01-01T01:00 and --until"):
        span_of(DownloadRequest(None, None, 60 * MINUTE, 30 * MINUTE), "1m", clock, 2_000)
