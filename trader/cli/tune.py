"""`trader tune`: a search for better parameters, and what it is worth."""

import sys
from typing import Annotated

import typer

from trader.cli.options import CandlesOption, ConfigOption, JsonOption, settings

TUNE_EPILOG = (
    "Searching is comparing: the best of many looks good by luck alone. The report says how good the luckiest of as "
    "many trials without skill would look, and the gate asks a tuned model for that much more evidence.\n\n"
    "Interrupted, it goes on where it was when called again. [dim]Then:[/dim]  trader train --tuned default"
)


def tune(
    config: ConfigOption = None,
    trials: Annotated[int, typer.Option("--trials", min=1, max=100_000, help="How many more to try.")] = 30,
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help="Processes that share the search.")] = 1,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Of the search; another name begins another one.")
    ] = "default",
    profile: Annotated[
        str | None, typer.Option("--profile", metavar="NAME", help="Where to begin. Default: model.profile.")
    ] = None,
    rows: Annotated[int, typer.Option("--rows", min=500, help="Most rows that a trial works on.")] = 20_000,
    candles: CandlesOption = None,
    json: JsonOption = False,
) -> None:
    """Search for better parameters: purged walk-forward, net of costs, seeded, pruned, resumable."""
    if not name.replace("-", "").replace("_", "").isalnum():
        raise typer.BadParameter(f"{name!r} is no name; allowed: letters, digits, - and _", param_hint="--name")
    chosen = settings(config, {"model": {"profile": profile}} if profile is not None else None)
    from trader.app.learn import tune as start
    from trader.cli.progress import TrialBar

    with TrialBar(trials) as bar:
        report, file = start(
            chosen, name=name, trials=trials, workers=workers, rows=rows, candles=candles, on_trial=bar.tell
        )
    if json:
        import msgspec

        from trader.cli.output import print_json

        print_json({**msgspec.to_builtins(report), "caveat": report.caveat})
        return
    from trader.training.tune import tuning_text

    typer.echo(tuning_text(report))
    sys.stderr.write(f"kept in {file}; train with it: trader train --tuned {name}\n")
