"""What a person has said of one symbol while the daemon runs."""

from enum import StrEnum

import msgspec


class Stance(StrEnum):
    """What may be done in a symbol, mildest first."""

    TRADE = "trade"
    REDUCE_ONLY = "reduce-only"  # nothing is opened; what is held ends by its exits
    CLOSE = "close"  # what is held is closed once, then as reduce-only
    BAN = "ban"  # as close, and what is held at any later close of a candle is closed too

    @property
    def opens(self) -> bool:
        """Whether positions may be opened."""
        return self is Stance.TRADE


class OverrideAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person asks for. It only ever tightens what holds already, but for `clear`, which comes first."""

    symbol: str
    factor: float | None = None  # share of the usual size, 0..1
    stance: Stance | None = None
    clear: bool = False  # forget what was said before
    unlock: bool = False  # forget the trades that locks come from

    def __post_init__(self) -> None:
        if self.factor is not None and not 0 <= self.factor <= 1:
            raise ValueError(f"factor {self.factor}; allowed: 0 to 1")
        if self.factor is None and self.stance is None and not self.clear and not self.unlock:
            raise ValueError("nothing is asked for; allowed: factor, stance, clear, unlock")


class Override(msgspec.Struct, frozen=True):
    """What holds for a symbol: the most restrictive of everything that was said since the last `clear`."""

    factor: float = 1.0
    stance: Stance = Stance.TRADE
    by: str = ""  # who said it last
    since_ms: int = 0
    unlocked_ms: int = 0  # trades closed until then lock nothing

    @property
    def is_empty(self) -> bool:
        """Nothing is said."""
        return self.factor == 1.0 and self.stance.opens and not self.unlocked_ms

    @property
    def words(self) -> str:
        """As a person reads it; empty where size and stance are as usual."""
        if self.stance.opens:
            return "" if self.factor == 1.0 else f"size x {self.factor:g}"
        return self.stance.value

    def after(self, asked: OverrideAsked, by: str, now_ms: int) -> "Override":
        """With what is asked added: the smaller factor and the stricter stance."""
        before = Override(unlocked_ms=self.unlocked_ms) if asked.clear else self
        stances = list(Stance)
        stance = max(before.stance, asked.stance or Stance.TRADE, key=stances.index)
        factor = before.factor if asked.factor is None else min(before.factor, asked.factor)
        return Override(factor, stance, by, now_ms, now_ms if asked.unlock else before.unlocked_ms)


AS_USUAL = Override()
