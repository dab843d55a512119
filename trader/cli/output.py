"""What commands print: JSON for programs, a console of at least 100 columns for tables."""

import json
import math
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

_WIDTH = 100


def print_json(value: Any) -> None:
    """Pretty-printed JSON on standard output, numbers and exact decimal texts as they are."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def console() -> "Console":
    """Where tables go; a pipe gets 100 columns."""
    from rich.console import Console

    plain = Console(highlight=False)
    return plain if plain.is_terminal else Console(highlight=False, width=_WIDTH)


def moment(ms: int | None) -> str:
    """ "11-23 14:32:05" (UTC, market time)."""
    return "-" if ms is None else f"{datetime.fromtimestamp(ms / 1_000, UTC):%m-%d %H:%M:%S}"


def span(ms: float) -> str:
    """A length of time: "45s", "12m", "3h20m", "2d4h"."""
    seconds = max(0, int(ms / 1_000))
    if seconds < 60:
        return f"{seconds}s"
    minutes, hours, days = seconds // 60, seconds // 3_600, seconds // 86_400
    if minutes < 60:
        return f"{minutes}m"
    if hours < 24:
        return f"{hours}h{minutes % 60:02d}m"
    return f"{days}d{hours % 24}h"


def amount(value: Any, digits: int = 2) -> str:
    """A sum of money with thousands separators; "-" when unknown."""
    return "-" if value is None else f"{float(value):,.{digits}f}"


def quantity(value: Any) -> str:
    """An exact quantity without the zeros at its end."""
    text = str(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def price(value: Any) -> str:
    """A price with six significant digits or two decimals, whichever is more; never in exponent form."""
    if value is None:
        return "-"
    number = float(value)
    if not number or not math.isfinite(number):
        return f"{number:g}"
    places = max(2, 5 - math.floor(math.log10(abs(number))))
    text = f"{number:,.{places}f}"
    return text if places == 2 else text.rstrip("0").rstrip(".")


def signed(value: Any, text: str) -> str:
    """`text` green for a gain, red for a loss."""
    if value is None or float(value) == 0:
        return text
    return f"[green]{text}[/green]" if float(value) > 0 else f"[red]{text}[/red]"
