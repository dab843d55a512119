"""Slices over time."""

import itertools
from decimal import Decimal

import msgspec
import pytest

from tests.kit.builders import NOW_MS, a_book, an_instrument
from tests.unit.execution.driver import Run
from trader.config.execution import ExecutionSettings
from trader.domain.orders import Purpose, Side, TimeInForce
from trader.domain.reasons import Code, because
from trader.execution.algorithms import ChildRefused, Started, TwapState
from trader.execution.algorithms.twap import due_ms, slice_count

SETTINGS = ExecutionSettings()


def test_ten_slices_in_five_minutes_at_the_opposite_touch() -> None:
    run = Run("twap", "10")
    times = [run.now_ms]
    for _ in range(9):
        run.fill("1")
        before = len(run.placed)
        while len(run.placed) == before:
            run.advance(1)
        times.append(run.now_ms)
    run.fill("1")
    assert run.finished == "filled"
    assert [intent.quantity for intent in run.placed] == [Decimal(1)] * 10
    assert {intent.price for intent in run.placed} == {Decimal("100.01")}
    assert {intent.time_in_force for intent in run.placed} == {TimeInForce.IOC}
    assert times[-1] - NOW_MS <= 300_000
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert len(set(gaps)) > 3  # jittered
    assert min(gaps) >= 14_000


def test_a_sale_hits_the_bid() -> None:
    assert Run("twap", "10", side=Side.SELL).last.price == Decimal("99.99")


def test_jitter_is_the_same_in_every_run_and_differs_by_parent() -> None:
    state = Run("twap", "10").state
    other = Run("twap", "10").state
    assert isinstance(state, TwapState)
    assert isinstance(other, TwapState)
    times = [due_ms(state, i, SETTINGS) for i in range(13)]
    assert times == [due_ms(other, i, SETTINGS) for i in range(13)]
    assert times == sorted(set(times))
    assert times[-1] < state.deadline_ms


def test_without_jitter_the_slices_are_evenly_spaced() -> None:
    even = ExecutionSettings(twap_jitter_frac=0.0)
    state = Run("twap", "10", settings=even).state
    assert isinstance(state, TwapState)
    assert [due_ms(state, i, even) - NOW_MS for i in range(10)] == [30_000 * i for i in range(10)]


def test_the_widest_jitter_keeps_the_slices_in_order() -> None:
    wide = ExecutionSettings(twap_jitter_frac=0.35)
    state = Run("twap", "10", settings=wide).state
    assert isinstance(state, TwapState)
    times = [due_ms(state, i, wide) for i in range(13)]
    assert times == sorted(set(times))


def test_what_a_slice_leaves_is_carried_to_the_next() -> None:
    run = Run("twap", "10")
    run.fill("0.25")
    run.end()
    run.advance(45)
    assert run.last.quantity == Decimal("1.75")


def test_a_blocked_slice_is_made_up_for() -> None:
    run = Run("twap", "10")
    run.lose()
    run.advance(100)
    assert len(run.placed) == 1
    run.absent()
    run.advance(2)
    assert len(run.placed) == 2
    assert run.last.quantity in (Decimal(4), Decimal(5))


def test_slices_are_merged_to_reach_the_minimum() -> None:
    instrument = an_instrument(min_notional="5")
    assert slice_count(Decimal(10), 100.0, instrument, 10) == 10
    assert slice_count(Decimal("0.2"), 100.0, instrument, 10) == 3  # 20 USDT
    assert slice_count(Decimal("0.06"), 100.0, instrument, 10) == 1
    assert slice_count(Decimal("0.00003"), 100.0, an_instrument(min_notional="0"), 10) == 3
    run = Run("twap", "0.2")
    assert run.last.quantity * Decimal(100) >= 5


def test_the_last_slice_takes_what_could_not_be_traded_alone() -> None:
    run = Run("twap", "0.119")  # two slices of 5.95 USDT; a rest below 5 USDT must not remain
    run.fill("0.05")
    run.end()
    while run.finished is None and len(run.placed) == 1:
        run.advance(5)
    assert run.last.quantity == Decimal("0.069")


def test_an_entry_leaves_what_the_extra_tries_could_not_fill() -> None:
    run = Run("twap", "10")
    for _ in range(100):
        if run.live is not None:
            run.end()
        run.advance(5)
    assert run.finished == "filled 0 of 10 in 13 slices"
    assert len(run.placed) == 13
    assert run.last.quantity == Decimal(10)


def test_an_exit_takes_the_market_for_the_rest() -> None:
    run = Run("twap", "10", side=Side.SELL, purpose=Purpose.EXIT)
    for _ in range(60):
        if run.live is not None:
            run.end()
        run.advance(5)
    assert run.last.price == Decimal("99.70")
    assert run.last.quantity == Decimal(10)
    assert run.state.algorithm == "twap"


def test_average_is_weighted_by_quantity() -> None:
    run = Run("twap", "10")
    run.fill("0.5", "90")
    run.end()
    run.advance(45)
    run.fill("1.5", "102")
    assert run.state.average_price == Decimal("99")


def test_started_again_mid_way_places_nothing_and_keeps_the_schedule() -> None:
    run = Run("twap", "10")
    run.fill("1")
    wanted = dict(run.timers)
    run.restart()
    assert run.timers == wanted
    assert len(run.placed) == 1
    assert run.tell(Started()) != []  # the timer is armed again
    assert len(run.placed) == 1


def test_a_restart_after_a_long_stop_makes_up_with_one_slice() -> None:
    run = Run("twap", "10")
    run.fill("1")
    run.now_ms += 150_000
    run.restart()
    assert len(run.placed) == 2
    assert run.last.quantity >= Decimal(4)


def test_no_slice_without_a_book() -> None:
    run = Run("twap", "10")
    run.fill("1")
    run.book = None
    run.advance(100)
    assert len(run.placed) == 1
    run.book = a_book()
    run.advance(2)
    assert len(run.placed) == 2


def thin() -> Run:
    """100 base through a book of 20 levels of 1: a slice takes 4 at most, a fifth of what is shown."""
    return Run("twap", "100", book=a_book(size=1.0))


def test_a_slice_takes_at_most_its_share_of_the_book() -> None:
    run = thin()
    assert run.last.quantity == Decimal(4)
    for _ in range(70):
        if run.live is not None:
            run.fill(run.last.quantity)
        run.advance(5)
    assert {intent.quantity for intent in run.placed} == {Decimal(4)}
    assert run.finished == "filled 52.00000 of 100 in 13 slices"


def test_the_share_is_that_of_the_book_at_the_slice() -> None:
    run = thin()
    run.fill("4")
    run.book = a_book(size=3.0)
    run.advance(45)
    assert run.last.quantity == Decimal(12)  # of 16 it is behind


def test_a_slice_too_small_for_the_exchange_is_carried_to_the_next() -> None:
    run = thin()
    run.fill("4")
    run.book = a_book(size=0.005)  # a fifth of 0.1 base is 2 USDT
    run.advance(45)
    assert len(run.placed) == 1
    run.book = a_book(size=2.0)
    run.advance(30)
    assert run.last.quantity == Decimal(8)


# --- refused by the review --------------------------------------------------------------------------------


def test_a_slice_refused_for_the_moment_is_carried_to_the_next() -> None:
    run = Run("twap", "10")
    run.fill("1")
    run.refusals = [ChildRefused("", because(Code.DATA_NOT_LIVE), passes=True)]
    while run.refusals:
        run.advance(1)
    assert (run.finished, run.state.live, len(run.placed)) == (None, None, 1)
    run.advance(45)
    assert run.last.quantity == Decimal(2)
    assert run.finished is None


def test_refused_until_its_time_is_up_it_ends_with_what_it_has() -> None:
    run = Run("twap", "10")
    run.fill("1")
    run.refusals = [ChildRefused("", because(Code.DATA_NOT_LIVE), passes=True)] * 100
    run.advance(301)
    assert (run.finished, len(run.placed)) == ("filled 1 of 10 in 13 slices", 1)
    assert len(run.refusals) == 100 - 12  # each slice is asked for once


def test_what_a_limit_cuts_off_is_not_bought() -> None:
    run = Run("twap", "10")
    run.fill("1")
    run.refusals = [ChildRefused("", because(Code.EXPOSURE_LIMIT), fits=Decimal("0.5"))]
    while run.refusals:
        run.advance(1)
    assert (run.state.quantity, run.state.cut) == (Decimal("1.5"), Decimal("8.5"))
    for _ in range(60):
        run.advance(5)
        if run.live is not None:
            run.fill(run.last.quantity)
    assert (run.finished, run.state.filled) == ("filled", Decimal("1.5"))


def test_a_refusal_that_neither_passes_nor_shrinks_ends_it() -> None:
    run = Run("twap", "10")
    run.tell(ChildRefused(run.last.client_id, because(Code.SPOT_CANNOT_SHORT)))
    assert run.finished == "refused: spot cannot short"


def test_the_extra_tries_are_in_the_last_interval() -> None:
    even = ExecutionSettings(twap_jitter_frac=0.0)
    state = Run("twap", "10", settings=even).state
    assert isinstance(state, TwapState)
    assert [due_ms(state, i, even) - NOW_MS for i in (10, 11, 12)] == [282_000, 288_000, 294_000]
    assert state.deadline_ms - NOW_MS == 300_000


def test_a_slice_is_shifted_by_at_most_its_share_of_the_interval_to_either_side() -> None:
    shifts = []
    for number in range(40):
        state = Run("twap", "10").state
        assert isinstance(state, TwapState)
        named = msgspec.structs.replace(state, parent_id=f"p-{number}")
        shifts += [due_ms(named, i, SETTINGS) - NOW_MS - 30_000 * i for i in range(1, 10)]
        assert due_ms(named, 0, SETTINGS) == NOW_MS
    assert max(abs(shift) for shift in shifts) <= 7_500  # a quarter of 30 s
    assert min(shifts) < -7_000
    assert max(shifts) > 7_000
    assert abs(sum(shifts) / len(shifts)) < 1_000


def test_a_slice_has_a_tenth_more_than_the_least() -> None:
    instrument = an_instrument(min_notional="5")
    assert slice_count(Decimal("0.11"), 100.0, instrument, 10) == 2  # 11 USDT, 5.5 each
    assert slice_count(Decimal("0.1099"), 100.0, instrument, 10) == 1


@pytest.mark.parametrize(
    ("side", "has_book", "slices"), [(Side.BUY, True, 3), (Side.SELL, True, 1), (Side.BUY, False, 10)]
)
def test_slices_are_counted_at_the_touch_they_take(side: Side, slices: int, *, has_book: bool) -> None:
    """0.2 at 100 are 20 USDT, three times 5.5; at 50 they are 10."""
    state = Run("twap", "0.2", side=side, book=a_book(bid=50.0, ask=100.0), has_book=has_book).state
    assert isinstance(state, TwapState)
    assert state.slices == slices


def test_a_slice_takes_the_rest_with_it_that_could_not_be_traded_alone() -> None:
    """Three slices of 0.055. The first found nothing and the price fell: a third alone would be 4.95 USDT."""
    run = Run("twap", "0.165")
    run.end()
    run.book = a_book(bid=89.99, ask=90.01)
    run.advance(150)
    assert [intent.quantity for intent in run.placed] == [Decimal("0.055"), Decimal("0.165")]


def test_no_try_is_for_more_than_is_left_and_the_last_one_ends_it() -> None:
    run = Run("twap", "10", settings=ExecutionSettings(twap_jitter_frac=0.0))
    run.fill("0.5")
    while len(run.placed) < 13:
        if run.live is not None:
            run.end()
        run.advance(1)
    assert [intent.quantity for intent in run.placed[9:]] == [Decimal("9.5")] * 4
    assert run.now_ms - NOW_MS == 294_000
    run.end()
    assert run.finished == "filled 0.5 of 10 in 13 slices"
