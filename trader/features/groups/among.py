"""Columns made among all symbols, at one close or over whole histories."""

from collections.abc import Iterable, Sequence

import numpy as np

from trader.domain.candle_arrays import Floats, Times
from trader.features.groups.group import Among
from trader.features.groups.registry import made


class Comparison:
    """What the groups of `names` that are made among all symbols say together; `width` columns, 0 without any."""

    def __init__(self, names: Iterable[str]) -> None:
        groups = made(Among, names)
        self.width = sum(group.width for group, _ in groups)
        self.looked_at = tuple(dict.fromkeys(name for _, how in groups for name in how.looked_at))
        """The base columns they are made from, each once."""
        self._parts = [([self.looked_at.index(name) for name in how.looked_at], how.compare) for _, how in groups]

    def at(self, values: Floats) -> Floats:
        """(closes, symbols, looked_at), NaN where a symbol has no row -> (closes, symbols, width)."""
        if len(self._parts) == 1:
            return self._parts[0][1](values)
        return np.concatenate([compare(values[:, :, columns]) for columns, compare in self._parts], axis=2)

    def over(self, symbols: Sequence[tuple[Times, Floats]]) -> list[Floats]:
        """The columns of each symbol on its own rows, from (open times (n,), (n, looked_at)) of each."""
        every = np.unique(np.concatenate([opened for opened, _ in symbols]))
        values = np.full((len(every), len(symbols), len(self.looked_at)), np.nan)
        places = [np.searchsorted(every, opened) for opened, _ in symbols]
        for symbol, (place, (_, columns)) in enumerate(zip(places, symbols, strict=True)):
            values[place, symbol] = columns
        result = self.at(values)
        return [result[place, symbol] for symbol, place in enumerate(places)]
