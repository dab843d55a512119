"""Whoever hears turns can be slow, broken or stuck: trading goes on, and what was missed is counted and told once."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from tests.kit.builders import NOW_MS, a_book
from tests.kit.sandbox import eventually
from tests.kit.shell import Shell, shell
from trader.domain.decisions import RecordTrade, SubmitOrder
from trader.domain.events import BookUpdated, CandleClosed, CommandName, ForecastMade, Ticked, TimerFired
from trader.domain.market import Candle
from trader.domain.timers import TimerId, TimerKind
from trader.runtime.outlets import Outlet, Outlets, OutletStatus
from trader.runtime.turn import Turn

WAIT_S = 10.0


class Heard:
    """An outlet that keeps what it hears, and does `then` with each turn."""

    def __init__(self, name: str = "heard", then: Callable[[Turn], None] = lambda turn: None) -> None:
        self.name = name
        self.turns: list[Turn] = []
        self._then = then

    def hear(self, turn: Turn) -> None:
        self.turns.append(turn)
        self._then(turn)

    @property
    def numbers(self) -> list[int]:
        return [turn.seq for turn in self.turns]


class Gate:
    """Where an outlet is stuck until it is opened."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self.is_stuck = threading.Event()

    def __call__(self, turn: Turn) -> None:
        del turn
        self.is_stuck.set()
        assert self._open.wait(WAIT_S)

    def open(self) -> None:
        self._open.set()


def news(*numbers: int) -> list[Turn]:
    return [Turn(TimerFired(seq=number, timer=TimerId(TimerKind.STOP, "t"))) for number in numbers]


def broken(turn: Turn) -> None:
    raise ValueError(f"broken at {turn.seq}")


def tell(outlets: Outlets, turns: list[Turn]) -> None:
    for turn in turns:
        outlets.hear(turn)


@contextmanager
def logged() -> Iterator[list[str]]:
    """Events of the log, filled until the block ends."""
    events: list[str] = []
    with structlog.testing.capture_logs() as lines:
        yield events
        events += [line["event"] for line in lines]


async def test_every_outlet_hears_all_news_in_order_and_no_quiet_turns() -> None:
    one, other = Heard("one"), Heard("other")
    candle = Candle("BTC/USDT", NOW_MS - 60_000, NOW_MS, 1, 1, 1, 1, 1)
    async with Outlets([one, other]) as outlets:
        tell(outlets, [*news(1), Turn(BookUpdated(seq=2, book=a_book())), Turn(Ticked(seq=3))])
        tell(outlets, [Turn(CandleClosed(seq=4, candle=candle)), *news(5)])
    assert one.numbers == other.numbers == [1, 4, 5]
    assert outlets.status() == (OutletStatus(name="one", heard=3), OutletStatus(name="other", heard=3))


async def test_an_outlet_that_fails_is_counted_told_once_and_no_trouble_to_the_others() -> None:
    bad, good = Heard("bad", broken), Heard("good")
    with logged() as events:
        async with Outlets([bad, good]) as outlets:
            tell(outlets, news(*range(1, 101)))
    assert good.numbers == bad.numbers == list(range(1, 101))
    assert outlets.status() == (OutletStatus(name="bad", heard=100, failed=100), OutletStatus(name="good", heard=100))
    assert events == ["outlet.failed"]


async def test_what_a_stuck_outlet_has_no_room_for_is_left_out_and_told_once_per_burst() -> None:
    gate = Gate()
    slow, good = Heard("slow", gate), Heard("good")
    with logged() as events:
        async with Outlets([slow, good], most_waiting=4) as outlets:
            for number in range(1, 11):
                tell(outlets, news(number))
                await eventually(lambda number=number: good.numbers[-1:] == [number])  # type: ignore[misc]  # bound now
            status = outlets.status()[0]
            assert (status.waiting, status.dropped) == (4, 6)
            gate.open()
            await eventually(lambda: outlets.status()[0].waiting == 0)
            tell(outlets, news(11))
    assert slow.numbers == [1, 2, 3, 4, 11]  # the hole in the numbers is the loss
    assert good.numbers == list(range(1, 12))
    assert events == ["outlet.dropping", "outlet.keeps_up_again"]


async def test_an_outlet_that_never_comes_back_does_not_hold_the_end_up() -> None:
    gate = Gate()
    with logged() as events:
        async with Outlets([Heard("gone", gate)], close_s=0.05) as outlets:
            tell(outlets, news(1, 2))
    assert outlets.status() == (OutletStatus(name="gone", waiting=2),)
    assert events == ["outlet.left_behind"]
    gate.open()


# --- in the running shell ---------------------------------------------------------------------------------


def sent(outlet: Heard) -> list[str]:
    return [d.approved.intent.client_id for turn in outlet.turns for d in turn.decisions if isinstance(d, SubmitOrder)]


async def test_a_new_outlet_needs_only_to_be_listed() -> None:
    class TradeCount:
        """A whole outlet: what it takes to plug one in."""

        name = "trade_count"

        def __init__(self) -> None:
            self.trades = 0

        def hear(self, turn: Turn) -> None:
            self.trades += sum(isinstance(decision, RecordTrade) for decision in turn.decisions)

    outlet = TradeCount()
    async with shell(outlet) as (desk, _):
        desk.forecast()
        await eventually(lambda: desk.state.account.ledger.quantity(desk.symbol) > 0)
        await desk.runner.command(CommandName.FLATTEN, "test")
        await eventually(lambda: outlet.trades == 1)


async def test_a_turn_is_told_once_it_is_on_disk_and_acted_on() -> None:
    desks: list[Shell] = []
    known: list[bool] = []

    def look(turn: Turn) -> None:
        known.extend(
            desks[0].disk.knows(d.approved.intent.client_id) for d in turn.decisions if isinstance(d, SubmitOrder)
        )

    outlet = Heard(then=look)
    async with shell(outlet) as (desk, _):
        desks.append(desk)
        desk.disk.let_through.clear()
        desk.disk.is_waiting = False
        desk.forecast()
        await eventually(lambda: desk.disk.is_waiting)
        assert not any(isinstance(turn.event, ForecastMade) for turn in outlet.turns)
        desk.disk.let_through.set()
        await eventually(lambda: len(known) >= 2)  # the entry and its stop
        assert known == [True] * len(known)
    numbers = outlet.numbers
    assert numbers == sorted(set(numbers))


async def test_a_stuck_and_a_broken_outlet_delay_no_decision() -> None:
    gate = Gate()
    stuck: Outlet = Heard("stuck", gate)
    good = Heard("good")
    async with shell(stuck, Heard("broken", broken), good) as (desk, running):
        await eventually(gate.is_stuck.is_set)
        desk.forecast()
        await eventually(lambda: len(desk.venue.asked) >= 2)  # the entry, then the stop that protects it
        await eventually(lambda: len(sent(good)) >= 2)
        states = {status.name: status for status in desk.runner.outlets.status()}
        assert states["stuck"].heard == 0 < states["stuck"].waiting
        await eventually(lambda: desk.runner.outlets.status()[1].failed > 0)
        assert not running.done()
        gate.open()
    assert sent(good) == [client_id for client_id, _ in desk.venue.asked]
