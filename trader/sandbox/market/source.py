"""What a market is made of: the seam between where prices come from and the exchange that serves them."""

from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

STEPS_PER_CANDLE = 30  # one public trade each
COLUMNS = (
    "open_ms", "open", "high", "low", "close", "volume", "quote_volume", "trades", "taker_base", "taker_quote",
)  # fmt: skip


class CandlePlan(msgspec.Struct, frozen=True):
    """How one base candle of one symbol comes about: its trades in order, evenly spaced, one a step."""

    open_ms: int
    price_ticks: tuple[int, ...]
    quantity_steps: tuple[int, ...]
    buyer_is_taker: tuple[bool, ...]
    volatility: float  # of this candle / usual; 1.0 = usual. Spread and depth follow it
    row: tuple[float, ...]  # the finished candle, in the order of COLUMNS


class MarketSource(Protocol):
    """Candles of the past and plans of the future, on one grid of base candles for all symbols."""

    @property
    def base_ms(self) -> int:
        """Length of a base candle."""

    @property
    def start_ms(self) -> int:
        """Open of the first candle that is traded live (a fresh exchange begins here)."""

    def begin(self, now_ms: int) -> dict[str, Floats]:
        """Every closed candle before the one that contains `now_ms`, (n_candles, len(COLUMNS)) by symbol.

        Afterwards `plan` continues with that candle.
        """

    def plan(self, open_ms: int) -> dict[str, CandlePlan]:
        """The plans of the candle that opens at `open_ms`, one after the other; a symbol without one is absent."""

    @property
    def end_ms(self) -> int | None:
        """When the market ends: close of the last candle, or None for one without end."""
