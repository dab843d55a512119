"""Pre-trade review, stops, exits, correlation, breakers."""

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
