"""`trader features`: what every feature column is."""

from typing import Annotated

import typer


def features(
    json: Annotated[bool, typer.Option("--json", help="A list of objects instead of a table.")] = False,
) -> None:
    """Show every feature column: family, formula, lookback, unit, range, and whether a model sees it."""
    import msgspec
    from rich.console import Console
    from rich.table import Table

    from trader.features.catalogue import CATALOGUE, FEATURE_SET_HASH, GROUPS, MODEL_INPUTS, catalogue
    from trader.features.page import range_text

    every = catalogue(groups=GROUPS)
    if json:
        typer.echo(msgspec.json.format(msgspec.json.encode(every)).decode())
        return
    table = Table(
        title=f"{len(CATALOGUE)} columns, {len(MODEL_INPUTS)} model inputs, definition {FEATURE_SET_HASH}",
        title_justify="left",
    )
    for heading in ("name", "family", "group", "use", "formula", "lookback", "unit", "range"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "name")
    for entry in every:
        use = "input" if entry.is_input else "published"
        table.add_row(
            entry.name,
            entry.family,
            entry.group,
            use,
            entry.formula,
            str(entry.lookback),
            entry.unit,
            range_text(entry.range),
        )
    Console().print(table, markup=False)
