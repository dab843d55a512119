"""What to do with a symbol at a candle close: strategies, what they see, and what they may propose."""

from trader.strategy.base import Strategy
from trader.strategy.ensemble import Ensemble
from trader.strategy.proposal import Enter, Keep, Leave, Pass, Proposal
from trader.strategy.view import Holding, View

__all__ = ["Ensemble", "Enter", "Holding", "Keep", "Leave", "Pass", "Proposal", "Strategy", "View"]
