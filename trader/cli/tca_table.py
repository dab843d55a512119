"""The table of `trader report tca`, laid out for 100 columns."""

from typing import Any

from rich.markup import escape
from rich.table import Table

from trader.cli.output import amount, console, span
from trader.cli.tables import plain_table

Row = dict[str, Any]

_COLUMNS = ("", "n", "value", "fill", "delay", "spread", "impact", "fees", "cost", "taker", "saved", "after", "time")
_LEGEND = (
    "In basis points of the value traded, above 0 = cost. delay: from decision to arrival; cost: delay,\n"
    "spread, impact and fees together. taker: what market orders would have cost for spread and impact;\n"
    "saved: how much less it was. after: how far the market had gone against the fills seconds later."
)


def print_costs(rows: list[Row]) -> None:
    """All orders, then each grouping; or a sentence when nothing was filled yet."""
    if not rows:
        console().print("No executions.")
        return
    console().print(costs_table(rows))
    console().print(f"[dim]{_LEGEND}[/dim]")


def costs_table(rows: list[Row]) -> Table:
    """One line a group, a section a grouping."""
    table = plain_table()
    for title in _COLUMNS:
        table.add_column(title, justify="right" if title else "left", no_wrap=True)
    before = ""
    for row in rows:
        if row["by"] != before and before:
            table.add_section()
            table.add_row(f"[dim]by {row['by']}[/dim]")
        before = row["by"]
        table.add_row(*_cells(row), style="bold" if row["by"] == "all" else None)
    return table


def _cells(row: Row) -> list[str]:
    return [
        escape(row["group"]),
        f"{row['orders']:,}",
        amount(row["value_quote"], 0),
        f"{row['filled_frac']:.0%}",
        *(_bps(row[f"{name}_bps"]) for name in ("delay", "spread", "impact", "fees", "shortfall", "market")),
        _gain(row["saved_bps"]),
        _bps(row["mark_bps"]),
        span(row["mean_s"] * 1_000),
    ]


def _bps(value: float | None) -> str:
    return "-" if value is None else f"{round(value, 1) + 0.0:.1f}"  # no minus before nothing


def _gain(value: float | None) -> str:
    """Green where the chosen way was cheaper."""
    if value is None or abs(value) < 0.05:
        return _bps(value)
    return f"[{'green' if value > 0 else 'red'}]{value:.1f}[/]"
