"""`trader download`: history of any exchange into the candle store."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from trader.cli.options import ConfigOption, JsonOption, settings
from trader.domain.units import DAY_MS, HOUR_MS, MINUTE_MS, WEEK_MS

if TYPE_CHECKING:
    from trader.service.learning.download import Verified

_SPAN_UNITS_MS = {"m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS, "w": WEEK_MS}
_HOLES_SHOWN = 3

DOWNLOAD_EPILOG = (
    "What is stored already is not fetched again, so a call that was interrupted goes on where it stopped. `trader "
    "train` reads the same store. Exit code 0 when every candle is there or known to be absent, else 1.\n\n"
    "[dim]A year of hours:[/dim]  TRADER__EXCHANGE__ID=binance trader download --timeframe 1h --since 365d"
)


def moment_ms(text: str) -> int:
    """A point in time (2026-01-31, 2026-01-31T14:00) as ms UTC; a length of time (90d), counted back, is negative."""
    number, unit = text.strip()[:-1], text.strip()[-1:].lower()
    if number.isdigit() and unit in _SPAN_UNITS_MS and int(number):
        return -int(number) * _SPAN_UNITS_MS[unit]
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time; allowed: 2026-01-31, 2026-01-31T14:00 (UTC), 90d, 12h"
        ) from None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1_000)


def download(
    config: ConfigOption = None,
    symbols: Annotated[
        str | None, typer.Option("--symbols", metavar="A,B", help="Which. Default: exchange.symbols.")
    ] = None,
    timeframe: Annotated[
        str | None, typer.Option("--timeframe", metavar="LENGTH", help="Candle length. Default: market.timeframe.")
    ] = None,
    since: Annotated[
        str,
        typer.Option("--since", metavar="TIME", help="2026-01-31, 2026-01-31T14:00 (UTC), or 90d for that long ago."),
    ] = "30d",
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Where to end, likewise. Default: now.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Download candles, resume what was begun, and verify that none is missing."""
    from trader.service.learning.download import DownloadRequest

    chosen = settings(config)
    names = None
    if symbols is not None:  # checked and named as in the configuration, which itself stays what it is
        asked = [name.strip() for name in symbols.split(",") if name.strip()]
        names = settings(config, {"exchange": {"symbols": asked}}).exchange.symbols
    wanted = DownloadRequest(names, timeframe, moment_ms(since), moment_ms(until) if until is not None else None)
    from trader.app.learn import download as start
    from trader.cli.progress import DownloadBars

    with DownloadBars() as bars:
        verified = start(chosen, wanted, bars.tell)
    if json:
        import msgspec

        from trader.cli.output import print_json

        print_json(msgspec.to_builtins(verified))
    else:
        _print(verified)
    raise typer.Exit(int(not all(one.is_complete for one in verified)))


def _print(verified: "list[Verified]") -> None:
    from trader.cli.output import console
    from trader.cli.tables import plain_table

    table = plain_table()
    for title in ("symbol", "candles", "fetched", "absent", "first", "last"):
        table.add_column(title, justify="right" if title in ("candles", "fetched", "absent") else "left")
    table.add_column("verified", overflow="fold", ratio=1)
    for one in verified:
        counts = f"{one.stored:,} of {one.wanted:,}", f"{one.fetched:,}", f"{one.absent:,}"
        table.add_row(f"{one.symbol} {one.timeframe}", *counts, _time(one.first_ms), _time(one.last_ms), _holes(one))
    console().print(table)


def _holes(one: "Verified") -> str:
    if one.is_complete:
        return "[green]complete[/green]"
    shown = ", ".join(f"{_time(hole.since_ms)} to {_time(hole.until_ms)}" for hole in one.holes[:_HOLES_SHOWN])
    more = len(one.holes) - _HOLES_SHOWN
    return f"[red]missing: {shown}{f' and {more} more' if more > 0 else ''}[/red]"


def _time(ms: int | None) -> str:
    return "-" if ms is None else f"{datetime.fromtimestamp(ms / 1_000, UTC):%Y-%m-%d %H:%M}"
