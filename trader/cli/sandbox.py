"""`trader sandbox`: the bundled exchange on its own, and `trader sandbox chaos`: making one go wrong."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trader.cli.options import seconds

if TYPE_CHECKING:
    from trader.sandbox.faults.kinds import Fault

_MARKET, _PROCESS = "Market", "Process"
SANDBOX_EPILOG = (
    "Any ccxt program can trade on it. It listens on this machine only; keys, certificate and address are written to "
    "its directory.\n\n"
    "[dim]A generated market, one minute a second:[/dim]  trader sandbox --port 8443 --seed 3\n\n"
    "[dim]Recorded candles:[/dim]  trader sandbox --replay recorded/candles --timeframe 15m\n\n"
    "[dim]A recorded book:[/dim]  trader sandbox --replay recorded/books --symbols BTC/USDT:USDT --speed 1"
)


def sandbox(
    context: typer.Context,
    symbols: Annotated[
        str, typer.Option(metavar="LIST", help="Unified names, with commas.", rich_help_panel=_MARKET)
    ] = "BTC/USDT,ETH/USDT,BNB/USDT,SOL/USDT,XRP/USDT",
    timeframe: Annotated[
        str, typer.Option(metavar="LENGTH", help="Length of the base candle.", rich_help_panel=_MARKET)
    ] = "1m",
    speed: Annotated[
        float, typer.Option(metavar="X", help="Market seconds per real second, up to 600.", rich_help_panel=_MARKET)
    ] = 60.0,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Same seed, same market.", rich_help_panel=_MARKET)] = 7,
    edge: Annotated[
        float,
        typer.Option(metavar="X", help="Strength of the predictable part, 0 (none) to 5.", rich_help_panel=_MARKET),
    ] = 1.0,
    replay: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Replay recorded candles or order books instead.", rich_help_panel=_MARKET),
    ] = None,
    recording: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Which of several recorded books or days. Default: the newest.",
            rich_help_panel=_MARKET,
        ),
    ] = "",
    history: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Candles of the time before a recorded book.", rich_help_panel=_MARKET),
    ] = None,
    quote_balance: Annotated[
        float, typer.Option(metavar="X", help="Opening balance, quote currency.", rich_help_panel=_MARKET)
    ] = 10_000.0,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, metavar="N", help="0 = any free one.", rich_help_panel=_PROCESS)
    ] = 0,
    directory: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Account, orders, keys, certificate; the same one continues.",
            rich_help_panel=_PROCESS,
        ),
    ] = Path("var/exchange"),
    idle_exit: Annotated[
        float | None,
        typer.Option(
            parser=seconds,
            metavar="TIME",
            help="End after this long without a client. Default: never.",
            rich_help_panel=_PROCESS,
        ),
    ] = None,
    faults: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Faults from the start: a JSON list like that of docs/sandbox.md.",
            rich_help_panel=_PROCESS,
        ),
    ] = None,
    options_file: Annotated[
        Path | None, typer.Option(hidden=True, help="All options from a file: how the daemon starts one.")
    ] = None,
) -> None:
    """Serve a local exchange that speaks Binance's protocol."""
    if context.invoked_subcommand is not None:
        return
    import asyncio
    import errno

    from trader.config.log import LogSettings
    from trader.domain.errors import Misconfigured
    from trader.observability.logs import configure
    from trader.sandbox.server.options import SandboxOptions
    from trader.sandbox.server.run import serve
    from trader.sandbox.server.status import decode

    if options_file is not None:
        configure(LogSettings(format="json"))
        asyncio.run(serve(decode(options_file.read_bytes(), SandboxOptions)))
        return
    names = tuple(name.strip() for name in symbols.split(",") if name.strip())
    options = SandboxOptions(
        directory=directory,
        symbols=names,
        port=port,
        seed=seed,
        speed=speed,
        edge=edge,
        timeframe=timeframe,
        quote_balance=quote_balance,
        idle_exit_s=idle_exit or 0.0,
        replay=replay,
        recording=recording,
        history=history,
        faults=_faults(faults) if faults is not None else (),
    )
    output = configure(LogSettings())
    try:
        asyncio.run(serve(options.validated()))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise Misconfigured(f"--port {port}: is in use on this machine; allowed: a free one, or 0 for any") from None
    finally:
        output.close()


def chaos(
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Same seed, same faults in the same order.")] = 7,
    minutes: Annotated[float, typer.Option(min=0.01, metavar="M", help="How long, real minutes.")] = 5.0,
    directory: Annotated[
        Path, typer.Option(metavar="DIR", help="Of the running sandbox; `trader run` keeps its own here.")
    ] = Path("var/sandbox"),
    restarts: Annotated[bool, typer.Option("--restarts", help="Also restart its process now and then.")] = False,
) -> None:
    """Mix faults into a running sandbox: dropped sockets, lost answers, limits, maintenance, a wrong clock, ..."""
    import asyncio

    from trader.config.log import LogSettings
    from trader.observability.logs import configure
    from trader.sandbox.server.chaos import chaos as drive

    output = configure(LogSettings())
    try:
        acted = asyncio.run(drive(directory, seed, minutes, restarts=restarts))
    finally:
        output.close()
    for kind, times in sorted(acted.items()):
        typer.echo(f"{kind:<20} {times:>6}")


def _faults(path: Path) -> "tuple[Fault, ...]":
    import json

    from trader.domain.errors import Misconfigured
    from trader.sandbox.faults.kinds import fault_from

    try:
        given = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise Misconfigured(f"--faults {path}: {error}") from None
    if not isinstance(given, list):
        raise Misconfigured(f"--faults {path}: must be a JSON list of faults")
    return tuple(fault_from(fault) for fault in given)
