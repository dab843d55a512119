"""Candles of one close belong together; nobody is waited for without end."""

from tests.unit.scoring.test_scorer import candle
from trader.scoring.rounds import LONGEST_WAIT, PATIENCE_S, Round, Rounds

A, B, C = "AAA/USDT", "BBB/USDT", "CCC/USDT"


def rounds(*awaited: str) -> Rounds:
    return Rounds(awaited, late_s=1.0, done_ms=None)


def opened(closes: list[Round]) -> list[list[str]]:
    return [sorted(close) for close in closes]


def test_a_close_is_complete_once_every_awaited_symbol_has_its_candle() -> None:
    one = rounds(A, B)
    one.add(candle(A, 0), 0.0)
    assert one.take_complete(0.0) == []
    one.add(candle(B, 0), 0.1)
    one.add(candle(A, 1), 0.1)
    assert opened(one.take_complete(0.0)) == [[A, B]]
    assert one.done_ms == 0
    assert one.take_complete(0.0) == []


def test_closes_are_done_in_their_order() -> None:
    one = rounds(A, B)
    for symbol, number in ((A, 1), (B, 1), (A, 0)):
        one.add(candle(symbol, number), 0.0)
    assert one.take_complete(0.0) == []
    one.add(candle(B, 0), 0.0)
    assert [close[A].open_ms for close in one.take_complete(0.0)] == [0, 60_000]


def test_without_anybody_to_wait_for_every_candle_is_done_at_once() -> None:
    one = rounds()
    assert one.add(candle(A, 3), 0.0)
    assert opened(one.take_complete(0.0)) == [[A]]
    assert not one.add(candle(B, 3), 0.0)  # its close is done: it follows alone
    assert one.next_due(0.0) is None


def test_an_overdue_close_is_looked_at_again_only_when_something_came() -> None:
    one = rounds(A, B, C)
    one.add(candle(A, 0), 10.0)
    assert one.next_due(10.0) == 11.0
    assert one.take_overdue(10.9) == []
    assert opened(one.take_overdue(11.0)) == [[A]]
    assert one.take_overdue(11.5) == []
    assert one.next_due(11.5) is None
    one.add(candle(B, 0), 11.6)
    assert opened(one.take_overdue(11.6)) == [[A, B]]
    assert one.take_complete(0.0) == []  # it still waits for C
    one.add(candle(C, 0), 12.0)
    assert opened(one.take_complete(0.0)) == [[A, B, C]]
    assert one.take_overdue(13.0) == []


def test_looking_at_an_overdue_close_includes_the_open_ones_before_it() -> None:
    one = rounds(A, B)
    one.add(candle(A, 0), 0.0)
    one.add(candle(A, 1), 5.0)
    one.add(candle(A, 2), 5.5)
    assert [close[A].open_ms for close in one.take_overdue(6.0)] == [0, 60_000]


def test_a_symbol_that_stays_away_is_no_longer_waited_for_until_it_has_caught_up() -> None:
    one = rounds(A, B)
    for number in range(LONGEST_WAIT + 1):
        one.add(candle(A, number), 0.0)
    late = 1.0 + PATIENCE_S
    assert one.take_complete(late) == []  # many at once: B's may be on their way
    assert opened(one.take_complete(late + 0.1)) == [[A]] * (LONGEST_WAIT + 1)
    assert one.gone == {B}
    one.add(candle(A, LONGEST_WAIT + 1), 100.0)
    assert opened(one.take_complete(100.0)) == [[A]]
    assert not one.add(candle(B, LONGEST_WAIT), 101.0)
    assert one.gone == {B}
    assert not one.add(candle(B, LONGEST_WAIT + 1), 101.0)
    assert one.gone == set()
    one.add(candle(A, LONGEST_WAIT + 2), 102.0)
    assert one.take_complete(102.0) == []
