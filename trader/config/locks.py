"""The block `locks`: when a symbol is left alone for a while after losses (what freqtrade calls protections)."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from trader.config.section import Section

Candles = Annotated[int, Field(ge=1, le=50_000)]
Count = Annotated[int, Field(ge=0, le=1_000)]


class LockScope(StrEnum):
    """What a guard locks."""

    SYMBOL = "symbol"
    ALL = "all"


class LocksSettings(Section):
    cooldown_candles: Annotated[int, Field(ge=0, le=50_000)] = 4
    """After a stop nothing is opened in its symbol for so many candles; 0: at once again."""
    stop_guard_stops: Count = 4
    """So many stops that lost, within `stop_guard_window_candles`, lock `stop_guard_scope`; 0: never."""
    stop_guard_window_candles: Candles = 96
    """The window they are counted in, candles."""
    stop_guard_lock_candles: Candles = 24
    """How long that lock lasts from the last of them, candles."""
    stop_guard_scope: LockScope = LockScope.ALL
    """`symbol`: the stops of one symbol are counted, and lock it. `all`: those of all symbols, and lock all."""
    loss_guard_trades: Count = 4
    """So many trades of a symbol, within `loss_guard_window_candles`, that together returned less than
    `loss_guard_return_frac` lock it; 0: never."""
    loss_guard_window_candles: Candles = 672
    """The window they are counted in, candles."""
    loss_guard_lock_candles: Candles = 96
    """How long that lock lasts from the last of them, candles."""
    loss_guard_return_frac: Annotated[float, Field(ge=-1, le=1)] = 0.0
    """Sum of their net returns below which a symbol is locked, fraction."""
