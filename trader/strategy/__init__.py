"""What to do with a symbol at a candle close: strategies, what they see, what they may propose.

base        the shape of a strategy; `view` what it sees; `proposal` what it may say; `parameters` what it is given
registry    those that are built in, by name: a new one is a line there
ema_cross   the simplest of them
ensemble    the model's own: calibrated edge after costs, in the regime's bias (`regime`, `signals`)
loading     the configured one, built in or a person's own; `checking` and `trial` what is tried at start
indicators  moving averages for strategies

Begin with `base`.
"""

from trader.domain.market import Book, Candle
from trader.domain.orders import Side
from trader.domain.reasons import Reason
from trader.domain.signals import Forecast, MarketContext, ModelInfo, Regime
from trader.strategy.base import Strategy
from trader.strategy.ema_cross import EmaCross
from trader.strategy.ensemble import Ensemble
from trader.strategy.proposal import Enter, Keep, Leave, Pass, Proposal, gate, said
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
    "gate",
    "said",
]
