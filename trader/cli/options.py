"""Options that several commands share, and how their texts are read."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from trader.config.schema import Settings

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)")

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", metavar="FILE", help="Configuration file [dim](default: config.yaml here, if any)[/dim]."
    ),
]
CandlesOption = Annotated[
    Path | None,
    typer.Option(
        "--candles",
        metavar="DIR",
        help="Learn from recorded candles (SYMBOL-TIMEFRAME.parquet, shorter ones are resampled), not the exchange's.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON for programs instead of a table.")]
LimitOption = Annotated[int, typer.Option("--limit", "-n", min=1, max=5_000, help="How many, newest first.")]
SymbolOption = Annotated[
    str | None, typer.Option("--symbol", "-s", metavar="SYMBOL", help="Only this one, for example BTC/USDT.")
]


def seconds(text: str) -> float:
    """A duration: 90, 90s, 5m, 2h, 1d."""
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None or float(found[1]) == 0:
        raise typer.BadParameter(f"{text!r} is no duration; allowed: 90, 90s, 5m, 2h, 1d")
    return float(found[1]) * _UNITS[found[2]]


def settings(config: Path | None, overrides: dict[str, Any] | None = None) -> "Settings":
    """The settings of `--config`, or of ./config.yaml, or the defaults."""
    from trader.config.load import load

    here = Path("config.yaml")
    return load(config if config is not None else here if here.is_file() else None, overrides)
