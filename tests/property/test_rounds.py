"""However candles of several symbols arrive: each is used once, in its order, and nobody waits without end."""

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.scoring.test_scorer import candle
from trader.scoring.rounds import LONGEST_WAIT, PATIENCE_S, Rounds

SYMBOLS = ("AAA/USDT", "BBB/USDT", "CCC/USDT")
LATE_S = 1.0
COUNT = 50

# who sends its next candle, and how long after the one before; a symbol may stay away for ever
ARRIVALS = st.lists(
    st.tuples(st.sampled_from(SYMBOLS), st.sampled_from([0.0, 0.01, 0.6, 3.0])), min_size=20, max_size=3 * COUNT
)


@given(ARRIVALS, st.sampled_from([SYMBOLS, SYMBOLS[:1], ()]))
def test_every_candle_is_used_once_in_its_order(arrivals: list[tuple[str, float]], awaited: tuple[str, ...]) -> None:
    rounds, now = Rounds(awaited, late_s=LATE_S), 0.0
    sent = dict.fromkeys(SYMBOLS, 0)
    used: dict[str, list[int]] = {symbol: [] for symbol in SYMBOLS}

    def take() -> None:
        for close in rounds.take_complete(now):
            assert set(awaited) - rounds.gone <= close.keys()
            for symbol, one in close.items():
                used[symbol].append(one.open_ms)
        for close in rounds.take_overdue(now):
            opened = next(iter(close.values())).open_ms
            assert opened > (-1 if rounds.done_ms is None else rounds.done_ms)

    for symbol, pause in arrivals:
        now += pause
        if not rounds.add(candle(symbol, sent[symbol]), now):
            used[symbol].append(sent[symbol] * 60_000)
        sent[symbol] += 1
        take()
    for symbol, opened in used.items():
        assert opened == [n * 60_000 for n in range(len(opened))], symbol
    for symbol in SYMBOLS:  # whoever is awaited comes after all: everything gets used
        while sent[symbol] < max(sent.values()):
            if not rounds.add(candle(symbol, sent[symbol]), now):
                used[symbol].append(sent[symbol] * 60_000)
            sent[symbol] += 1
        take()
    assert {symbol: len(opened) for symbol, opened in used.items()} == sent
    assert rounds.next_due(now + LATE_S) is None


@given(st.integers(LONGEST_WAIT + 1, 80), st.floats(0.2, 5.0))
def test_a_silent_symbol_holds_nothing_up_for_longer_than_its_patience(count: int, apart_s: float) -> None:
    rounds = Rounds(SYMBOLS, late_s=LATE_S)
    for number in range(count):
        now = number * apart_s
        for symbol in SYMBOLS[1:]:
            rounds.add(candle(symbol, number), now)
        chances = [*rounds.take_complete(now), *rounds.take_overdue(now + LATE_S)]
        assert chances[-1].keys() == set(SYMBOLS[1:])  # a chance to forecast with the newest candles
        assert chances[-1][SYMBOLS[1]] == candle(SYMBOLS[1], number)
    waiting_s = (count - 1) * apart_s - LATE_S - PATIENCE_S
    assert (SYMBOLS[0] in rounds.gone) == (waiting_s > 0)
