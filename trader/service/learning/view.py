"""What `trader train` shows: bars on a terminal, plain lines elsewhere, and what the model is worth at the end."""

import sys
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from trader.domain.reasons import told
from trader.models.artefact import Manifest
from trader.training.progress import TrainingProgress

_LINE_EVERY = 0.1  # of the work


class TrainingView:
    """Use as a context; `downloaded` and `trained` may be called from any thread."""

    def __init__(self) -> None:
        self._console = Console(width=None if sys.stdout.isatty() else 200)
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._told: dict[str, float] = {}
        if self._console.is_terminal:
            self._bars = Progress(
                TextColumn("{task.description:<28}"),
                BarColumn(36),
                TextColumn("{task.percentage:>3.0f}%"),
                TimeElapsedColumn(),
                TextColumn("[dim]{task.fields[note]}"),
                console=self._console,
            )

    def __enter__(self) -> "TrainingView":
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def downloaded(self, symbol: str, done: int, wanted: int) -> None:
        """A page of history has arrived. Lines, unlike bars, tell only the end of it."""
        if self._bars is not None or (done >= wanted - 2 and symbol not in self._told):
            self._told[symbol] = 1.0
            self._show(f"history {symbol}", done / wanted, f"{done:,} candles")

    def trained(self, progress: TrainingProgress) -> None:
        """A step of the training is done."""
        left = "" if progress.seconds_left is None else f"{progress.seconds_left:.0f} s left"
        note = ", ".join(part for part in (progress.stage, progress.message, left) if part)
        self._show("training", progress.fraction, note)

    def finish(self, manifest: Manifest, page: Path | None) -> None:
        """The verdict, as a table a person can read."""
        if self._bars is not None:
            self._bars.stop()
        info, scores = manifest.info, manifest.scores
        table = Table(title=f"model {info.model_id}", title_justify="left", show_header=False, box=None, pad_edge=False)
        for name, value in (
            ("rows", f"{manifest.window.rows:,} of {len(manifest.window.symbols)} symbols, {info.timeframe} candles"),
            ("stack", f"{manifest.stack} of {', '.join(manifest.members)}"),
            ("out of fold", f"IC {scores['ic']:+.3f} ± {scores['ic_error']:.3f}, R2 {scores['r2']:+.2%}"),
            ("calibration", f"ECE {scores['ece']:.3f}, Brier skill {scores['skill']:+.2%}"),
            ("slope", f"{info.slope:.2f} of realised on predicted (t {info.slope_t:+.1f})"),
            ("net of costs", f"{scores['trades']:.0f} simulated trades, mean {scores['mean_trade_bps']:+.1f} bp"),
            ("edge", "none over the base rate" if info.no_edge else "better calibrated than the base rate"),
            ("verdict", f"{info.verdict}" + (f" ({told(info.reasons, ', ')})" if info.reasons else "")),
            ("card", f"{page or ''}{', or ' if page else ''}`trader models show {info.model_id}`"),
        ):
            table.add_row(f"[bold]{name}[/bold]", value)
        self._console.print(table)

    def _show(self, name: str, fraction: float, note: str) -> None:
        if self._bars is None:
            if fraction >= self._told.get(name, -1.0) + _LINE_EVERY or (fraction >= 1 > self._told.get(name, 0.0)):
                self._told[name] = fraction
                self._console.print(f"{name} {fraction:.0%} {note}", markup=False, highlight=False)
            return
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, total=1.0, note=note)
        self._bars.update(self._tasks[name], completed=fraction, note=note)
