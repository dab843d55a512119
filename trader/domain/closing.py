"""Why a position is closed, in whole or in part."""

from enum import StrEnum


class CloseReason(StrEnum):
    """The values are what the ledger keeps and people read."""

    # the plan's own exits
    STOP = "stop"
    BREAK_EVEN = "break_even"
    TRAILING_STOP = "trailing_stop"
    TAKE_PROFIT = "take_profit"
    PARTIAL = "partial"
    HORIZON = "horizon"
    TIME = "time"

    FUNDING = "funding"  # more of it was due than the edge left
    HEDGE = "hedge"  # a hedge that was not needed any more
    SIGNAL_TURNED = "signal turned"  # the strategy left it
    STOP_IMPOSSIBLE = "stop could not be placed"
    UNPLANNED = "no plan for it"
    FLATTEN = "flatten"
    KILL = "kill"

    # only told of a closed trade
    EXIT = "exit"  # by an exit whose reason is not known any more
    ENTRY = "entry"  # by an entry on the other side
    DUST = "dust"  # what was left is too small to be sold
    BY_HAND = "by hand"
    LIQUIDATION = "liquidation"

    @property
    def is_stop(self) -> bool:
        """Whether a stop ended it, wherever the stop was then."""
        return self in _STOPS

    @property
    def is_urgent(self) -> bool:
        """Whether the plan's exit goes to market at once; the others may wait for the book to refill."""
        return self in _URGENT


_STOPS = frozenset({CloseReason.STOP, CloseReason.BREAK_EVEN, CloseReason.TRAILING_STOP, CloseReason.LIQUIDATION})
_URGENT = frozenset({CloseReason.STOP, CloseReason.BREAK_EVEN, CloseReason.TRAILING_STOP})
