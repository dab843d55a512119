"""ccxt's caches with a listener: every row ccxt stores is told at once.

ccxt hands updates out only to whoever waits at that moment, coalesces them and forgets what overflows. What it
appends to its caches is complete, on every exchange.
"""

from collections.abc import Callable
from typing import Any

from ccxt.async_support.base.ws.cache import ArrayCache, ArrayCacheBySymbolById, ArrayCacheByTimestamp

Listener = Callable[[Any], None]

_KEPT = 50  # rows; ccxt's own code only ever looks at the newest
_KEPT_ORDERS = 1000


class TradeTap(ArrayCache):  # type: ignore[misc]  # ccxt ships no types
    """Public trades of one symbol, as ccxt trade dicts."""

    def __init__(self, listener: Listener) -> None:
        super().__init__(_KEPT)
        self._listener = listener

    def append(self, item: Any) -> None:
        super().append(item)
        self._listener(item)


class CandleTap(ArrayCacheByTimestamp):  # type: ignore[misc]  # ccxt ships no types
    """Candle rows of one symbol and timeframe: [open_ms, open, high, low, close, volume]."""

    def __init__(self, listener: Listener) -> None:
        super().__init__(_KEPT)
        self._listener = listener

    def append(self, item: Any) -> None:
        super().append(item)
        self._listener(item)


class AccountTap(ArrayCacheBySymbolById):  # type: ignore[misc]  # ccxt ships no types
    """Own orders or own trades, as ccxt dicts: each update, not only the last one of an order."""

    def __init__(self, listener: Listener) -> None:
        super().__init__(_KEPT_ORDERS)
        self._listener = listener

    def append(self, item: Any) -> None:
        super().append(item)
        self._listener(item)
