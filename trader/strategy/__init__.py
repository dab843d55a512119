"""What to do with a symbol at a candle close: strategies, what they see, what they may propose.

base      the shape of a strategy; `view` what it sees; `proposal` what it may say
ensemble  the model's own strategy: calibrated edge after costs, in the regime's bias
regime    the market's regime; `signals` from a forecast to a signal

Begin with `base`.
"""

from trader.domain.market import Book, Candle
from trader.domain.orders import Side
from trader.domain.reasons import Reason
from trader.domain.signals import Forecast, MarketContext, ModelInfo, Regime
from trader.strategy.base import Strategy
from trader.strategy.ema_cross import EmaCross
from trader.strategy.ensemble import Ensemble
from trader.strategy.proposal import Enter, Keep, Leave, Pass, Proposal, said
from trader.strategy.view import Holding, View

__all__ = [
    "Book",
    "Candle",
    "EmaCross",
    "Ensemble",
    "Enter",
    "Forecast",
    "Holding",
    "Keep",
    "Leave",
    "MarketContext",
    "ModelInfo",
    "Pass",
    "Proposal",
    "Reason",
    "Regime",
    "Side",
    "Strategy",
    "View",
    "said",
]
