"""The block `recorder`: what of the market is kept on disk."""

from typing import Annotated

from pydantic import Field

from trader.config.section import Section


class RecorderSettings(Section):
    """What the market told the daemon, kept in Parquet by day and symbol. See docs/operations.md, Recordings."""

    enabled: bool = True
    """Record candles, books, trades and the engine's other numbered market inputs, in a child process."""
    books: bool = True
    """Order books too: most of the volume. Without them a day cannot be replayed."""
    trades: bool = True
    """Public trades too, where the feed has them."""
    retention_days: Annotated[int, Field(ge=1, le=3_650)] = 14
    """Days that are kept, market time; the oldest go first."""
    max_disk_gb: Annotated[float, Field(ge=0.01, le=100_000)] = 10.0
    """Most disk that recordings take, GB (10^9 bytes); the oldest go first."""
    keep_free_gb: Annotated[float, Field(ge=0, le=10_000)] = 1.0
    """Recording pauses while less than this is free, GB: the ledger needs the disk more."""
