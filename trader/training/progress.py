"""How far a training is, and how long it will still take."""

import time
from collections.abc import Callable

import msgspec


class TrainingProgress(msgspec.Struct, frozen=True):
    """One step done. `fraction` 0..1 of the expected work; `seconds_left` None until it can be guessed."""

    stage: str
    fraction: float
    seconds_left: float | None
    message: str = ""


Report = Callable[[TrainingProgress], None]


def ignore(progress: TrainingProgress) -> None:
    """For callers that do not want to know."""


class Progress:
    """Turns finished shares of work into reports."""

    def __init__(self, report: Report = ignore) -> None:
        self._report = report
        self._started = time.monotonic()
        self._done = 0.0

    def reached(self, stage: str, fraction: float, message: str = "") -> None:
        """`fraction` 0..1 of all work is done; never goes back."""
        self._done = max(self._done, min(1.0, fraction))
        spent = time.monotonic() - self._started
        left = spent / self._done - spent if self._done > 0.02 else None
        self._report(TrainingProgress(stage, self._done, left, message))

    def part(self, first: float, last: float) -> "Callable[[str, float], None]":
        """A callback that maps 0..1 of one part to first..last of the whole."""
        return lambda stage, fraction: self.reached(stage, first + (last - first) * fraction)
