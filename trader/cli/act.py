"""Commands that act on the running daemon. Each is journalled there with who asked."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from trader.cli.options import ConfigOption, JsonOption, settings

_WAIT_S = 65.0  # longer than the daemon takes to give up

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation on a terminal.")]


def pause(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Open nothing new; keep protecting what is open."""
    _send("pause", config, json)


def resume(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Trade again after a pause, a breaker or a kill."""
    _send("resume", config, json)


def flatten(config: ConfigOption = None, yes: YesOption = False, json: JsonOption = False) -> None:
    """Close every position at market, then go on."""
    _confirm("Close every position at market?", yes)
    _send("flatten", config, json)


def kill(config: ConfigOption = None, yes: YesOption = False, json: JsonOption = False) -> None:
    """Cancel all orders, close all positions, halt."""
    _confirm("Cancel all orders, close all positions and halt?", yes)
    _send("kill", config, json)


def override(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="For example BTC/USDT.")],
    factor: Annotated[
        float | None, typer.Option("--factor", min=0, max=1, help="New positions have this share of the usual size.")
    ] = None,
    reduce_only: Annotated[bool, typer.Option("--reduce-only", help="Open nothing, leave as usual.")] = False,
    close: Annotated[bool, typer.Option("--close", help="Close what is held at market, then open nothing.")] = False,
    ban: Annotated[bool, typer.Option("--ban", help="As --close, also for what turns up in it later.")] = False,
    clear: Annotated[bool, typer.Option("--clear", help="Forget what was said of it before.")] = False,
    unlock: Annotated[bool, typer.Option("--unlock", help="End the locks of its stops and losses.")] = False,
    config: ConfigOption = None,
    yes: YesOption = False,
    json: JsonOption = False,
) -> None:
    """Trade one symbol smaller, not any more, or as usual again; the most restrictive of what was said holds."""
    stance = "ban" if ban else "close" if close else "reduce-only" if reduce_only else None
    if factor is None and stance is None and not clear and not unlock:
        raise typer.BadParameter("say what: --factor, --reduce-only, --close, --ban, --clear or --unlock")
    if close or ban:
        _confirm(f"Close what is held of {symbol} at market?", yes)
    asked = {"symbol": symbol, "factor": factor, "stance": stance, "clear": clear, "unlock": unlock}
    _send("override", config, json, asked)


COMMANDS = (pause, resume, flatten, kill, override)
"""In the order of the help page."""


def _confirm(question: str, yes: bool) -> None:
    """Asked only of a person: a script that says kill means it."""
    if not yes and sys.stdin.isatty():
        typer.confirm(question, abort=True, err=True)


def _send(command: str, config: Path | None, as_json: bool, arguments: dict[str, Any] | None = None) -> None:
    chosen = settings(config)
    from trader.cli.output import print_json
    from trader.service.control.client import NotRunning, ask
    from trader.service.process.lock import holder
    from trader.service.process.places import control_path

    try:
        answer = ask(control_path(chosen), command, arguments, timeout_s=_WAIT_S)
    except NotRunning as error:
        pid = holder(chosen.account_dir)
        if pid is not None:
            raise NotRunning(f"the daemon (process {pid}) does not take commands yet or any more; try again") from None
        raise NotRunning(f"{error}; nothing to {command}. Start it with `trader run`") from None
    if as_json:
        print_json(answer)
    else:
        typer.echo(answer.get("message", "done"))
