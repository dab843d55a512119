"""A rule without a model: long from where a fast mean crosses above a slow one until it is below again."""

from typing import Annotated

from pydantic import Field, model_validator

from trader.config.section import Section
from trader.domain.orders import Side
from trader.domain.reasons import Code, because
from trader.strategy.base import Strategy
from trader.strategy.indicators import crossed_above, ema, rsi
from trader.strategy.proposal import Enter, Keep, Leave, Pass, Proposal
from trader.strategy.view import View


class EmaCrossParameters(Section):
    fast: Annotated[int, Field(ge=2, le=60)] = 12
    """Length of the fast exponential mean, candles."""
    slow: Annotated[int, Field(ge=3, le=60)] = 26
    """Length of the slow one, candles."""
    rsi_length: Annotated[int, Field(ge=2, le=60)] = 14
    """Length of the relative strength index, candles."""
    rsi_below: Annotated[float, Field(gt=0, le=100)] = 70.0
    """Nothing is bought at this RSI or above."""
    stop_frac: Annotated[float, Field(gt=0, lt=1)] = 0.02
    """Distance of the stop / entry price."""
    risk_frac: Annotated[float, Field(gt=0, le=0.1)] = 0.005
    """Share of equity lost at the stop."""

    @model_validator(mode="after")
    def _ordered(self) -> "EmaCrossParameters":
        if self.fast >= self.slow:
            raise ValueError(f"fast {self.fast} must be below slow {self.slow}")
        return self


class EmaCross(Strategy):
    """Long only; ends by its stop or by the means."""

    Parameters = EmaCrossParameters
    candles = 600  # ten lengths of the slowest mean that can be set

    parameters: EmaCrossParameters

    def propose(self, view: View) -> Proposal:
        p, closes = self.parameters, view.closes
        fast, slow = ema(closes, p.fast), ema(closes, p.slow)
        if view.holding is not None:
            if fast[-1] < slow[-1]:
                return Leave(reasons=(because(Code.EMA_BELOW, fast=p.fast, slow=p.slow),))
            return Keep(reasons=(because(Code.EMA_ABOVE, fast=p.fast, slow=p.slow),))
        if not crossed_above(fast, slow):
            return Pass(reasons=(because(Code.EMA_NOT_CROSSED, fast=p.fast, slow=p.slow),))
        strength = rsi(closes, p.rsi_length)
        if strength >= p.rsi_below:
            return Pass(reasons=(because(Code.RSI_HIGH, rsi=strength, most=p.rsi_below),))
        return Enter(
            side=Side.BUY,
            reasons=(because(Code.EMA_CROSSED, fast=p.fast, slow=p.slow),),
            stop_frac=p.stop_frac,
            risk_frac=p.risk_frac,
        )
