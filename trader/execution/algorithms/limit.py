"""Post-only limit order that starts passive and moves towards the near touch until its time is up."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from trader.config.execution import ExecutionSettings
from trader.domain.instrument import Instrument, Rounding
from trader.domain.market import Book
from trader.domain.orders import Side
from trader.execution.algorithms.actions import Action
from trader.execution.algorithms.children import RETRY_MS, cancel_live, finish, finish_done, place, wake
from trader.execution.algorithms.inputs import AlgorithmView
from trader.execution.algorithms.market import MarketState, as_market
from trader.execution.algorithms.market import advance as advance_market
from trader.execution.algorithms.state import Child, ParentState
from trader.execution.impact import Levels, estimate_impact, held_quantity


class LimitState(ParentState, frozen=True, kw_only=True, tag="limit"):
    """Post-only limit order that moves towards the near touch."""

    reprices: int = 0
    reprice_ms: int = 0  # when the next reprice is due


def begin(parent: Mapping[str, Any], view: AlgorithmView) -> LimitState:
    """A limit order of `parent` (the fields of `ParentState` but the deadline)."""
    return LimitState(**parent, deadline_ms=view.now_ms + round(view.settings.limit_timeout_s * 1000))


def impact_paid(levels: Levels, quantity: float, settings: ExecutionSettings) -> float:
    """Resting pays none: only the way out does, and half of what goes to market there, on average."""
    return min(estimate_impact(levels, quantity), settings.twap_above_frac) / 2


def most(levels: Levels, _settings: ExecutionSettings) -> float:
    """What the other side of the book shows: more than that will hardly come to it."""
    return held_quantity(levels)


def dearest_price(instrument: Instrument, book: Book, side: Side, settings: ExecutionSettings) -> Decimal:
    """The last price of a buy, which is raised towards the bid; the first of a sale, which is lowered to the ask."""
    return passive_price(instrument, book, side, 1.0 if side is Side.BUY else 0.0, settings)


def advance(state: LimitState, view: AlgorithmView) -> tuple[LimitState | MarketState, list[Action]]:
    """Rest, reprice, or end. What is left at the deadline: an entry gives it up, anything else takes the market."""
    child = state.live
    if view.now_ms >= state.deadline_ms:
        return cancel_live(state, view) if child is not None else _after_deadline(state, view)
    if child is not None:
        return _rest(state, child, view)
    done = finish_done(state, view)
    if done is not None:
        return done
    if view.now_ms < state.retry_ms and state.failures:
        return wake(state, min(state.retry_ms, state.deadline_ms))
    if view.book is None:
        return wake(state, min(view.now_ms + RETRY_MS, state.deadline_ms))
    price = passive_price(view.instrument, view.book, state.side, _share(state, view.settings), view.settings)
    reprice_ms = view.now_ms + _reprice_ms(view.settings)
    state = msgspec.structs.replace(state, reprice_ms=reprice_ms)
    state, placed = place(state, view, view.instrument.round_quantity(state.remaining), price, is_post_only=True)
    state, wakes = wake(state, min(reprice_ms, state.deadline_ms))
    return state, [*placed, *wakes]


def passive_price(instrument: Instrument, book: Book, side: Side, share: float, settings: ExecutionSettings) -> Decimal:
    """`limit_offset_frac` on the passive side of the opposite touch, moved by `share` (0..1) to the near touch.

    A start that is already better than the near touch stays. On the tick, and at least one tick from crossing.
    """
    tick = instrument.price_tick
    if side is Side.BUY:
        start = book.ask * (1 - settings.limit_offset_frac)
        target = start + share * max(0.0, book.bid - start)
        barely_passive = instrument.round_price(book.ask, Rounding.UP) - tick
        return min(instrument.round_price(target, Rounding.DOWN), barely_passive)
    start = book.bid * (1 + settings.limit_offset_frac)
    target = start - share * max(0.0, start - book.ask)
    barely_passive = instrument.round_price(book.bid, Rounding.DOWN) + tick
    return max(instrument.round_price(target, Rounding.UP), barely_passive)


def _rest(state: LimitState, child: Child, view: AlgorithmView) -> tuple[LimitState, list[Action]]:
    """With a child on the book: leave it, or take it back because a price nearer to the market is due."""
    if child.cancel_asked_ms is not None:
        return cancel_live(state, view)
    if view.now_ms < state.reprice_ms or view.book is None or not child.is_open:
        due = state.reprice_ms if view.now_ms < state.reprice_ms else view.now_ms + RETRY_MS
        return wake(state, min(due, state.deadline_ms))
    state = msgspec.structs.replace(
        state, reprices=state.reprices + 1, reprice_ms=view.now_ms + _reprice_ms(view.settings)
    )
    price = passive_price(view.instrument, view.book, state.side, _share(state, view.settings), view.settings)
    if (price - child.price) * state.side.sign > 0:
        return cancel_live(state, view)
    return wake(state, min(state.reprice_ms, state.deadline_ms))


def _after_deadline(state: LimitState, view: AlgorithmView) -> tuple[LimitState | MarketState, list[Action]]:
    if state.remaining == 0:
        return finish(state, "filled")
    if state.purpose.reduces:
        return advance_market(as_market(state, view), view)
    return finish(state, f"timed out: filled {state.filled} of {state.quantity}")


def _share(state: LimitState, settings: ExecutionSettings) -> float:
    """How far to the near touch the current reprice goes: 0 at first, 1 in the last period."""
    periods = max(2, round(settings.limit_timeout_s / settings.limit_reprice_s))
    return min(1.0, state.reprices / (periods - 1))


def _reprice_ms(settings: ExecutionSettings) -> int:
    return round(settings.limit_reprice_s * 1000)
