"""The one function that moves an algorithm on."""

import msgspec

from trader.execution.algorithms.actions import Action
from trader.execution.algorithms.children import RETRY_MS, cancel_live, finish, hear, wake
from trader.execution.algorithms.inputs import (
    Abort,
    AlgorithmInput,
    AlgorithmView,
    ChildChanged,
    ChildRefused,
    Started,
    WokeUp,
)
from trader.execution.algorithms.registry import BY_STATE, AlgorithmState


def step(state: AlgorithmState, news: AlgorithmInput, view: AlgorithmView) -> tuple[AlgorithmState, list[Action]]:
    """The state after `news` and what is to be done.

    Inputs only state facts; what to do follows from the state, the time and the book. So the same input twice, or
    one that is late, does nothing twice. A finished parent still counts late fills and does nothing else.
    """
    before = state
    state = _told(state, news, view.now_ms)
    if state.finished:
        return state, []
    is_refused = isinstance(news, ChildRefused) and state is not before
    if isinstance(news, ChildRefused) and is_refused and not (state.children and (news.passes or news.fits)):
        return finish(state, f"refused: {news.reason}")
    if state.abort_reason:
        return cancel_live(state, view) if state.live is not None else finish(state, state.abort_reason)
    if isinstance(news, ChildRefused) and is_refused:
        return _after_refusal(state, news, view)
    return BY_STATE[type(state)].advance(state, view)


def _after_refusal(
    state: AlgorithmState, news: ChildRefused, view: AlgorithmView
) -> tuple[AlgorithmState, list[Action]]:
    """Wait for a better moment, or go on smaller."""
    if news.passes:
        state = msgspec.structs.replace(state, retry_ms=view.now_ms + RETRY_MS)
        return wake(state, max(view.now_ms + 1, min(state.retry_ms, state.deadline_ms)))
    kept = state.filled + news.fits
    state = msgspec.structs.replace(state, quantity=kept, cut=state.cut + state.quantity - kept)
    return BY_STATE[type(state)].advance(state, view)


def _told(state: AlgorithmState, news: AlgorithmInput, now_ms: int) -> AlgorithmState:
    """`state` with the facts of `news`."""
    if isinstance(news, ChildChanged):
        return hear(state, news.order, now_ms)
    if isinstance(news, ChildRefused):
        sent = tuple(child for child in state.children if child.client_id != news.client_id)
        return msgspec.structs.replace(state, children=sent) if len(sent) < state.step else state
    if isinstance(news, Abort) and not state.abort_reason:
        return msgspec.structs.replace(state, abort_reason=news.reason or "aborted")
    if isinstance(news, Started) or (isinstance(news, WokeUp) and news.parent_id == state.parent_id):
        return msgspec.structs.replace(state, wake_ms=None)
    return state
