"""The shape of a strategy."""

from abc import ABC, abstractmethod
from typing import ClassVar

from trader.strategy.proposal import Proposal
from trader.strategy.view import View


class Strategy(ABC):
    """Proposes what to do with one symbol, from a `View` alone: the same view gives the same proposal.

    It keeps nothing between calls, so that a restart, a backtest and the live engine agree.
    """

    strategy_id: ClassVar[str]
    needs_forecast: ClassVar[bool] = False  # it is not asked at a close the model says nothing about

    @abstractmethod
    def propose(self, view: View) -> Proposal:
        """What to do now; asked once at every candle close."""
