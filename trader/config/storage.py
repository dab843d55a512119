"""The block `storage`: where state lives."""

from pathlib import Path

from trader.config.section import Section


class StorageSettings(Section):
    state_dir: Path = Path("var")
    """Where the ledger, models, candles, kernels and sockets live (created 0700)."""
