"""Which algorithm carries a quantity to the market, and its first step."""

import math
from decimal import Decimal
from typing import Any, NamedTuple

from trader.config.execution import ExecutionSettings
from trader.domain.market import Book
from trader.domain.orders import AlgorithmName, Purpose, Side
from trader.domain.units import BPS
from trader.execution.algorithms import (
    ALGORITHMS,
    Action,
    AlgorithmState,
    AlgorithmView,
    Started,
    step,
)
from trader.execution.impact import estimate_impact, walk

_BOOK_LEVELS = 20  # the depth that exchanges stream; an order that needs more is too large for any of the three
_URGENCY = {"low": 0.5, "medium": 1.0, "high": 2.0}  # what `execution.urgency` says it does


class Choice(NamedTuple):
    """An algorithm and the impact (fraction against the touch; inf = the book is too thin) it was chosen by."""

    algorithm: AlgorithmName
    impact_frac: float


def choose_algorithm(
    book: Book, side: Side, quantity: Decimal, settings: ExecutionSettings, purpose: Purpose = Purpose.ENTRY
) -> Choice:
    """By impact: market below `market_below_frac`, TWAP above `twap_above_frac`, limit between.

    Both thresholds scale with `urgency`. What reduces a position always takes the market.
    """
    impact = estimate_impact(_opposite(book, side), float(quantity))
    if purpose.reduces:
        return Choice(AlgorithmName.MARKET, impact)
    if isinstance(settings.algorithm, AlgorithmName):
        return Choice(settings.algorithm, impact)
    scale = _URGENCY[settings.urgency]
    if impact < settings.market_below_frac * scale:
        return Choice(AlgorithmName.MARKET, impact)
    patient = AlgorithmName.LIMIT if impact <= settings.twap_above_frac * scale else AlgorithmName.TWAP
    return Choice(patient, impact)


def start(
    algorithm: AlgorithmName,
    *,
    parent_id: str,
    decision_id: str,
    side: Side,
    purpose: Purpose,
    quantity: Decimal,
    view: AlgorithmView,
) -> tuple[AlgorithmState, list[Action]]:
    """A new parent order for `quantity` (base, > 0) of `view.instrument` and its first actions.

    `parent_id` names it for good (see `parent_id_for`); the children's client ids derive from it.
    """
    if quantity <= 0:
        raise ValueError(f"quantity {quantity} must be above 0")
    return step(_fresh(algorithm, parent_id, decision_id, side, purpose, quantity, view), Started(), view)


def _fresh(
    algorithm: AlgorithmName,
    parent_id: str,
    decision_id: str,
    side: Side,
    purpose: Purpose,
    quantity: Decimal,
    view: AlgorithmView,
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
        "market_order_bps": _market_order_bps(book, side, quantity),
        "started_ms": view.now_ms,
    }
    return ALGORITHMS[algorithm].begin(parent, view)


def _market_order_bps(book: Book | None, side: Side, quantity: Decimal) -> float:
    """What taking `quantity` from `book` at once would cost against its mid, in bps; inf when it is too thin."""
    if book is None:
        return math.inf
    average, filled = walk(_opposite(book, side), float(quantity))
    if filled < float(quantity):
        return math.inf
    return abs(average / book.mid - 1) * BPS


def _opposite(book: Book, side: Side) -> tuple[tuple[float, float], ...]:
    levels = book.asks if side is Side.BUY else book.bids
    return levels[:_BOOK_LEVELS]
