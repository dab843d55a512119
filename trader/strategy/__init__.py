"""What to do with a symbol at a candle close: strategies, what they see, what they may propose.

base      the shape of a strategy; `view` what it sees; `proposal` what it may say
ensemble  the model's own strategy: calibrated edge after costs, in the regime's bias
regime    the market's regime; `signals` from a forecast to a signal

Begin with `base`.
"""

from trader.strategy.base import Strategy
from trader.strategy.ensemble import Ensemble
from trader.strategy.proposal import Enter, Keep, Leave, Pass, Proposal
from trader.strategy.view import Holding, View

__all__ = ["Ensemble", "Enter", "Holding", "Keep", "Leave", "Pass", "Proposal", "Strategy", "View"]
