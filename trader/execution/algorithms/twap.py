"""Time-weighted slices: each an IOC at the opposite touch, what it leaves is carried to the next.

A slice takes at most `participation_frac` of what the other side shows, so that the book can refill until the next.
That it does is the assumption behind the cost of a TWAP and behind how much it may carry.
"""

from collections.abc import Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import msgspec

from trader.config.execution import ExecutionSettings
from trader.domain.instrument import Instrument, exact
from trader.domain.market import Book
from trader.domain.orders import Side
from trader.execution.algorithms.actions import Action
from trader.execution.algorithms.children import RETRY_MS, cancel_live, finish, finish_done, place, refusal, wake
from trader.execution.algorithms.inputs import AlgorithmView
from trader.execution.algorithms.market import MarketState, as_market, protected_price
from trader.execution.algorithms.market import advance as advance_market
from trader.execution.algorithms.state import ParentState
from trader.execution.impact import Levels, estimate_impact, held_quantity, opposite

EXTRA_SLICES = 3  # tries for the remainder inside the last interval
_EXTRA_FROM, _EXTRA_STEP = 0.4, 0.2  # when, share of the interval: the third comes before the TWAP is over

# A slice is made this much larger than the minimum, so that a falling price does not make it too small.
_MIN_HEADROOM = Decimal("1.1")


class TwapState(ParentState, frozen=True, kw_only=True, tag="twap"):
    """Slices over time, each an IOC at the opposite touch."""

    slices: int
    next_slice: int = 0


def begin(parent: Mapping[str, Any], view: AlgorithmView) -> TwapState:
    """A TWAP of `parent` (the fields of `ParentState` but the deadline)."""
    book, settings, quantity = view.book, view.settings, parent["quantity"]
    touch = (book.ask if parent["side"] is Side.BUY else book.bid) if book else 0.0
    slices = slice_count(quantity, touch, view.instrument, settings.twap_slices) if touch else settings.twap_slices
    return TwapState(**parent, deadline_ms=view.now_ms + round(settings.twap_duration_s * 1000), slices=slices)


def impact_paid(levels: Levels, quantity: float, settings: ExecutionSettings) -> float:
    """That of one slice, each walked on the book refilled."""
    return estimate_impact(levels, quantity / settings.twap_slices)


def most(levels: Levels, settings: ExecutionSettings) -> float:
    """What all slices may take of a book like this."""
    return settings.twap_slices * settings.participation_frac * held_quantity(levels)


def dearest_price(instrument: Instrument, book: Book, side: Side, _settings: ExecutionSettings) -> Decimal:
    """The opposite touch."""
    return protected_price(instrument, book, side, 0.0)


def advance(state: TwapState, view: AlgorithmView) -> tuple[TwapState | MarketState, list[Action]]:
    """Place the slice that is due, carrying over what earlier ones left. After the last try: as `_leave`."""
    if state.live is not None:
        if view.now_ms >= state.deadline_ms:
            return cancel_live(state, view)
        return wake(state, state.deadline_ms)
    done = finish_done(state, view)
    if done is not None:
        return done
    if view.now_ms >= state.deadline_ms or state.next_slice >= state.slices + EXTRA_SLICES:
        return _leave(state, view)
    due = due_slice(state, view)
    if due < state.next_slice:
        return wake(state, due_ms(state, state.next_slice, view.settings))
    if view.book is None or view.now_ms < state.retry_ms:
        return wake(state, min(max(state.retry_ms, view.now_ms + RETRY_MS), state.deadline_ms))
    state = msgspec.structs.replace(state, next_slice=due + 1)
    behind, share = _target(state, due) - state.filled, _participation(view.book, state.side, view.settings)
    quantity = view.instrument.round_quantity(min(behind, share))
    if refusal(state, view, quantity) is not None:
        return wake(state, _next_ms(state, view.settings))
    rest = state.remaining - quantity
    if rest > 0 and share > behind and refusal(state, view, rest) is not None:
        quantity = view.instrument.round_quantity(state.remaining)  # the rest could never be traded alone
    price = protected_price(view.instrument, view.book, state.side, 0.0)
    state, placed = place(state, view, quantity, price)
    state, wakes = wake(state, state.deadline_ms)
    return state, [*placed, *wakes]


def slice_count(quantity: Decimal, price: float, instrument: Instrument, wanted: int) -> int:
    """`wanted` slices, or fewer so that each reaches the minimum notional and quantity; at least 1."""
    notional = quantity * instrument.round_price(price)
    most = wanted
    if instrument.min_notional:
        most = min(most, int(notional / (instrument.min_notional * _MIN_HEADROOM)))
    smallest = max(instrument.min_quantity, instrument.quantity_step)
    return max(1, min(most, int(quantity / smallest)))


def due_ms(state: TwapState, index: int, settings: ExecutionSettings) -> int:
    """When slice `index` is due. Slices from `slices` on are the extra tries for the remainder."""
    interval = settings.twap_duration_s * 1000 / state.slices
    if index == 0:
        return state.started_ms
    if index < state.slices:
        return state.started_ms + round(interval * (index + _jitter(state.parent_id, index, settings.twap_jitter_frac)))
    shift = _EXTRA_FROM + _EXTRA_STEP * (index - state.slices)
    return state.started_ms + round(interval * (state.slices - 1 + shift))


def due_slice(state: TwapState, view: AlgorithmView) -> int:
    """The newest slice that is due now."""
    due = state.next_slice - 1
    while due + 1 < state.slices + EXTRA_SLICES and due_ms(state, due + 1, view.settings) <= view.now_ms:
        due += 1
    return due


def _jitter(parent_id: str, index: int, most_frac: float) -> float:
    """A shift in -most_frac..most_frac of the interval, the same in every run."""
    digest = blake2b(f"{parent_id}/{index}".encode(), digest_size=8).digest()
    return most_frac * (int.from_bytes(digest, "big") / 2**63 - 1)


def _target(state: TwapState, index: int) -> Decimal:
    """How much should be filled after slice `index`."""
    if index >= state.slices - 1:
        return state.quantity
    return state.quantity * (index + 1) / state.slices


def _participation(book: Book, side: Side, settings: ExecutionSettings) -> Decimal:
    """The most that one slice takes now, base."""
    return exact(settings.participation_frac * held_quantity(opposite(book, side)))


def _next_ms(state: TwapState, settings: ExecutionSettings) -> int:
    if state.next_slice >= state.slices + EXTRA_SLICES:
        return state.deadline_ms
    return min(state.deadline_ms, due_ms(state, state.next_slice, settings))


def _leave(state: TwapState, view: AlgorithmView) -> tuple[TwapState | MarketState, list[Action]]:
    """What is left after the last try: an entry gives it up, anything else takes the market."""
    if state.purpose.reduces:
        return advance_market(as_market(state, view), view)
    return finish(state, f"filled {state.filled} of {state.quantity} in {state.next_slice} slices")
