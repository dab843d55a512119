"""Market order with protection: an IOC limit a little through the touch, tried again for what is left."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from trader.config.execution import ExecutionSettings
from trader.domain.instrument import Instrument, Rounding
from trader.domain.market import Book
from trader.domain.orders import Side
from trader.execution.algorithms.actions import Action
from trader.execution.algorithms.children import RETRY_MS, finish, finish_done, place, wake
from trader.execution.algorithms.inputs import AlgorithmView
from trader.execution.algorithms.state import ParentState
from trader.execution.impact import Levels, estimate_impact, held_quantity


class MarketState(ParentState, frozen=True, kw_only=True, tag="market"):
    """Protected market order: IOC limits a little through the touch, a bounded number of times."""

    tries: int = 0


def begin(parent: Mapping[str, Any], view: AlgorithmView) -> MarketState:
    """A market order of `parent` (the fields of `ParentState` but the deadline)."""
    return MarketState(**parent, deadline_ms=deadline_ms(view.now_ms, view.settings))


def impact_paid(levels: Levels, quantity: float, _settings: ExecutionSettings) -> float:
    """The impact of the whole order."""
    return estimate_impact(levels, quantity)


def most(levels: Levels, _settings: ExecutionSettings) -> float:
    """What the book shows."""
    return held_quantity(levels)


def dearest_price(instrument: Instrument, book: Book, side: Side, settings: ExecutionSettings) -> Decimal:
    """What a buy may pay at worst; a sale is filled at the bid at best."""
    if side is Side.BUY:
        return protected_price(instrument, book, side, settings.protected_market_frac)
    return instrument.round_price(book.bid, Rounding.UP)


def advance(state: MarketState, view: AlgorithmView) -> tuple[MarketState, list[Action]]:
    """Place the next try when none is live. An order that only reduces reaches further with every try."""
    if state.live is not None:
        return state, []  # an IOC ends by itself
    done = finish_done(state, view)
    if done is not None:
        return done
    if state.tries >= view.settings.market_tries:
        return finish(state, f"filled {state.filled} of {state.quantity} after {state.tries} tries")
    if view.now_ms < state.retry_ms:
        return wake(state, state.retry_ms)
    if view.book is None:
        if view.now_ms >= state.deadline_ms:
            return finish(state, f"filled {state.filled} of {state.quantity}: no book")
        return wake(state, view.now_ms + RETRY_MS)
    state = msgspec.structs.replace(state, tries=state.tries + 1)
    reach = view.settings.protected_market_frac * (state.tries if state.purpose.reduces else 1)
    price = protected_price(view.instrument, view.book, state.side, reach)
    return place(state, view, view.instrument.round_quantity(state.remaining), price)


def protected_price(instrument: Instrument, book: Book, side: Side, reach_frac: float) -> Decimal:
    """The limit `reach_frac` through the opposite touch, on the tick, never worse than that nor short of the touch."""
    if side is Side.BUY:
        limit = instrument.round_price(book.ask * (1 + reach_frac), Rounding.DOWN)
        return max(limit, instrument.round_price(book.ask, Rounding.UP))
    limit = instrument.round_price(book.bid * (1 - reach_frac), Rounding.UP)
    return min(limit, instrument.round_price(book.bid, Rounding.DOWN))


def deadline_ms(now_ms: int, settings: ExecutionSettings) -> int:
    """When a market order that begins now gives up waiting for a book."""
    return now_ms + round(settings.market_wait_s * 1_000)


def as_market(state: ParentState, view: AlgorithmView) -> MarketState:
    """What another algorithm left over, as a market order of the same parent."""
    shared = {name: getattr(state, name) for name in ParentState.__struct_fields__}
    fresh = {"deadline_ms": deadline_ms(view.now_ms, view.settings), "failures": 0, "retry_ms": 0, "wake_ms": None}
    return MarketState(**{**shared, **fresh})
