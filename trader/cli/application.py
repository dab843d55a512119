"""The `trader` command and its groups."""

from typing import Annotated

import typer

from trader.cli import act, look, runs
from trader.cli.doctor import DOCTOR_EPILOG, doctor, health
from trader.cli.download import DOWNLOAD_EPILOG, download
from trader.cli.features import features
from trader.cli.models import models
from trader.cli.report import report
from trader.cli.sandbox import SANDBOX_EPILOG, chaos, sandbox
from trader.cli.tune import TUNE_EPILOG, tune
from trader.cli.why import WHY_EPILOG, WHY_SETTINGS, why

_RUN, _LOOK, _ACT, _LEARN = "Run", "Look", "Act on the running daemon", "Learn and measure"

app = typer.Typer(
    name="trader",
    help="Trade crypto on any ccxt exchange: stream, forecast, size, execute, protect.",
    epilog=(
        "Try it without keys or internet:  [b]trader run --duration 180s[/b]  and, in another terminal,  "
        "[b]trader status[/b].  Every knob is explained in config.yaml and docs/config.md."
    ),
    rich_markup_mode="rich",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

app.command(rich_help_panel=_RUN, epilog=runs.RUN_EPILOG)(runs.run)
_sandbox = typer.Typer(invoke_without_command=True)
_sandbox.callback(epilog=SANDBOX_EPILOG)(sandbox)
_sandbox.command()(chaos)
app.add_typer(_sandbox, name="sandbox", rich_help_panel=_RUN)
app.command(rich_help_panel=_LOOK, epilog=DOCTOR_EPILOG)(doctor)
app.command(rich_help_panel=_LOOK, short_help="Exit code 0 if the daemon answers.")(health)
for _reads in look.COMMANDS:
    app.command(rich_help_panel=_LOOK)(_reads)
app.command(rich_help_panel=_LOOK, epilog=WHY_EPILOG, context_settings=WHY_SETTINGS)(why)
app.add_typer(report, name="report", rich_help_panel=_LOOK)
for _acts in act.COMMANDS:
    app.command(rich_help_panel=_ACT)(_acts)
app.command(rich_help_panel=_LEARN, epilog=DOWNLOAD_EPILOG)(download)
app.command(rich_help_panel=_LEARN, epilog=runs.TRAIN_EPILOG)(runs.train)
app.add_typer(models, name="models", rich_help_panel=_LEARN)
app.command(rich_help_panel=_LEARN, short_help="Show every feature column and what it means.")(features)
app.command(rich_help_panel=_LEARN, epilog=TUNE_EPILOG)(tune)
app.command(rich_help_panel=_LEARN)(runs.bench)
app.command(name="compile", hidden=True)(runs.compile_)


def _version(wanted: bool) -> None:
    if wanted:
        from trader import __version__

        typer.echo(f"trader {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass
