"""The shape of a strategy: what it asks to see, its parameters, and the one question it answers."""

import re
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from pydantic import BaseModel

from trader.strategy.proposal import Proposal
from trader.strategy.view import View


class NoParameters(BaseModel):
    """Of a strategy that has none."""


class Strategy(ABC):
    """Proposes what to do with one symbol, from a `View` alone: the same view gives the same proposal.

    It keeps nothing between calls, so that a restart, a backtest and the live engine agree; what it must know of
    earlier candles it reads from the view.
    """

    Parameters: ClassVar[type[BaseModel]] = NoParameters
    """What `strategy.parameters` may hold."""
    strategy_id: ClassVar[str] = ""
    """The name its positions and decisions are kept under; of a class `DipBuyer` that says nothing, `dip-buyer`."""
    needs_forecast: ClassVar[bool] = False
    """A model is trained for it, and it is asked only at closes the model has something to say about."""
    has_ladder: ClassVar[bool] = False
    """Its positions end by the ladder of the `risk` block too (partial, trailing, time), and `Enter.stop_frac` is the
    nearest that the stop may be. Without: by stop, target, `until_ms` and `Leave` alone."""
    builds_in_parts: ClassVar[bool] = False
    """Its positions are built in up to `sizing.tranches` parts: `Enter` buys one, and each `Keep(add=Enter(...))`."""
    candles: ClassVar[int] = 1
    """How many closed candles `View.candles` holds; it is asked once that many are known."""
    features: ClassVar[tuple[str, ...]] = ()
    """Columns of `trader features` that `View.features` and `View.features_before` hold."""

    parameters: Any

    def __init__(self, parameters: Any) -> None:
        self.parameters = parameters

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if "strategy_id" not in cls.__dict__:
            cls.strategy_id = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()

    @abstractmethod
    def propose(self, view: View) -> Proposal:
        """What to do now; asked once at every candle close."""
