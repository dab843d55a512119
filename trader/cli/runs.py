"""Commands that work until they are done: run, train, bench, compile."""

from typing import Annotated

import typer

from trader.cli.options import CandlesOption, ConfigOption, JsonOption, seconds, settings

_Duration = Annotated[
    float | None,
    typer.Option(
        "--duration", parser=seconds, metavar="TIME", help="Stop cleanly after this long: 90s, 5m, 2h. Default: never."
    ),
]


RUN_EPILOG = (
    "As shipped it starts an exchange of its own on this machine, trains a quick model if there is none, and trades on "
    "paper. Ctrl-C ends it cleanly: positions stay protected.\n\n"
    "[dim]Three minutes of it:[/dim]  trader run --duration 180s\n\n"
    "[dim]Real market data, paper orders, no keys:[/dim]  TRADER__EXCHANGE__ID=binance trader run"
)


def run(config: ConfigOption = None, duration: _Duration = None) -> None:
    """Start the daemon: connect, reconcile, trade, protect."""
    chosen = settings(config)
    from trader.app.run import run as start

    raise typer.Exit(start(chosen, duration_s=duration))


TRAIN_EPILOG = (
    "Interrupted, it goes on where it was when called again within a day (market time).\n\n"
    "[dim]From recorded candles, without an exchange:[/dim]  trader train --profile fast --candles data/binance"
)


def train(
    config: ConfigOption = None,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile", metavar="NAME", help="quick (seconds), fast (minutes) or exact. Default: model.profile."
        ),
    ] = None,
    candles: CandlesOption = None,
    challenger: Annotated[
        bool, typer.Option("--challenger", help="Let it forecast beside the champion until it has proven itself.")
    ] = False,
    tuned: Annotated[
        str | None, typer.Option("--tuned", metavar="NAME", help="Use the best parameters of that `trader tune`.")
    ] = None,
) -> None:
    """Train a model on the configured symbols and store it with its card and verdict."""
    chosen = settings(config, {"model": {"profile": profile}} if profile is not None else None)
    from trader.app.learn import train as start

    raise typer.Exit(start(chosen, candles=candles, is_challenger=challenger, tuned=tuned))


def bench(
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="NAME",
            help="Only these parts: a,b or repeated. Long ones run only when named: model-rivals, model-fits.",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Measure this machine: engine, features, model, start-up, memory."""
    from trader.app.machine import bench as start

    raise typer.Exit(start(only or [], as_json=json))


def compile_(config: ConfigOption = None) -> None:
    """Compile the numeric kernels into the state directory's cache, so that the next start does not wait for it."""
    chosen = settings(config)
    from trader.app.machine import compile_kernels

    compile_kernels(chosen)
