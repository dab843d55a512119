"""The benches measure something; how fast it is no test may ask."""

from trader.bench import close as bench_close
from trader.bench import engine as bench
from trader.bench import replay as bench_replay
from trader.domain.decisions import KeepState
from trader.domain.orders import Purpose


def test_ten_are_held_with_their_stops_resting() -> None:
    state = bench.holding_engine().state
    resting = [order for order in state.orders.tracker.open_orders() if order.intent.purpose is Purpose.STOP]
    assert sorted(order.symbol for order in resting) == sorted(state.account.ledger.positions) == list(bench.HELD)


def test_every_rising_book_is_a_new_best_and_none_is_sold_at() -> None:
    engine = bench.holding_engine()
    kinds = {tuple(type(each) for each in engine.process(book)) for book in bench.rising_books(bench.HELD)}
    assert kinds == {(KeepState,)}


def test_every_number_is_there() -> None:
    assert all(value > 0 for value in bench.measure(2).values())
    assert all(value > 0 for value in bench_close.measure(2).values())
    assert all(value > 0 for value in bench_replay.measure(20).values())
