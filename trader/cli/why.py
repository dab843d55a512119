"""`trader why`: one decision in plain words."""

from typing import TYPE_CHECKING, Annotated

import typer

from trader.cli.options import ConfigOption, JsonOption, settings

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

    from trader.service.explaining.explanation import Explanation
    from trader.service.explaining.lines import Line, Section

WHY_EPILOG = (
    "Reads the ledger alone: it answers while the daemon runs and when it does not. A dash begins a time before the "
    "newest decision:  [b]trader why BTC/USDT -2h[/b]."
)
WHY_SETTINGS = {"ignore_unknown_options": True, "help_option_names": ["--help"]}
"""So that -2h is a time and no option; with -h as one, the h of it would be read as that."""

_MARKS = {
    "passed": ("\u2713", "green"),
    "no": ("\u2717", "bold red"),
    "also no": ("\u2717", "red"),
    "open": ("\u00b7", "dim"),
}
_LABEL_WIDTH = 17


def why(
    context: typer.Context,
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="For example BTC/USDT, or btc.")],
    time: Annotated[
        str | None,
        typer.Argument(metavar="[TIME]", help="14:15, 2025-11-23T14:15, -2h, or ms, UTC; without, the newest."),
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Explain one decision, taken or not: what was asked, with which numbers, and what came of it."""
    if "-h" in (symbol, time):
        typer.echo(context.get_help())
        return
    from trader.adapters.ledger import open_ledger
    from trader.cli.output import console, print_json
    from trader.domain.market import timeframe_ms
    from trader.service.explaining.explanation import explain, plain
    from trader.service.explaining.finding import NoSuchTime

    chosen = settings(config)
    ledger = open_ledger(chosen)
    try:
        explained = explain(ledger, symbol, time, timeframe_ms(chosen.market.timeframe))
    except NoSuchTime as error:
        raise typer.BadParameter(str(error), param_hint="TIME") from None
    finally:
        ledger.close()
    if json:
        print_json(plain(explained))
    else:
        console().print(why_view(explained))


def why_view(explained: "Explanation") -> "Group":
    """The sentence, then each section with its lines under it."""
    from rich.console import Group
    from rich.markup import escape

    parts: list[object] = [f"[bold]{escape(explained.verdict)}[/bold]"]
    if explained.note:
        parts.append(f"[yellow]{escape(explained.note)}[/yellow]")
    for section in explained.sections:
        parts += ["", f"[bold]{escape(section.title)}[/bold]", _lines(section)]
    return Group(*parts)  # type: ignore[arg-type]  # texts and tables are what it takes


def _lines(section: "Section") -> "Table":
    from rich.table import Table

    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=1)
    grid.add_column(width=_LABEL_WIDTH)
    grid.add_column(overflow="fold")
    clear: list[str] = []
    for line in (*section.lines, None):
        if line is not None and line.is_brief:
            clear.append(line.text)
            continue
        if clear:
            grid.add_row("[green]\u2713[/green]", "[dim]clear[/dim]", ", ".join(clear))
            clear = []
        if line is not None:
            grid.add_row(*_row(line))
    return grid


def _row(line: "Line") -> tuple[str, str, str]:
    from rich.markup import escape

    mark, style = _MARKS.get(line.mark.value, ("", ""))
    text = escape(line.text) + ("  <- decided it" if line.mark == "no" else "")
    if line.mark == "no":
        text = f"[bold]{text}[/bold]"
    label = escape(line.label)
    return f"[{style}]{mark}[/]" if style else "", f"[bold]{label}[/bold]" if line.mark == "no" else label, text
