"""What a strategy may say about one symbol at one candle close. The engine decides what comes of it."""

import msgspec

from trader.domain.orders import Side
from trader.domain.reasons import Reason


class Enter(msgspec.Struct, frozen=True, kw_only=True):
    """Open a position on `side`.

    Distances are fractions of the price. Whether and how much is opened is for the gate, the caps and the review to
    say; without `target_frac` or `until_ms` there is no such exit.
    """

    side: Side
    reasons: tuple[Reason, ...] = ()
    edge_frac: float | None = None  # expected return before costs; it must pay for them. None: not estimated
    stop_frac: float
    target_frac: float | None = None
    until_ms: int | None = None  # when it is over
    size_multiplier: float = 1.0  # of what the sizing rule gives


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what is held."""

    reasons: tuple[Reason, ...] = ()
    edge_frac: float = 0.0
    until_ms: int | None = None  # hold it until then at least


class Leave(msgspec.Struct, frozen=True, kw_only=True):
    """Close the position."""

    reasons: tuple[Reason, ...]
    edge_frac: float = 0.0


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """Do nothing."""

    reasons: tuple[Reason, ...]
    edge_frac: float = 0.0


Proposal = Enter | Keep | Leave | Pass
