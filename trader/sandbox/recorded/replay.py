"""Recorded candles as a market: served exactly as recorded, with a price path and a book made up inside each.

A rising candle is traded open, low, high, close, a falling one open, high, low, close, in straight lines. What the
recording does not have (turnover in quote, number of trades, taker share) is estimated. Gaps stay gaps: no trade,
no candle, and a book that stands still.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from trader.domain.errors import Misconfigured
from trader.domain.market import timeframe_ms
from trader.sandbox.market.listing import Listing
from trader.sandbox.market.source import COLUMNS, STEPS_PER_CANDLE, CandlePlan, Floats
from trader.sandbox.recorded.candle_files import CandleRecording, read_recordings

_USUAL_CANDLES = 200  # how far back "usual" volatility looks


class ReplayedMarket:
    """`offset_candles` of `timeframe` are history before the first live candle."""

    def __init__(self, folder: Path, symbols: Sequence[str], timeframe: str, offset_candles: int) -> None:
        self.base_ms, self._recordings = read_recordings(folder, symbols, timeframe)
        first = max(int(recording.open_ms[0]) for recording in self._recordings.values())
        self._end_ms = max(int(recording.open_ms[-1]) for recording in self._recordings.values()) + self.base_ms
        self._start_ms = first + offset_candles * timeframe_ms(timeframe)
        if self._start_ms >= self._end_ms:
            has = (self._end_ms - first) // timeframe_ms(timeframe)
            raise Misconfigured(
                f"{folder} has {has} common candles of {timeframe}; {offset_candles} of history leave none to replay"
            )

    @property
    def listings(self) -> dict[str, Listing]:
        """By symbol, with the tick that the recording has."""
        return {symbol: recording.listing for symbol, recording in self._recordings.items()}

    @property
    def start_ms(self) -> int:
        return self._start_ms

    @property
    def end_ms(self) -> int | None:
        return self._end_ms

    def begin(self, now_ms: int) -> dict[str, Floats]:
        open_ms = now_ms // self.base_ms * self.base_ms
        return {
            symbol: candle_rows(recording, int(np.searchsorted(recording.open_ms, open_ms, "left")))
            for symbol, recording in self._recordings.items()
        }

    def plan(self, open_ms: int) -> dict[str, CandlePlan]:
        plans = {}
        for symbol, recording in self._recordings.items():
            index = int(np.searchsorted(recording.open_ms, open_ms, "left"))
            if index < len(recording.open_ms) and recording.open_ms[index] == open_ms:
                plans[symbol] = _plan(recording, index)
        return plans


def price_path(open_: int, high: int, low: int, close: int, points: int) -> list[int]:
    """Prices in ticks from open to close over both extremes, each of the four met exactly.

    Raises ValueError for fewer than four points.
    """
    if points < len(("open", "extreme", "extreme", "close")):
        raise ValueError(f"{points} points cannot show open, high, low and close")
    corners = [open_, low, high, close] if close >= open_ else [open_, high, low, close]
    lengths = [abs(b - a) for a, b in pairwise(corners)]
    spare, total = points - 1 - len(lengths), sum(lengths)
    shares = [spare * length // total if total else 0 for length in lengths]
    shares[lengths.index(max(lengths))] += spare - sum(shares)
    path = [open_]
    for (start, end), share in zip(pairwise(corners), shares, strict=True):
        path += [start + (end - start) * step // (share + 1) for step in range(1, share + 1)] + [end]
    return path


def spread_volume(total: int, path: Sequence[int], corners: Sequence[int]) -> list[int]:
    """`total` quantity steps over the path's trades; with too few for all, the prices in `corners` come first."""
    count = len(path)
    if total >= count:
        each, rest = divmod(total, count)
        return [each + (number < rest) for number in range(count)]
    first = sorted(range(count), key=lambda number: (path[number] not in corners, number))
    chosen = set(first[:total])
    return [int(number in chosen) for number in range(count)]


def _plan(recording: CandleRecording, index: int) -> CandlePlan:
    instrument = recording.listing.instrument
    open_, high, low, close, volume = recording.values[index].tolist()
    tick = float(instrument.price_tick)
    corners = (round(open_ / tick), round(high / tick), round(low / tick), round(close / tick))
    path = price_path(*corners, points=STEPS_PER_CANDLE)
    quantities = spread_volume(round(volume / float(instrument.quantity_step)), path, corners)
    return CandlePlan(
        open_ms=int(recording.open_ms[index]),
        price_ticks=tuple(path),
        quantity_steps=tuple(quantities),
        buyer_is_taker=(close >= open_, *(b > a or (b == a and n % 2 == 0) for n, (a, b) in enumerate(pairwise(path)))),
        volatility=_volatility(recording, index),
        row=tuple(candle_rows(recording, index + 1, index)[0].tolist()),
    )


def _volatility(recording: CandleRecording, index: int) -> float:
    """The candle's range against the mean range of those before it, within 0.3 to 5."""
    past = recording.values[max(0, index - _USUAL_CANDLES) : index + 1]
    ranges = (past[:, 1] - past[:, 2]) / past[:, 3]
    usual = float(ranges.mean())
    return min(5.0, max(0.3, float(ranges[-1]) / usual)) if usual else 1.0


def candle_rows(recording: CandleRecording, end: int, start: int = 0) -> Floats:
    values = recording.values[start:end]
    volume = values[:, 4]
    rows = np.empty((len(values), len(COLUMNS)))
    rows[:, 0] = recording.open_ms[start:end]
    rows[:, 1:6] = values
    rows[:, 6] = np.round(volume * values[:, :4].mean(axis=1), 8)
    rows[:, 7] = np.where(volume > 0, STEPS_PER_CANDLE, 0)
    rows[:, 8] = np.round(volume / 2, 8)
    rows[:, 9] = np.round(rows[:, 6] / 2, 8)
    return rows
