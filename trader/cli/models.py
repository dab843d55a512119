"""`trader models`: what was learned, who trades, who waits to."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trader.cli.options import ConfigOption, JsonOption, settings

if TYPE_CHECKING:
    from trader.adapters.model_files import ModelFiles

models = typer.Typer(no_args_is_help=True, help="List, show, compare, promote and roll back models.")

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="Its id, or a beginning that only it has.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Kept in the history.")]
_HISTORY_SHOWN = 5
_TAKES_OVER = "A running daemon takes it over within seconds."


@models.command("list")
def list_(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List registered models, newest first, and the latest changes of champion."""
    import msgspec

    from trader.service.learning.registry import history_rows, model_rows

    files = _files(config)
    rows, history = model_rows(files), history_rows(files)
    if json:
        _print_json({"models": msgspec.to_builtins(rows), "history": history})
        return
    from trader.cli.model_tables import print_models

    print_models(msgspec.to_builtins(rows), history[:_HISTORY_SHOWN])


@models.command()
def show(
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="Its id or a beginning of it. Default: the champion.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the card as a page with plots to FILE.")
    ] = None,
) -> None:
    """Show a model's card: what it was made from, what it is worth, whether it may trade."""
    from trader.service.learning.registry import card_of, known

    files = _files(config)
    chosen = known(files, model).model_id if model is not None else _champion(files, config)
    card = card_of(files, chosen)
    if html is not None:
        html.write_bytes(files.page_path(chosen).read_bytes() if files.page_path(chosen).exists() else _page(card))
    if json:
        import msgspec

        _print_json(msgspec.to_builtins(card))
        return
    from trader.models.card_text import card_text

    typer.echo(card_text(card))


@models.command()
def compare(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]...", help="Which. Default: champion and challenger.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Compare models side by side; compare only what was tested on the same days."""
    import msgspec

    from trader.service.learning.registry import card_of, known, shadow_lines

    files = _files(config)
    entries = (
        [known(files, one) for one in ids] if ids else [e for e in files.list() if e.is_champion or e.is_challenger]
    )
    cards = [card_of(files, entry.model_id) for entry in entries]
    if json:
        _print_json([{"model_id": card.info.model_id, **msgspec.to_builtins(card)} for card in cards])
        return
    from trader.models.card_text import comparison_text

    typer.echo(comparison_text(cards))
    for line in () if ids else shadow_lines(files):
        typer.echo(line)


@models.command()
def promote(
    model: ModelArgument,
    config: ConfigOption = None,
    reason: ReasonOption = "promoted by hand",
    json: JsonOption = False,
) -> None:
    """Make a model the champion: it trades from the next candle on."""
    from trader.service.learning.registry import promote as make

    _tell(make(_files(config), model, reason), json)


@models.command()
def rollback(
    config: ConfigOption = None,
    timeframe: Annotated[
        str | None, typer.Option("--timeframe", metavar="LENGTH", help="Of which. Default: market.timeframe.")
    ] = None,
    reason: ReasonOption = "rolled back by hand",
    json: JsonOption = False,
) -> None:
    """Bring back the champion before the present one."""
    from trader.service.learning.registry import roll_back

    of = timeframe if timeframe is not None else settings(config).market.timeframe
    _tell(roll_back(_files(config), of, reason), json)


def _files(config: Path | None) -> "ModelFiles":
    from trader.app.learn import model_files

    return model_files(settings(config))


def _champion(files: "ModelFiles", config: Path | None) -> str:
    from trader.domain.errors import Misconfigured

    timeframe = settings(config).market.timeframe
    found = files.champion_id(timeframe)
    if found is None:
        raise Misconfigured(f"no champion of {timeframe} yet; make one with `trader train`")
    return found


def _page(card: Any) -> bytes:
    from trader.service.learning.libraries import require_learning

    require_learning()
    from trader.training.card_html import card_html

    return card_html(card).encode()


def _tell(done: str, as_json: bool) -> None:
    if as_json:
        _print_json({"message": done})
    else:
        typer.echo(f"{done}. {_TAKES_OVER}")


def _print_json(value: Any) -> None:
    from trader.cli.output import print_json

    print_json(value)
