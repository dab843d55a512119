"""Tables of `trader models`, laid out for 100 columns."""

from typing import Any

from rich.markup import escape

from trader.cli.output import console, moment
from trader.cli.tables import plain_table

Row = dict[str, Any]

_ROLES = {"champion": "bold green", "challenger": "cyan"}


def print_models(rows: list[Row], history: list[Row]) -> None:
    """Every model on a line; below, what stands against those that trade or want to."""
    out = console()
    if not rows:
        out.print("no models; make one with `trader train`")
        return
    table = plain_table()
    for title in ("model", "role", "IC", "slope t", "trades", "net bp", "verdict"):
        table.add_column(title, justify="left" if title in ("model", "role", "verdict") else "right", no_wrap=True)
    for row in rows:
        table.add_row(*_cells(row))
    out.print(table)
    for row in rows:
        if row["file"] != "ok":
            out.print(f" [red]{escape(row['model_id'])}: {escape(row['file'])}[/red]")
        elif row["role"] and row["reasons"]:
            out.print(f" [dim]{escape(row['model_id'])} observes: {escape(', '.join(row['reasons']))}[/dim]")
    if history:
        out.print("\n [bold]Champions[/bold]")
        out.print(_history(history))


def _cells(row: Row) -> list[str]:
    verdict = "unsound" if row["file"] != "ok" else row["verdict"]
    colour = {"trade": "green", "observe": "yellow"}.get(verdict, "red")
    return [
        escape(row["model_id"]),
        f"[{_ROLES[row['role']]}]{row['role']}[/]" if row["role"] else "-",
        f"{row['ic']:+.3f}±{row['ic_error']:.3f}",
        f"{row['slope_t']:+.1f}",
        f"{row['trades']:,}",
        f"{row['net_trade_bps']:+.1f}" if row["trades"] else "-",
        f"[{colour}]{verdict}[/{colour}]",
    ]


def _history(history: list[Row]) -> Any:
    table = plain_table()
    for title in ("when", "timeframe", "what", "model"):
        table.add_column(title, no_wrap=True)
    table.add_column("why", overflow="fold", ratio=1)
    for row in history:
        what = row["action"].replace("_", " ")
        table.add_row(moment(row["at_ms"]), row["timeframe"], what, escape(row["model_id"]), escape(row["reason"]))
    return table
