"""The block `log`: format, level and file of the log."""

from pathlib import Path
from typing import Literal

from trader.config.section import Section


class LogSettings(Section):
    format: Literal["auto", "json", "console"] = "auto"
    """`auto`: console on a terminal, JSON otherwise."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe line that is written."""
    file: Path | None = None
    """Also write JSON lines here (rotated at 20 MB, 5 kept)."""
