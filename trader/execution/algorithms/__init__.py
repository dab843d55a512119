"""Execution algorithms: small state machines that turn a parent order into child orders, timers and cancels.

`step(state, input, view) -> (state, actions)` holds no task and no sleep. The state is all there is: a restart
feeds it `Started()` again, which re-arms its timers, and the same input delivered twice changes nothing twice.

step      the one function that moves an algorithm on
registry  every algorithm by name: a new one is a line there
market, limit, twap  one algorithm each
state     what an algorithm remembers; `inputs` what it is told; `actions` what it wants done
children  what all of them do with their child orders

Begin with `step`.
"""

from trader.execution.algorithms.actions import Action, Cancel, Finished, Place, Wake
from trader.execution.algorithms.inputs import (
    Abort,
    AlgorithmInput,
    AlgorithmView,
    ChildChanged,
    ChildRefused,
    Started,
    WokeUp,
)
from trader.execution.algorithms.limit import LimitState
from trader.execution.algorithms.market import MarketState
from trader.execution.algorithms.registry import ALGORITHMS, AlgorithmState
from trader.execution.algorithms.state import Child, ParentState
from trader.execution.algorithms.step import step
from trader.execution.algorithms.twap import TwapState

__all__ = [
    "ALGORITHMS",
    "Abort",
    "Action",
    "AlgorithmInput",
    "AlgorithmState",
    "AlgorithmView",
    "Cancel",
    "Child",
    "ChildChanged",
    "ChildRefused",
    "Finished",
    "LimitState",
    "MarketState",
    "ParentState",
    "Place",
    "Started",
    "TwapState",
    "Wake",
    "WokeUp",
    "step",
]
