"""What may be sent, when a position is left, and when trading stops.

caps         what every cap leaves to a new position: sizing cuts to it, the review refuses beyond it
review       the one pre-trade review: it alone makes an `Approved`, and only an `Approved` can be sent
stops        how far the stop is, and the plan that guards a position
ladder       the rungs by which a position is left: one text for live plans and for labels
exits        when a position is left, in whole or in part
excursions   how far a closed trade went for and against its position
breakers     when trading shrinks or stops, and when it may go on
locks        when a symbol is left alone for a while
suitability  whether a symbol is worth trading; `cost_budget` what costs make of the entry bar
correlation  which symbols move together, and with the leader
hedge        when the portfolio's beta calls for a hedge, and how large it is

Begin with `review`.
"""

from trader.risk.breakers import BreakerState, BreakerView
from trader.risk.exits import Exit, extend, on_candle, on_price
from trader.risk.review import Refused, ReviewView, review
from trader.risk.stops import PositionPlan, barriers, initial_stop_frac, open_plan

__all__ = [
    "BreakerState",
    "BreakerView",
    "Exit",
    "PositionPlan",
    "Refused",
    "ReviewView",
    "barriers",
    "extend",
    "initial_stop_frac",
    "on_candle",
    "on_price",
    "open_plan",
    "review",
]
