"""The last candles and the series that several families derive from them."""

from math import log

import numpy as np

from trader.features.compiled import Record, kernel
from trader.features.windows import LENGTH, SERIES, put

HISTORY = np.dtype(
    [
        ("count", np.int64),  # candles seen, filled gaps included
        ("end", np.int64),  # where the newest window of every series ends
        ("open_ms", np.int64),  # of the newest candle
        ("open", *SERIES),
        ("high", *SERIES),
        ("low", *SERIES),
        ("close", *SERIES),
        ("volume", *SERIES),
        ("log_return", *SERIES),  # ln(close / previous close)
        ("true_range", *SERIES),  # max(high, previous close) - min(low, previous close)
        ("typical", *SERIES),  # (high + low + close) / 3
    ]
)


@kernel
def remember(history: Record, open_ms: int, open_: float, high: float, low: float, close: float, volume: float) -> None:
    """Append one closed candle."""
    previous = open_
    if history.count > 0:
        previous = history.close[history.end - 1]
    slot = history.count % LENGTH
    end = slot + LENGTH + 1
    history.end = end
    history.count += 1
    history.open_ms = open_ms
    put(history.open, end, open_)
    put(history.high, end, high)
    put(history.low, end, low)
    put(history.close, end, close)
    put(history.volume, end, volume)
    put(history.log_return, end, log(close / previous))
    put(history.true_range, end, max(high, previous) - min(low, previous))
    # the same as (high + low + close) / 3, but exactly the close of a flat candle
    put(history.typical, end, close + ((high - close) - (close - low)) / 3.0)
