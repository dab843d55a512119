"""Progress bars of a download, on standard error: standard output stays for the result."""

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
