"""The block `sandbox`: the bundled exchange and its market."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from trader.config.section import Positive, Section


class SandboxSettings(Section):
    """The bundled exchange that `exchange.id: sandbox` starts. See `trader sandbox --help`."""

    seed: Annotated[int, Field(ge=0)] = 7
    """Same seed, same market."""
    speed: Annotated[float, Field(ge=1, le=600)] = 60.0
    """Market seconds per real second."""
    edge: Annotated[float, Field(ge=0, le=5)] = 1.0
    """Strength of the generated market's predictable component; 0 = none. Real markets are near 0."""
    replay: Path | None = None
    """A folder of recorded candles, order books or days of the recorder to replay instead of the generated market."""
    recording: str = ""
    """Which of several recorded order books or days; empty: the newest one that holds all symbols."""
    history: Path | None = None
    """A folder of candles of the time before a recorded order book."""
    quote_balance: Positive = 10_000.0
    """Opening balance of the sandbox account, quote currency."""
    idle_exit_s: Annotated[float, Field(ge=5)] = 300.0
    """The sandbox process ends after this long without a client, real seconds."""
