"""Recorded mark prices and the funding rates that came with them."""

from decimal import Decimal

import numpy as np

from trader.domain.instrument import exact
from trader.sandbox.market.listing import MAX_DECIMALS
from trader.sandbox.market.premium import Premium
from trader.sandbox.recorded.book_files import Marks


class RecordedPricing:
    """`otherwise` knows the funding of times that were not recorded."""

    def __init__(self, marks: Marks, otherwise: Premium) -> None:
        self._marks = marks
        self._otherwise = otherwise
        # what was told last before a settlement is what was settled
        rates = zip(marks.next_funding_ms.tolist(), marks.rate.tolist(), strict=True)
        self._settled = {due_ms: _rate(rate) for due_ms, rate in rates}

    def mark_and_index(self, last_price: float, now_ms: int) -> tuple[float, float]:
        index = self._at(now_ms)
        if index < 0:
            return last_price, last_price
        return float(self._marks.mark[index]), float(self._marks.index[index])

    def rate(self, due_ms: int) -> Decimal:
        settled = self._settled.get(due_ms)
        return self._otherwise.rate(due_ms) if settled is None else settled

    def running_rate(self, now_ms: int) -> Decimal:
        index = self._at(now_ms)
        return self._otherwise.running_rate(now_ms) if index < 0 else _rate(float(self._marks.rate[index]))

    def _at(self, now_ms: int) -> int:
        return int(np.searchsorted(self._marks.time_ms, now_ms, "right")) - 1


def _rate(rate: float) -> Decimal:
    return exact(round(rate, MAX_DECIMALS))
