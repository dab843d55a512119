"""Closed candles: each once, in order, without a gap, never before they are proven, never with half-formed values."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.domain.market import Candle
from trader.market.candles import CandleAssembler, Row, closed, continuous, fault_of, flat

MINUTE = 60_000
T0 = 1_700_000_040_000  # on the grid of minutes


def at(index: int) -> int:
    return T0 + index * MINUTE


def row(index: int, close: float = 100.0, volume: float = 1.0) -> Row:
    return Row(at(index), 100.0, max(100.0, close), min(100.0, close), close, volume)


def an_assembler(*, states_final: bool = False, last: int | None = -1) -> CandleAssembler:
    """Its newest candle is number `last`."""
    previous = None if last is None else closed("X", row(last), MINUTE)
    return CandleAssembler("X", MINUTE, last=previous, states_final=states_final)


def opens(candles: list[Candle]) -> list[int]:
    return [(candle.open_ms - T0) // MINUTE for candle in candles]


def test_a_later_candle_proves_the_one_before() -> None:
    maker = an_assembler()
    assert maker.update(row(0, 101.0)) == []
    assert maker.update(row(0, 102.0, 2.0)) == []
    told = maker.update(row(1))
    assert told == [Candle("X", at(0), at(1), 100.0, 102.0, 100.0, 102.0, 2.0)]


def test_the_exchanges_own_word_proves_at_once_and_nothing_changes_it_afterwards() -> None:
    maker = an_assembler(states_final=True)
    assert opens(maker.update(row(0, 101.0), is_final=True)) == [0]
    assert maker.update(row(0, 999.0)) == []
    assert maker.update(row(0, 999.0), is_final=True) == []


def test_where_finals_are_stated_a_successor_alone_proves_nothing() -> None:
    maker = an_assembler(states_final=True)
    maker.update(row(0))
    assert maker.update(row(1)) == []
    assert maker.missing == (at(0), at(1))
    assert opens(maker.confirm([row(0, 105.0)], at(1))) == [0]
    assert maker.missing is None


def test_half_formed_candles_around_a_break_are_not_told_with_half_their_values() -> None:
    maker = an_assembler()
    maker.update(row(0, 101.0))
    maker.interrupt()
    assert maker.update(row(1)) == []  # candle 0 moved on while nobody listened
    assert maker.missing == (at(0), at(1))
    told = maker.confirm([row(0, 107.0)], at(1))
    assert [candle.close for candle in told] == [107.0]


def test_a_break_within_a_candle_heals_when_the_stream_speaks_of_it_again() -> None:
    maker = an_assembler()
    maker.update(row(0, 101.0))
    maker.interrupt()
    maker.update(row(0, 103.0))
    assert [candle.close for candle in maker.update(row(1))] == [103.0]


def test_skipped_candles_are_missing_until_confirmed_and_then_flat() -> None:
    maker = an_assembler()
    assert maker.update(row(3)) == []
    assert maker.missing == (at(0), at(3))
    told = maker.confirm([row(1, 110.0)], at(3))
    assert opens(told) == [0, 1, 2]
    assert [candle.is_gap for candle in told] == [True, False, True]
    assert (told[2].open, told[2].close, told[2].volume) == (110.0, 110.0, 0.0)
    assert opens(maker.update(row(4))) == [3]


def test_what_the_stream_finished_meanwhile_follows_a_confirmation() -> None:
    maker = an_assembler(states_final=True)
    maker.update(row(1), is_final=True)
    maker.update(row(2), is_final=True)
    assert opens(maker.confirm([row(0)], at(1))) == [0, 1, 2]


def test_a_late_word_on_a_finished_candle_that_still_waits_is_ignored() -> None:
    maker = an_assembler(states_final=True)
    maker.update(row(1, 111.0), is_final=True)
    maker.update(row(1, 55.0))
    assert [candle.close for candle in maker.confirm([row(0)], at(1))] == [100.0, 111.0]


def test_without_history_the_first_candle_is_the_first_one_heard_of() -> None:
    maker = an_assembler(last=None)
    assert maker.next_open_ms is None
    maker.update(row(5))
    assert opens(maker.update(row(6))) == [5]


def test_starting_after_known_rows_tells_only_what_follows() -> None:
    maker = an_assembler(last=None, states_final=True)
    maker.update(row(3), is_final=True)
    assert opens(maker.begin_after([row(1), row(2)])) == []  # 3 was already told when it ended
    fresh = an_assembler(last=None)
    fresh.begin_after([row(1), row(2)])
    assert fresh.next_open_ms == at(3)


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (Row(T0 + 1, 1, 1, 1, 1, 1), "grid"),
        (Row(T0, 1, 1, 1, float("nan"), 1), "finite"),
        (Row(T0, 1, 1, 1, 1, -1), "range"),
        (Row(T0, 1, 1, 0, 1, 1), "range"),
        (Row(T0, 2, 1.5, 1, 1, 1), "high and low"),
    ],
)
def test_rows_that_cannot_be_candles_are_refused(broken: Row, why: str) -> None:
    fault = fault_of(broken, MINUTE)
    assert fault is not None
    assert why in fault
    with pytest.raises(ValueError, match=why):
        an_assembler().update(broken)
    with pytest.raises(ValueError, match=why):
        an_assembler().confirm([broken], at(1))


def test_a_continuous_list_starts_where_something_is_known() -> None:
    span: dict[str, Any] = {"since_ms": at(0), "until_ms": at(4)}
    assert opens(continuous("X", MINUTE, [row(2)], previous=None, **span)) == [2, 3]
    assert opens(continuous("X", MINUTE, [row(2)], previous=flat("X", at(-1), MINUTE, 9.0), **span)) == [0, 1, 2, 3]
    assert continuous("X", MINUTE, [], previous=None, **span) == []


# A market and a bad line: for each step something of the stream arrives, is lost, or the line breaks; now and then
# REST is asked for what is missing. Whatever happens, what comes out is the market's own record.

Step = st.sampled_from(["update", "lose", "break", "rest"])


@settings(max_examples=300, deadline=None)
@given(
    absent=st.sets(st.integers(1, 11)),
    steps=st.lists(st.tuples(Step, st.integers(1, 3)), max_size=60),
    states_final=st.booleans(),
)
def test_whatever_the_line_does_the_record_comes_out_once_and_in_order(
    absent: set[int], steps: list[tuple[str, int]], states_final: bool
) -> None:
    record = {index: row(index, 100.0 + index, 3.0) for index in range(12) if index not in absent}
    updates = [(index, part) for index in record for part in (1, 2, 3)]
    maker = an_assembler(states_final=states_final)
    told: list[Candle] = []
    position = 0
    is_listening = True
    for what, count in steps:
        for _ in range(count):
            if what == "rest":
                if (span := maker.missing) is not None and position:
                    over = updates[position - 1][0]
                    rows = [entry for index, entry in record.items() if at(index) >= span[0] and index < over]
                    told += maker.confirm(rows, min(span[1], at(over)))
                continue
            if position == len(updates):
                break
            index, part = updates[position]
            position += 1
            if what == "break":
                maker.interrupt()
                is_listening = False
            elif what == "update":
                if not is_listening:
                    is_listening = True
                half = record[index] if part == 3 else row(index, 100.0 + index / 2, float(part))
                told += maker.update(half, is_final=part == 3 and states_final)
            elif not states_final:
                maker.interrupt()  # without finals a loss on an open line cannot be seen; ccxt reports the break
    last = told[-1].open_ms if told else at(-1)
    expected = continuous(
        "X",
        MINUTE,
        list(record.values()),
        previous=closed("X", row(-1), MINUTE),
        since_ms=at(0),
        until_ms=last + MINUTE,
    )
    assert told == expected
