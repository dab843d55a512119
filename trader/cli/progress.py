"""Progress bars on standard error: standard output stays for the result."""

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class DownloadBars:
    """One bar a symbol on a terminal, nothing elsewhere. Use as a context."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._tasks: dict[str, TaskID] = {}
        self._bars = Progress(
            TextColumn("{task.description:<16}"),
            BarColumn(36),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not sys.stderr.isatty(),
        )

    def __enter__(self) -> "DownloadBars":
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def tell(self, symbol: str, done: int, wanted: int) -> None:
        """`done` of `wanted` candles are there."""
        if symbol not in self._tasks:
            self._tasks[symbol] = self._bars.add_task(symbol, total=wanted)
        self._bars.update(self._tasks[symbol], completed=done)


class TrialBar:
    """One bar for all trials of a search on a terminal, a line per trial elsewhere. Use as a context."""

    def __init__(self, trials: int) -> None:
        self._trials = trials
        self._first: int | None = None
        self._best = float("-inf")
        self._bars = Progress(
            TextColumn("{task.description:<24}"),
            BarColumn(36),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bars.add_task("trials", total=trials)

    def __enter__(self) -> "TrialBar":
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def tell(self, number: int, score: float | None) -> None:
        """Trial `number` of the whole study is done; None: it was pruned."""
        self._first = number if self._first is None else min(self._first, number)
        self._best = max(self._best, score if score is not None else float("-inf"))
        done = min(self._trials, number - self._first + 1)
        words = f"best {self._best:+.3f} a day" if self._best > float("-inf") else "none finished yet"
        self._bars.update(self._task, completed=done, description=words)
        if self._bars.disable:
            result = "pruned" if score is None else f"{score:+.3f} a day"
            sys.stderr.write(f"trial {number}: {result}, {words}\n")
