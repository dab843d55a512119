"""What the account is committed to: held, being bought, and what orders without evidence may have bought."""

from collections.abc import Mapping

import msgspec

from trader.domain.reasons import Code


class Commitment(msgspec.Struct, frozen=True):
    """What one symbol takes of the account, in quote at the prices of now."""

    notional: float  # |value held| + value that entries under way may still add
    risk: float  # of it, what is lost from now on if the stop is hit; all of it where there is none
    net: float  # signed value, entries under way included


NOTHING = Commitment(0.0, 0.0, 0.0)


class Commitments(msgspec.Struct, frozen=True):
    """The whole account at one moment, in quote. Sizing, correlation, review and status read this and nothing else.

    The hedge stands apart: it takes margin, but it is no exposure that a cap counts.
    """

    equity: float  # marked to market, unknown orders at their worst
    free: float  # quote currency that nothing held or under way needs; of a margined account the margin that is free
    by_symbol: Mapping[str, Commitment]  # without the hedge
    hedge: Commitment = NOTHING

    @property
    def notional(self) -> float:
        """Gross exposure."""
        return sum(each.notional for each in self.by_symbol.values())

    @property
    def risk(self) -> float:
        """What is lost if every stop is hit."""
        return sum(each.risk for each in self.by_symbol.values())

    def of(self, symbol: str) -> Commitment:
        """What `symbol` takes; nothing where nothing is held or under way."""
        return self.by_symbol.get(symbol, NOTHING)


class Room(msgspec.Struct, frozen=True):
    """What one cap leaves to a new position: `used` + `weight` x its notional may be at most `most` (quote)."""

    code: Code
    used: float
    most: float
    weight: float = 1.0

    def asked(self, notional: float) -> float:
        """What is used if `notional` is opened too."""
        return self.used + self.weight * notional

    def fits(self, notional: float) -> bool:
        """Whether `notional` may be opened; a value that is not a number never."""
        return self.asked(notional) <= self.most * (1 + _ROUNDING)

    @property
    def left(self) -> float:
        """The largest notional that fits, >= 0."""
        left = (self.most - self.used) / self.weight
        return left if left > 0 else 0.0


_ROUNDING = 1e-9  # a size cut to exactly what is left is no breach
