"""Every execution algorithm, by name. A new one is a file, a line here and a member of `AlgorithmName`."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from trader.config.execution import ExecutionSettings
from trader.domain.instrument import Instrument
from trader.domain.market import Book
from trader.domain.orders import AlgorithmName, Side
from trader.execution.algorithms import limit, market, twap
from trader.execution.algorithms.actions import Action
from trader.execution.algorithms.inputs import AlgorithmView
from trader.execution.algorithms.limit import LimitState
from trader.execution.algorithms.market import MarketState
from trader.execution.algorithms.state import ParentState
from trader.execution.algorithms.twap import TwapState
from trader.execution.impact import Levels

AlgorithmState = MarketState | LimitState | TwapState
"""What the journal keeps of a parent order: the tag is the algorithm's name."""


class Algorithm(NamedTuple):
    """One way to carry a quantity to the market."""

    state: type[ParentState]
    begin: Callable[[Mapping[str, Any], AlgorithmView], AlgorithmState]
    """A new parent order, not yet advanced."""
    advance: Callable[[Any, AlgorithmView], tuple[AlgorithmState, list[Action]]]
    """What to do now: follows from the state, the time and the book alone."""
    impact_paid: Callable[[Levels, float, ExecutionSettings], float]
    """What each side of a round trip of a quantity (base) pays against the touch, given the levels it takes from."""
    most: Callable[[Levels, ExecutionSettings], float]
    """The most (base) that it can carry, given the levels it takes from."""
    dearest_price: Callable[[Instrument, Book, Side, ExecutionSettings], Decimal]
    """The highest price of all that its orders may be sent or filled at, while the book is this one."""
    rests: bool = False  # pays the maker's fee


ALGORITHMS: Mapping[AlgorithmName, Algorithm] = {
    AlgorithmName.MARKET: Algorithm(
        MarketState, market.begin, market.advance, market.impact_paid, market.most, market.dearest_price
    ),
    AlgorithmName.LIMIT: Algorithm(
        LimitState, limit.begin, limit.advance, limit.impact_paid, limit.most, limit.dearest_price, rests=True
    ),
    AlgorithmName.TWAP: Algorithm(TwapState, twap.begin, twap.advance, twap.impact_paid, twap.most, twap.dearest_price),
}
BY_STATE: Mapping[type[ParentState], Algorithm] = {each.state: each for each in ALGORITHMS.values()}
