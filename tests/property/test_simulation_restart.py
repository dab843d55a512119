"""A restart from the store changes nothing: same orders, trades and balances as if it had run on."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.simulation_days import CloseCandle, Day, Forget, ShowBook, days
from trader.simulation.exchange import SimulatedExchange
from trader.simulation.records.store import SimulationStore


def state(day: Day, exchange: SimulatedExchange) -> object:
    return day.all_orders(exchange), day.all_trades(exchange), exchange.balances(), exchange.open_orders()


class Books:
    """What a feed shows again after a restart: the books. Of a symbol without one, nothing is known then."""

    def __init__(self) -> None:
        self._shown: dict[str, ShowBook] = {}

    def note(self, step: object) -> None:
        if isinstance(step, ShowBook):
            self._shown[step.symbol] = step
        elif isinstance(step, Forget):
            self._shown.pop(step.symbol, None)

    def show(self, day: Day, *exchanges: SimulatedExchange) -> None:
        for symbol in day.instruments:
            for exchange in exchanges:
                day.do(exchange, self._shown.get(symbol, Forget(symbol)))


@given(days(), st.sets(st.integers(0, 40), max_size=4))
@settings(max_examples=60, deadline=None)
def test_stopping_and_going_on_anywhere_equals_running_on(day: Day, restarts: set[int]) -> None:
    day.steps = [step for step in day.steps if not isinstance(step, CloseCandle)]
    books = Books()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.db"
        store = SimulationStore(path)
        straight, stopped = day.open(), day.open(store)
        for number, step in enumerate(day.steps):
            assert day.do(straight, step) == day.do(stopped, step)
            books.note(step)
            if number in restarts:
                stopped.checkpoint()
                store.close()
                store = SimulationStore(path)
                stopped = day.open(store)
                books.show(day, straight, stopped)
        assert state(day, stopped) == state(day, straight)
        assert stopped.now_ms == straight.now_ms
        store.close()


@given(days(), st.integers(0, 40))
@settings(max_examples=40, deadline=None)
def test_killed_anywhere_the_store_holds_every_finished_step(day: Day, kill_after: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, left = Path(folder) / "a.db", Path(folder) / "left.db"
        store = SimulationStore(path)
        exchange = day.open(store)
        for step in day.steps[:kill_after]:
            day.do(exchange, step)
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{left}{suffix}")
        survivor = SimulationStore(left)
        assert state(day, day.open(survivor)) == state(day, exchange)
        survivor.close()
        store.close()
