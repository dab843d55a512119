"""Which algorithm carries a quantity to the market, and its first step."""

from decimal import Decimal
from typing import Any, NamedTuple

from trader.config.execution import ExecutionSettings
from trader.domain.instrument import Instrument
from trader.domain.market import Book
from trader.domain.orders import AlgorithmName, Purpose, Side, Urgency
from trader.execution.algorithms import (
    ALGORITHMS,
    Action,
    AlgorithmState,
    AlgorithmView,
    Started,
    step,
)
from trader.execution.impact import estimate_impact, opposite
from trader.execution.tca import market_order_bps

_SCALES = {Urgency.LOW: 0.5, Urgency.MEDIUM: 1.0, Urgency.HIGH: 2.0}  # what `execution.urgency` says it does


class Choice(NamedTuple):
    """An algorithm and the impact (fraction against the touch; inf = the book is too thin) it was chosen by."""

    algorithm: AlgorithmName
    impact_frac: float


class Decided(NamedTuple):
    """The market price (quote; 0 = not known) at which an order was decided, and when; what it was modelled to cost."""

    price: float = 0.0
    ms: int = 0
    modelled_frac: float | None = None


NOT_TOLD = Decided()


def choose_algorithm(
    book: Book,
    side: Side,
    quantity: Decimal,
    settings: ExecutionSettings,
    purpose: Purpose = Purpose.ENTRY,
    urgency: Urgency | None = None,
) -> Choice:
    """By impact: market below `market_below_frac`, TWAP above `twap_above_frac`, limit between.

    Both thresholds scale with the order's `urgency` (None: that of the settings). What reduces a position always takes
    the market.
    """
    impact = estimate_impact(opposite(book, side), float(quantity))
    if purpose.reduces:
        return Choice(AlgorithmName.MARKET, impact)
    if isinstance(settings.algorithm, AlgorithmName):
        return Choice(settings.algorithm, impact)
    if impact < market_below_frac(settings, urgency):
        return Choice(AlgorithmName.MARKET, impact)
    patient = AlgorithmName.LIMIT if impact <= split_above_frac(settings, urgency) else AlgorithmName.TWAP
    return Choice(patient, impact)


def market_below_frac(settings: ExecutionSettings, urgency: Urgency | None = None) -> float:
    """The impact below which an order of that urgency (None: that of the settings) takes the market at once."""
    return settings.market_below_frac * _SCALES[urgency or settings.urgency]


def split_above_frac(settings: ExecutionSettings, urgency: Urgency | None = None) -> float:
    """The impact above which an order of that urgency (None: that of the settings) is split over time."""
    return settings.twap_above_frac * _SCALES[urgency or settings.urgency]


def most_carried(algorithm: AlgorithmName, book: Book, side: Side, settings: ExecutionSettings) -> float:
    """The most (base) that `algorithm` can carry, going by `book`."""
    return ALGORITHMS[algorithm].most(opposite(book, side), settings)


def impact_paid(
    algorithm: AlgorithmName, book: Book, side: Side, quantity: Decimal, settings: ExecutionSettings
) -> float:
    """What each side of a round trip of `quantity` by `algorithm` pays against the touch, as a fraction."""
    return ALGORITHMS[algorithm].impact_paid(opposite(book, side), float(quantity), settings)


def dearest_price(instrument: Instrument, book: Book, side: Side, settings: ExecutionSettings) -> Decimal:
    """The highest price at which an entry may be sent or filled while the book is this one, whatever carries it.

    What fits a limit at this price passes the review of its orders.
    """
    fixed = settings.algorithm
    chosen = [ALGORITHMS[fixed]] if isinstance(fixed, AlgorithmName) else list(ALGORITHMS.values())
    return max(algorithm.dearest_price(instrument, book, side, settings) for algorithm in chosen)


def start(
    algorithm: AlgorithmName,
    *,
    parent_id: str,
    decision_id: str,
    side: Side,
    purpose: Purpose,
    quantity: Decimal,
    view: AlgorithmView,
    decided: Decided = NOT_TOLD,
) -> tuple[AlgorithmState, list[Action]]:
    """A new parent order for `quantity` (base, > 0) of `view.instrument` and its first actions.

    `parent_id` names it for good (see `parent_id_for`); the children's client ids derive from it. `decided`: what its
    cost will be measured by.
    """
    if quantity <= 0:
        raise ValueError(f"quantity {quantity} must be above 0")
    fresh = _fresh(algorithm, parent_id, decision_id, side, purpose, quantity, view, decided)
    return step(fresh, Started(), view)


def _fresh(
    algorithm: AlgorithmName,
    parent_id: str,
    decision_id: str,
    side: Side,
    purpose: Purpose,
    quantity: Decimal,
    view: AlgorithmView,
    decided: Decided,
) -> AlgorithmState:
    book = view.book
    parent: dict[str, Any] = {
        "parent_id": parent_id,
        "decision_id": decision_id,
        "symbol": view.instrument.symbol,
        "side": side,
        "purpose": purpose,
        "quantity": quantity,
        "algorithm": algorithm,
        "arrival_bid": book.bid if book else 0.0,
        "arrival_ask": book.ask if book else 0.0,
        "market_order_bps": market_order_bps(book, side, quantity),
        "started_ms": view.now_ms,
        "decision_price": decided.price,
        "decided_ms": decided.ms,
        "modelled_frac": decided.modelled_frac,
    }
    return ALGORITHMS[algorithm].begin(parent, view)
