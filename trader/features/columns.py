"""What a feature column is, and the record layout that kernels write columns into."""

from collections.abc import Iterable
from math import inf

import msgspec
import numpy as np

ELEMENTARY = "elementary"
"""The source of columns that nobody had to invent: returns, shares, means, the calendar."""


class Feature(msgspec.Struct, frozen=True):
    """One column: how it is made, how far it looks back, what values it takes and who uses it."""

    name: str
    family: str
    formula: str
    lookback: int  # candles until it is defined; recursive ones settle within the declared warm-up
    unit: str
    range: tuple[float, float]  # inclusive; infinite = unbounded by definition
    is_input: bool  # False: published for people and rules, never seen by a model
    source: str  # who defined it; ELEMENTARY where the formula says all there is
    group: str = ""  # the optional group it belongs to; "" = always there


class Family:
    """Collects the columns of one family in the order its kernel's record has them."""

    def __init__(self, name: str, source: str = ELEMENTARY, group: str = "") -> None:
        self.name = name
        self.source = source
        self.group = group
        self.features: list[Feature] = []

    def model_input(
        self,
        name: str,
        formula: str,
        lookback: int,
        unit: str = "fraction",
        low: float = -inf,
        high: float = inf,
        source: str = "",
    ) -> None:
        """A column without price or volume scale; a model sees it."""
        self._add(name, formula, lookback, unit, (low, high), True, source)

    def published(
        self,
        name: str,
        formula: str,
        lookback: int,
        unit: str = "quote",
        low: float = -inf,
        high: float = inf,
        source: str = "",
    ) -> None:
        """A column for people and rules; a model never sees it."""
        self._add(name, formula, lookback, unit, (low, high), False, source)

    def _add(
        self,
        name: str,
        formula: str,
        lookback: int,
        unit: str,
        limits: tuple[float, float],
        is_input: bool,
        source: str,
    ) -> None:
        source = source or self.source
        self.features.append(Feature(name, self.name, formula, lookback, unit, limits, is_input, source, self.group))

    @property
    def row(self) -> np.dtype[np.void]:
        """The record the kernel writes: one float64 per column, in order."""
        return row_dtype(feature.name for feature in self.features)


def row_dtype(names: Iterable[str]) -> np.dtype[np.void]:
    """A record of float64 fields."""
    return np.dtype([(name, np.float64) for name in names])
