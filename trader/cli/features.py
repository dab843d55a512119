"""`trader features`: what every feature column is."""

from itertools import groupby

import msgspec
import typer

from trader.cli.options import JsonOption


def features(json: JsonOption = False) -> None:
    """Show every feature column: family, formula, lookback, unit, range, and whether a model sees it."""
    from rich.markup import escape

    from trader.cli.output import console
    from trader.cli.tables import plain_table
    from trader.features.catalogue import CATALOGUE, FEATURE_SET_HASH, GROUPS, MODEL_INPUTS, catalogue
    from trader.features.columns import ELEMENTARY
    from trader.features.page import family_title, range_text

    every = catalogue(groups=GROUPS)
    if json:
        typer.echo(msgspec.json.format(msgspec.json.encode(every)).decode())
        return
    out = console()
    for (family, group), entries in groupby(every, key=lambda entry: (entry.family, entry.group)):
        table = plain_table()
        for heading in ("name", "use", "candles", "range", "formula"):
            table.add_column(
                heading,
                no_wrap=heading == "name",
                ratio=1 if heading == "formula" else None,
                justify="right" if heading == "candles" else "left",
            )
        for entry in entries:
            source = "" if entry.source == ELEMENTARY else f" [dim]({escape(entry.source)})[/dim]"
            table.add_row(
                entry.name,
                "input" if entry.is_input else "[dim]published[/dim]",
                str(entry.lookback),
                _values(range_text(entry.range), entry.unit),
                escape(entry.formula) + source,
            )
        out.print(f"[bold]{escape(family_title(family, group))}[/bold]")
        out.print(table)
    out.print(
        f"{len(CATALOGUE)} columns, {len(MODEL_INPUTS)} model inputs, definition {FEATURE_SET_HASH}; "
        f"{len(every) - len(CATALOGUE)} more in the groups {', '.join(GROUPS)}"
    )


def _values(limits: str, unit: str) -> str:
    """The range with its unit; a unit such as `0..100` says both."""
    return unit if unit[0].isdigit() else f"{limits} {unit}"
