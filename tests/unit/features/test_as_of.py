"""Observations are seen from the time they were known on, stand as long as they may, and are masked otherwise."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.domain.candle_arrays import Floats, Times
from trader.domain.market import Book
from trader.domain.observation import Observation, in_order
from trader.features.groups.as_of import AsOf, Known, as_of

STALE = 1_000


def seen(event_ms: int, known_ms: int, value: float, source: str = "a") -> Observation:
    return Observation(source, "", event_ms, known_ms, value)


def newest_and_change(known: Known, close_ms: Times) -> Sequence[Floats | float] | None:
    """(newest of a, its change, age of a, newest of b)"""
    if "a" not in known:
        return None
    a, b = known["a"], known.get("b", ())
    change = a[-1].value - a[-2].value if len(a) > 1 else np.nan
    return a[-1].value, change, (close_ms - a[-1].known_ms) / 7.0, b[-1].value if b else np.nan


GROUP = as_of(newest_and_change, 4, sources=("a", "b"), keeps=2, lookback_ms=0, stale_ms=STALE)


def stream() -> AsOf:
    return AsOf(newest_and_change, 4, keeps=2, stale_ms=STALE)


def value_at(close_ms: int, *observations: Observation) -> float:
    one = stream()
    for observation in observations:
        one.learn(observation)
    return float(one.row(close_ms)[0])


def test_a_value_is_seen_from_the_millisecond_it_was_known_on() -> None:
    late = seen(event_ms=10, known_ms=500, value=3.0)
    assert np.isnan(value_at(499, late))
    assert value_at(500, late) == 3.0


def test_a_value_stands_until_it_is_stale_and_is_then_masked_not_zero() -> None:
    one = seen(0, 500, 3.0)
    assert value_at(500 + STALE, one) == 3.0
    assert np.isnan(value_at(501 + STALE, one))
    assert value_at(501 + STALE, one, seen(0, 501, 4.0)) == 4.0


def test_a_stale_source_is_masked_alone() -> None:
    row = stream()
    for one in (seen(0, 500, 3.0, "b"), seen(0, 1_400, 1.0)):
        row.learn(one)
    assert row.row(1_500).tolist()[::3] == [1.0, 3.0]
    newest, _, _, of_b = row.row(1_501).tolist()
    assert newest == 1.0
    assert np.isnan(of_b)


def test_nothing_known_is_masked() -> None:
    assert np.isnan(stream().row(1_000)).all()


def test_a_revision_changes_later_closes_only() -> None:
    said = [seen(10, 100, 1.0), seen(10, 300, 9.0)]  # the same hour, corrected
    rows = GROUP.matrix(said, np.array([100, 200, 299, 300, 400]), 0)
    assert rows[:, 0].tolist() == [1.0, 1.0, 1.0, 9.0, 9.0]


def test_only_as_many_as_the_group_keeps_are_seen() -> None:
    rows = GROUP.matrix([seen(0, at, at / 10) for at in (100, 200, 300)], np.array([350]), 0)
    assert rows[0, :2].tolist() == [30.0, 10.0]


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ([seen(0, 5, np.nan)], "a known at 5 is not finite"),
        ([seen(0, 5, 1.0), seen(0, 4, 1.0)], "a known at 4 comes after one known at 5"),
        ([Book("X", 0, ((1.0, 1.0),), ((2.0, 1.0),))], "not from a Book"),
    ],
)
def test_what_cannot_be_is_refused_and_not_remembered(told: list[Any], why: str) -> None:
    one, *before = stream(), *told[:-1]
    for event in before:
        one.learn(event)
    mark = one.mark()
    with pytest.raises(ValueError, match=why):
        one.learn(told[-1])
    assert one.mark() == mark


def test_looking_ahead_leaves_no_trace() -> None:
    one, plain = stream(), stream()
    for each in (one, plain):
        each.learn(seen(0, 100, 1.0))
        each.learn(seen(0, 200, 2.0))
    mark = one.mark()
    one.learn(seen(0, 250, 7.0))
    assert one.row(300)[0] == 7.0
    one.rewind(mark)
    for close_ms in (150, 300):
        assert one.row(close_ms).tobytes() == plain.row(close_ms).tobytes()


def test_a_saved_stream_goes_on_as_if_nothing_had_happened() -> None:
    one, again = stream(), stream()
    for at in (100, 200, 400):
        one.learn(seen(0, at, at / 10))
    one.row(250)
    again.restore(one.saved())
    assert again.row(450).tobytes() == one.row(450).tobytes()
    with pytest.raises(ValueError, match="comes after"):
        again.learn(seen(0, 399, 0.0))


observations = st.builds(
    seen,
    st.just(0),
    st.integers(0, 5_000),
    st.floats(-1e6, 1e6),
    st.sampled_from(["a", "b"]),
)


@given(st.lists(observations, max_size=25), st.sets(st.integers(0, 7_000), min_size=1, max_size=40), st.data())
def test_stream_equals_batch_however_early_things_are_told(
    said: list[Observation], closes: set[int], data: st.DataObject
) -> None:
    said, close_ms = in_order(said), sorted(closes)
    batch = GROUP.matrix(said, np.array(close_ms), 0)
    live, waiting = stream(), list(said)
    for row, at in zip(batch, close_ms, strict=True):
        ahead_ms = data.draw(st.integers(0, 2_000))
        while waiting and waiting[0].known_ms <= at + ahead_ms:
            live.learn(waiting.pop(0))
        assert live.row(at).tobytes() == row.tobytes()


@given(st.lists(observations, max_size=25), st.lists(observations, max_size=25), st.integers(0, 5_000))
def test_nothing_that_is_known_later_changes_an_earlier_close(
    said: list[Observation], other: list[Observation], cut_ms: int
) -> None:
    past = [one for one in in_order(said) if one.known_ms <= cut_ms]
    poisoned = [*past, *(one for one in in_order(other) if one.known_ms > cut_ms)]
    close_ms = np.arange(0, cut_ms + 1, 97)
    first, second = (GROUP.matrix(events, close_ms, 0) for events in (in_order(said), poisoned))
    assert first.tobytes() == second.tobytes()
