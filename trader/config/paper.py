"""The block `paper`: the simulated account of paper trading."""

from typing import Annotated

from pydantic import Field

from trader.config.section import Positive, Section


class PaperSettings(Section):
    quote_balance: Positive = 10_000.0
    """Opening balance of the paper account, quote currency. Counts at the first start only."""
    latency_s: Annotated[float, Field(ge=0, le=5)] = 0.05
    """How long an order takes to reach the simulated exchange, real seconds."""
