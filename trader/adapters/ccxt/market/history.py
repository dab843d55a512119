"""Candles over REST: paged, checked, and only those that are over."""

import math
from typing import Any

from trader.adapters.ccxt.transport.client import Client
from trader.domain.errors import Unavailable
from trader.domain.market import FundingRate, timeframe_ms
from trader.market.candles import Row, fault_of

_FUNDING_PAGE = 100


class History:
    """What the exchange's candle requests say. `grace_s`: real seconds after its end before a candle is believed."""

    def __init__(self, client: Client, *, grace_s: float) -> None:
        self._client = client
        self._grace_s = grace_s

    @property
    def grace_ms(self) -> int:
        """The grace time on the market's clock."""
        return round(self._grace_s * 1000 * self._client.time.speed)

    def over_ms(self, length_ms: int) -> int:
        """The newest grid time up to which candles are over, and long enough ago to be believed."""
        return (self._client.time.now_ms() - self.grace_ms) // length_ms * length_ms

    def oldest_ms(self, length_ms: int) -> int:
        """The grid time from which on the exchange still has candles; 0 when it keeps them all."""
        kept = self._client.facts.history_rows
        return 0 if kept is None else (self._client.time.now_ms() // length_ms - kept + 1) * length_ms

    async def rows(self, symbol: str, timeframe: str, since_ms: int, until_ms: int) -> list[Row]:
        """All rows the exchange has that open in [`since_ms`, `until_ms`), oldest first, without repetition.

        Raises `Unavailable`, also for an answer that cannot be candles and for times the exchange has forgotten.
        """
        length_ms = timeframe_ms(timeframe)
        if since_ms < self.oldest_ms(length_ms):
            kept = self._client.facts.history_rows
            raise Unavailable(f"{symbol}: candles from {since_ms} on are gone; the exchange keeps the last {kept}")
        rows: dict[int, Row] = {}
        newest_ms, cursor = 0, since_ms
        while cursor < until_ms:
            wanted = min(self._client.facts.candle_page, (until_ms - cursor) // length_ms + 1)
            answer = await self._client.read("fetch_ohlcv", symbol, timeframe, cursor, max(wanted, 2))
            page = [row for row in _rows(symbol, answer, length_ms) if row.open_ms >= cursor]
            rows.update((row.open_ms, row) for row in page if row.open_ms < until_ms)
            newest_ms = max([newest_ms, *(row.open_ms for row in page)])
            # an empty page: nothing traded in its span, or nothing at all from here on
            cursor = max((row.open_ms for row in page), default=cursor + (wanted - 1) * length_ms) + length_ms
        if newest_ms < until_ms and self._client.raw.has.get("fetchTime"):
            # no later candle proves that the last one is over, only our clock does: it may have jumped
            await self._client.measure_clock(samples=1)
        return [rows[open_ms] for open_ms in sorted(rows)]

    async def funding(self, symbol: str, since_ms: int) -> list[FundingRate]:
        """All settlements the exchange tells of from `since_ms` on, oldest first. Raises `Unavailable`."""
        found: list[FundingRate] = []
        while True:
            answer = await self._client.read("fetch_funding_rate_history", symbol, since_ms, _FUNDING_PAGE)
            page = sorted(
                (rate for rate in _fundings(symbol, answer) if rate.ts_ms >= since_ms), key=lambda rate: rate.ts_ms
            )
            if not page:
                return found
            found += page
            since_ms = page[-1].ts_ms + 1

    def settled_until(self, rows: list[Row], length_ms: int) -> int:
        """The grid time up to which `rows`, just fetched, tell everything: also which candles do not exist.

        A candle older than the newest row is absent for good. At the end, where no later row proves that,
        the exchange is given one more candle's length.
        """
        over = self.over_ms(length_ms)
        newest = max((row.open_ms + length_ms for row in rows if row.open_ms + length_ms <= over), default=0)
        return max(newest, over - length_ms)


def _fundings(symbol: str, answer: Any) -> list[FundingRate]:
    try:
        rates = [FundingRate(symbol, int(entry["timestamp"]), float(entry["fundingRate"])) for entry in answer]
    except (TypeError, ValueError, LookupError):
        raise Unavailable(f"{symbol}: funding rates {repr(answer)[:100]} cannot be read") from None
    if not all(math.isfinite(one.rate) for one in rates):
        raise Unavailable(f"{symbol}: a funding rate is not finite")
    return rates


def _rows(symbol: str, answer: Any, length_ms: int) -> list[Row]:
    if not isinstance(answer, list):
        raise Unavailable(f"{symbol}: candles are {repr(answer)[:100]}")
    rows = []
    for entry in answer:
        try:
            row = Row(int(entry[0]), *(float(value) for value in entry[1:6]))
        except (TypeError, ValueError, LookupError):
            raise Unavailable(f"{symbol}: candle row {repr(entry)[:100]} cannot be read") from None
        fault = fault_of(row, length_ms)
        if fault is not None:
            raise Unavailable(f"{symbol}: {fault}")
        rows.append(row)
    return rows
