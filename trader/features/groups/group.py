"""What a group of features says about itself: its columns, where it is there, and what it is made from."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import msgspec

from trader.config.schema import Settings
from trader.domain.candle_arrays import Floats, Times
from trader.domain.market import Book, Trade
from trader.domain.observation import Observation
from trader.features.columns import Feature

Event = Book | Trade | Observation
"""What a stream of features can be told beside candles."""


class GroupStream(Protocol):
    """The columns of one group for one symbol, live: told events, asked for a row at every close."""

    def learn(self, event: Event) -> None:
        """Take one event. Raises ValueError for one that cannot be, and then remembers nothing of it."""

    def row(self, close_ms: int) -> Floats:
        """The columns (width,) of the candle that closes then; NaN where there is nothing to say."""

    def mark(self) -> Any:
        """Where the stream stands, for `rewind`; good in this process only."""

    def rewind(self, mark: Any) -> None:
        """Back to where `mark` was taken."""

    def saved(self) -> bytes:
        """What `restore` goes on from after a restart."""

    def restore(self, saved: bytes, /) -> None:
        """Go on from `saved`."""


class Beside(msgspec.Struct, frozen=True):
    """Made from the market leader's candles, by the compiled step. Masked where the leader has no candle.

    The leader is the first symbol: with another one, these are other features.
    """


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Made from events beside the candles, by a `GroupStream` per symbol: from market events or from observations."""

    begin: Callable[[int], GroupStream]  # given the length of a candle, ms
    matrix: Callable[[Iterable[Event], Times, int], Floats]  # (events in order, open times, length) -> (n, width)
    hears: frozenset[type[Book] | type[Trade]] = frozenset()  # market events
    sources: tuple[str, ...] = ()  # observations: each the name of a file in adapters/observations
    lookback_ms: int = 0  # how long before the first candle observations are needed
    stale_ms: int | None = None  # how long an observation stands after it was known; part of the hash


class Among(msgspec.Struct, frozen=True, kw_only=True):
    """Made by comparing all symbols at one close. With other symbols, these are other features."""

    looked_at: tuple[str, ...]  # the base columns it is made from
    compare: Callable[[Floats], Floats]  # (closes, symbols, looked_at) -> (closes, symbols, width); NaN = not there


How = Beside | Told | Among


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the registry."""

    name: str
    columns: tuple[Feature, ...]
    how: How
    is_there: Callable[[Settings, tuple[str, ...]], bool]  # whether a market with these symbols has it
    about: str  # for the page: what it is made from, and when that counts as known
    compile_kernels: Callable[[], None] | None = None

    @property
    def width(self) -> int:
        """How many columns it has."""
        return len(self.columns)


def always(_settings: Settings, _symbols: tuple[str, ...]) -> bool:
    """Every market has it."""
    return True
