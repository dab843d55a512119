"""Whether market data can be trusted: book faults, and the state of a symbol from the states of its streams."""

import math
from collections.abc import Iterable
from enum import StrEnum

from trader.domain.events import StreamState
from trader.domain.market import Levels


def book_fault(bids: Levels, asks: Levels) -> str | None:
    """Why these levels (best first) cannot be the top of a book, or None."""
    if not bids or not asks:
        return "bids are empty" if not bids else "asks are empty"
    if bids[0][0] >= asks[0][0]:
        return f"crossed: bid {bids[0][0]} >= ask {asks[0][0]}"
    for levels, falling in ((bids, True), (asks, False)):
        last = math.inf if falling else 0.0
        for price, quantity in levels:
            if not (price < last if falling else price > last):
                return f"levels out of order at {price}"
            if not (price > 0 and 0 < quantity < math.inf):
                return f"level ({price}, {quantity}) is out of range"
            last = price
        if not math.isfinite(last):
            return f"level price {last} is not finite"
    return None


def strays(bids: Levels, asks: Levels, trade_price: float, limit_frac: float) -> bool:
    """Whether a trade price lies further than `limit_frac` of itself outside the spread of a book."""
    allowed = trade_price * limit_frac
    return trade_price > asks[0][0] + allowed or trade_price < bids[0][0] - allowed


class Part(StrEnum):
    """What of a symbol's market data is watched on its own."""

    BOOKS = "books"
    TRADES = "trades"
    TICKING = "klines"  # the stream of candles that still change
    CLOSED = "candles"  # closed candles, without a hole
    LISTING = "listing"  # the exchange still lists it


_WORST_FIRST = (StreamState.GAP, StreamState.STALE)


class SymbolHealth:
    """The state of one symbol: as bad as the worst of its parts, LIVE once all of them are."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self._states: dict[Part, tuple[StreamState, str] | None] = dict.fromkeys(parts)
        self._told: StreamState | None = None

    def state_of(self, part: Part) -> StreamState | None:
        """The state of one part; None until it delivered or failed for the first time."""
        entry = self._states[part]
        return entry[0] if entry is not None else None

    def set(self, part: Part, state: StreamState, reason: str) -> tuple[StreamState, str] | None:
        """Note the state of one part; returns the symbol's new state and its reason if that changed."""
        said = self._states[part] = (state, f"{part}: {reason}")
        now = self._worst() or (said if all(self._states.values()) else None)
        if now is None or now[0] is self._told:
            return None
        self._told = now[0]
        return now

    def _worst(self) -> tuple[StreamState, str] | None:
        """The worst state that is not LIVE."""
        for state in _WORST_FIRST:
            for entry in self._states.values():
                if entry is not None and entry[0] is state:
                    return entry
        return None
