"""Commands that act on the running daemon. Each is journalled there with who asked."""

import sys
from pathlib import Path
from typing import Annotated

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


COMMANDS = (pause, resume, flatten, kill)
"""In the order of the help page."""


def _confirm(question: str, yes: bool) -> None:
    """Asked only of a person: a script that says kill means it."""
    if not yes and sys.stdin.isatty():
        typer.confirm(question, abort=True, err=True)


def _send(command: str, config: Path | None, as_json: bool) -> None:
    chosen = settings(config)
    from trader.cli.output import print_json
    from trader.service.control.client import NotRunning, ask
    from trader.service.process.lock import holder
    from trader.service.process.places import control_path

    try:
        answer = ask(control_path(chosen), command, timeout_s=_WAIT_S)
    except NotRunning as error:
        pid = holder(chosen.account_dir)
        if pid is not None:
            raise NotRunning(f"the daemon (process {pid}) does not take commands yet or any more; try again") from None
        raise NotRunning(f"{error}; nothing to {command}. Start it with `trader run`") from None
    if as_json:
        print_json(answer)
    else:
        typer.echo(answer.get("message", "done"))
