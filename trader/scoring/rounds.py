"""Closed candles of several symbols, gathered by the close they share. No clock of its own, no I/O."""

from collections.abc import Iterable

from trader.domain.market import Candle

LONGEST_WAIT = 30
"""Closes that may wait for a symbol; then it counts as gone, and nobody waits for it until it has caught up."""

PATIENCE_S = 10.0
"""How long at least such a close waits: after an outage many candles come at once, one symbol after the other."""

Round = dict[str, Candle]
"""The candles of one close."""


class Rounds:
    """A close is complete when every `awaited` symbol has its candle.

    Past `late_s` after its first candle a close is overdue: what is there can be looked at, while the close itself
    stays open for the late ones. Times are seconds of any one monotonic clock.
    """

    def __init__(self, awaited: Iterable[str], *, late_s: float, done_ms: int | None = None) -> None:
        self._awaited = frozenset(awaited)
        self._late_s = late_s
        self._open: dict[int, Round] = {}
        self._due: dict[int, float] = {}
        self._looked_at: dict[int, int] = {}  # candles a close had when it was last looked at
        self.done_ms = done_ms  # open time of the newest close that was completed
        self.gone: set[str] = set()

    def add(self, candle: Candle, now: float) -> bool:
        """Take a candle; False if its close is done: then its symbol follows alone."""
        if self.done_ms is not None and candle.open_ms <= self.done_ms:
            if candle.open_ms == self.done_ms:
                self.gone.discard(candle.symbol)
            return False
        self.gone.discard(candle.symbol)
        self._open.setdefault(candle.open_ms, {})[candle.symbol] = candle
        self._due.setdefault(candle.open_ms, now + self._late_s)
        return True

    def take_complete(self, now: float) -> list[Round]:
        """The closes that are complete, or waited for too long, oldest first; they are done now."""
        taken = []
        for open_ms in sorted(self._open):
            missing = self._awaited - self.gone - self._open[open_ms].keys()
            is_given_up = len(self._open) > LONGEST_WAIT and now > self._due[open_ms] + PATIENCE_S
            if missing and not is_given_up:
                break
            self.gone |= missing
            taken.append(self._open.pop(open_ms))
            self._due.pop(open_ms)
            self._looked_at.pop(open_ms, None)
            self.done_ms = open_ms
        return taken

    def take_overdue(self, now: float) -> list[Round]:
        """All open closes up to the newest overdue one, if an overdue one has candles nobody has looked at."""
        overdue = [open_ms for open_ms in self._open if self._due[open_ms] <= now]
        if all(self._looked_at.get(open_ms) == len(self._open[open_ms]) for open_ms in overdue):
            return []
        for open_ms in overdue:
            self._looked_at[open_ms] = len(self._open[open_ms])
        return [self._open[open_ms] for open_ms in sorted(self._open) if open_ms <= max(overdue)]

    def next_due(self, now: float) -> float | None:
        """When the next close becomes overdue."""
        return min((due for due in self._due.values() if due > now), default=None)
