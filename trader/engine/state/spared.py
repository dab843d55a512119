"""What was counted last, and of what: it stands until that is another object, and only spares counting it again."""

from typing import NamedTuple

from trader.portfolio.commitments import Books, Standing
from trader.portfolio.holdings import Holdings


class Counted(NamedTuple):
    """What is held at the prices of a moment; `equity` is None where more than prices and holdings decide on it."""

    seen: tuple[object, ...]
    books: Books  # without what is under way
    standing: Standing
    equity: float | None


class Spared:
    """Of one engine; see `worth`. Forgetting it changes no decision."""

    __slots__ = ("counted", "held")

    def __init__(self) -> None:
        self.held: tuple[tuple[object, ...], Holdings] | None = None
        self.counted: Counted | None = None
