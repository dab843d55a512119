"""What a book must look like, and when a symbol's data may be trusted."""

import math

import pytest

from trader.domain.events import StreamState
from trader.domain.market import Levels
from trader.market.quality import Part, SymbolHealth, book_fault, strays

BIDS: Levels = ((99.0, 1.0), (98.0, 2.0))
ASKS: Levels = ((101.0, 1.0), (102.0, 2.0))


def test_a_sound_book_has_no_fault() -> None:
    assert book_fault(BIDS, ASKS) is None


@pytest.mark.parametrize(
    ("bids", "asks", "why"),
    [
        ((), ASKS, "bids are empty"),
        (BIDS, (), "asks are empty"),
        (((101.0, 1.0),), ASKS, "crossed"),
        (((103.0, 1.0),), ASKS, "crossed"),
        (((98.0, 1.0), (98.5, 1.0)), ASKS, "out of order"),
        (((98.0, 1.0), (98.0, 1.0)), ASKS, "out of order"),
        (BIDS, ((101.0, 1.0), (100.5, 1.0)), "out of order"),
        (((99.0, 0.0),), ASKS, "out of range"),
        (((99.0, -1.0),), ASKS, "out of range"),
        (((99.0, math.nan),), ASKS, "out of range"),
        (((-1.0, 1.0),), ASKS, "out of range"),
        (((math.nan, 1.0),), ASKS, "out of order"),
        (BIDS, ((math.inf, 1.0),), "not finite"),
    ],
)
def test_faults_are_named(bids: Levels, asks: Levels, why: str) -> None:
    assert why in str(book_fault(bids, asks))


@pytest.mark.parametrize(
    ("price", "is_stray"), [(100.0, False), (101.9, False), (102.1, True), (98.1, False), (97.9, True)]
)
def test_trades_far_outside_the_spread_accuse_the_book(price: float, is_stray: bool) -> None:
    assert strays(BIDS, ASKS, price, 0.01) is is_stray


def test_a_symbol_is_live_once_all_streams_are_and_as_bad_as_the_worst() -> None:
    health = SymbolHealth((Part.BOOKS, Part.CLOSED))
    assert health.set(Part.BOOKS, StreamState.LIVE, "first book") is None
    assert health.set(Part.CLOSED, StreamState.LIVE, "complete") == (StreamState.LIVE, "candles: complete")
    assert health.set(Part.CLOSED, StreamState.LIVE, "complete") is None
    assert health.set(Part.BOOKS, StreamState.STALE, "silent") == (StreamState.STALE, "books: silent")
    assert health.set(Part.CLOSED, StreamState.GAP, "missing") == (StreamState.GAP, "candles: missing")
    assert health.set(Part.BOOKS, StreamState.LIVE, "data flows") is None
    assert health.set(Part.CLOSED, StreamState.LIVE, "complete") == (StreamState.LIVE, "candles: complete")


def test_trouble_is_told_before_everything_was_heard_of() -> None:
    health = SymbolHealth((Part.BOOKS, Part.CLOSED))
    assert health.set(Part.CLOSED, StreamState.GAP, "missing") == (StreamState.GAP, "candles: missing")
    assert (health.state_of(Part.BOOKS), health.state_of(Part.CLOSED)) == (None, StreamState.GAP)
