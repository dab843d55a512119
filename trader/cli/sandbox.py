"""`trader sandbox`: the bundled exchange on its own."""

from pathlib import Path
from typing import Annotated

import typer

from trader.cli.options import seconds

_MARKET, _PROCESS = "Market", "Process"
SANDBOX_EPILOG = (
    "Any ccxt program can trade on it. It listens on this machine only; keys, certificate and address are written to "
    "its directory.\n\n"
    "[dim]A generated market, one minute a second:[/dim]  trader sandbox --port 8443 --seed 3\n\n"
    "[dim]A recorded one:[/dim]  trader sandbox --replay recorded/candles --timeframe 15m"
)


def sandbox(
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
        typer.Option(metavar="DIR", help="Replay recorded candles instead.", rich_help_panel=_MARKET),
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
    options_file: Annotated[
        Path | None, typer.Option(hidden=True, help="All options from a file: how the daemon starts one.")
    ] = None,
) -> None:
    """Serve a local exchange that speaks Binance's protocol."""
    import asyncio
    import errno

    from trader.config.schema import LogSettings
    from trader.domain.errors import Misconfigured
    from trader.observability.logs import configure
    from trader.sandbox.options import SandboxOptions
    from trader.sandbox.server import serve
    from trader.sandbox.status import decode

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
