"""`trader report`: what many orders together tell."""

from enum import StrEnum
from typing import Annotated

import typer

from trader.cli.look import answer
from trader.cli.options import ConfigOption, JsonOption, LimitOption, SymbolOption, settings

report = typer.Typer(no_args_is_help=True, help="Add up what was recorded: what execution has cost.")


@report.callback()
def _group() -> None:
    pass


class Grouping(StrEnum):
    """What `tca` can group by."""

    SYMBOL = "symbol"
    ALGORITHM = "algorithm"
    SIZE = "size"
    HOUR = "hour"


ByOption = Annotated[
    list[Grouping] | None, typer.Option("--by", help="Only this grouping; may be repeated. Default: all of them.")
]


@report.command()
def tca(
    by: ByOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    limit: LimitOption = 5_000,
    symbol: SymbolOption = None,
) -> None:
    """Show what orders have cost (TCA): delay, spread, impact and fees, and what market orders would have."""
    rows = answer(settings(config), "tca", {"limit": limit, "symbol": symbol})["rows"]
    shown = [row for row in rows if row["by"] in {"all", *(by or Grouping)}]
    if json:
        from trader.cli.output import print_json

        print_json(shown)
    else:
        from trader.cli.tca_table import print_costs

        print_costs(shown)
