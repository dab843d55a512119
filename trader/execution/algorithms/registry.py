"""Every execution algorithm, by name. A new one is a file, a line here and a member of `AlgorithmName`."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from trader.config.execution import ExecutionSettings
from trader.domain.orders import AlgorithmName
from trader.execution.algorithms import limit, market, twap
from trader.execution.algorithms.actions import Action
from trader.execution.algorithms.inputs import AlgorithmView
from trader.execution.algorithms.limit import LimitState
from trader.execution.algorithms.market import MarketState
from trader.execution.algorithms.state import ParentState
from trader.execution.algorithms.twap import TwapState

AlgorithmState = MarketState | LimitState | TwapState
"""What the journal keeps of a parent order: the tag is the algorithm's name."""


class Algorithm(NamedTuple):
    """One way to carry a quantity to the market."""

    state: type[ParentState]
    begin: Callable[[Mapping[str, Any], AlgorithmView], AlgorithmState]
    """A new parent order, not yet advanced."""
    advance: Callable[[Any, AlgorithmView], tuple[AlgorithmState, list[Action]]]
    """What to do now: follows from the state, the time and the book alone."""
    impact_paid: Callable[[float, ExecutionSettings], float]
    """What of the impact of the whole order a round trip pays, for the edge it must leave."""
    rests: bool = False  # pays the maker's fee


ALGORITHMS: Mapping[AlgorithmName, Algorithm] = {
    AlgorithmName.MARKET: Algorithm(MarketState, market.begin, market.advance, market.impact_paid),
    AlgorithmName.LIMIT: Algorithm(LimitState, limit.begin, limit.advance, limit.impact_paid, rests=True),
    AlgorithmName.TWAP: Algorithm(TwapState, twap.begin, twap.advance, twap.impact_paid),
}
BY_STATE: Mapping[type[ParentState], Algorithm] = {each.state: each for each in ALGORITHMS.values()}
