"""The trades of a perpetual, made from those of its spot pair: the same moves at a premium, in other sizes."""

import numpy as np

from trader.sandbox.generated.generator import SymbolPath
from trader.sandbox.market.listing import Listing
from trader.sandbox.market.premium import Premium
from trader.sandbox.market.source import STEPS_PER_CANDLE, Ints


class PerpetualPath:
    """A pure function of the spot pair's path: nothing of it needs to be stored."""

    def __init__(self, spot: Listing, perpetual: Listing, premium: Premium, base_ms: int) -> None:
        self._premium = premium
        self._step_ms = base_ms // STEPS_PER_CANDLE
        self._ticks = float(spot.instrument.price_tick / perpetual.instrument.price_tick)
        more = perpetual.volume_quote_per_minute / spot.volume_quote_per_minute
        self._steps = float(spot.instrument.quantity_step / perpetual.instrument.quantity_step) * more

    def along(self, path: SymbolPath, open_ms: Ints) -> SymbolPath:
        """The candles opening at `open_ms` (m,), one trade for each trade of `path`."""
        m, count = path.price_ticks.shape
        moments = open_ms[:, None] + np.arange(count, dtype=np.int64) * self._step_ms + self._step_ms // 2
        premium = self._premium.at(moments.ravel()).reshape(m, count)
        ticks = np.maximum(1.0, np.rint(path.price_ticks * self._ticks * (1.0 + premium))).astype(np.int64)
        steps = np.maximum(1.0, np.rint(path.quantity_steps * self._steps)).astype(np.int64)
        return SymbolPath(ticks, steps, self._takers(ticks, path), path.volatility)

    @staticmethod
    def _takers(ticks: Ints, path: SymbolPath) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
        """A buyer where the price rose, a seller where it fell, whoever it was on the spot market where it stood."""
        moved = np.diff(ticks, axis=1, prepend=ticks[:, :1])
        return np.where(moved == 0, path.buyer_is_taker, moved > 0)
