"""What is known beside candles, books and trades: funding, sentiment, on-chain counts. Two times each, ms UTC."""

from collections.abc import Iterable
from operator import attrgetter

import msgspec

WHOLE_MARKET = ""
"""The symbol of an observation that is about no single symbol."""


class Observation(msgspec.Struct, frozen=True):
    """One value of one source. A value published late or revised is another observation with its own `known_ms`."""

    source: str  # the name of the series, for example "funding"
    symbol: str  # or WHOLE_MARKET
    event_ms: int  # what time it speaks of
    known_ms: int  # from when on it may be used: nothing before has seen it
    value: float


def in_order(observations: Iterable[Observation]) -> list[Observation]:
    """Sorted by the time they were known."""
    return sorted(observations, key=attrgetter("known_ms"))
