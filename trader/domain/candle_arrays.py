"""Candles as columns: what training, features and recordings exchange in bulk."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Times = NDArray[np.int64]


class CandleArrays(NamedTuple):
    """Closed candles of one symbol and timeframe, oldest first, each array of shape (n_candles,).

    Continuous on the timeframe's grid unless whoever made it says otherwise; a candle the exchange lacks is flat
    at the last close with zero volume.
    """

    open_ms: Times  # UTC
    open: Floats  # quote
    high: Floats
    low: Floats
    close: Floats
    volume: Floats  # base

    def take(self, rows: "slice | NDArray[np.int64]") -> "CandleArrays":
        """The same rows of every column: a view for a slice, a copy for positions."""
        return CandleArrays(
            self.open_ms[rows], self.open[rows], self.high[rows], self.low[rows], self.close[rows], self.volume[rows]
        )
