"""A source that is slow, silent, dead or wrong costs its own columns and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from trader.clock import SimulatedClock
from trader.domain.errors import Rejected, Unavailable
from trader.domain.observation import WHOLE_MARKET, Observation
from trader.scoring import following
from trader.scoring.following import Following

MINUTE = 60_000
LOOKBACK = 10 * MINUTE
A, B = "A/USDT", "B/USDT"


class Source:
    """Says `said`; while `trouble` is set, that happens instead."""

    name = "mood"
    is_market_wide = False
    every_ms = MINUTE
    after_ms = 1_000

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self.said: list[Observation] = []
        self.asked: list[tuple[str, int]] = []
        self.trouble: dict[str, Exception | asyncio.Event] = {}
        self.moved = asyncio.Event()

    async def observations(self, symbol: str, since_ms: int) -> list[Observation]:
        self.asked.append((symbol, since_ms))
        self.moved.set()
        match self.trouble.get(symbol):
            case asyncio.Event() as until:
                await until.wait()
            case Exception() as error:
                raise error
        return [one for one in self.said if one.symbol == symbol and one.known_ms >= since_ms]


class Bench:
    def __init__(self, *, is_market_wide: bool = False) -> None:
        self.clock = SimulatedClock(100 * MINUTE)
        self.clock.speed = 1e6  # a minute of the market is over at once
        self.source = Source(self.clock)
        self.source.is_market_wide = is_market_wide
        self.put: list[Observation] = []
        self.one = Following(self.source, (A, B), self.clock, LOOKBACK, self._take)

    def _take(self, observations: Sequence[Observation]) -> None:
        self.put += observations
        self.source.moved.set()

    def say(self, symbol: str, known_ms: int, value: float = 1.0) -> Observation:
        one = Observation("mood", symbol, known_ms - 5, known_ms, value)
        self.source.said.append(one)
        return one

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.one.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})
        assert task.cancelled()

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not is_so():
                self.source.moved.clear()
                await self.source.moved.wait()

    async def has_put(self, one: Observation) -> None:
        await self.until(lambda: one in self.put)

    def pass_time(self, minutes: int = 1) -> None:
        self.clock.advance_to(self.clock.now_ms() + minutes * MINUTE)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BEGIN_S", "ANSWER_S", "RETRY_S"):
        monkeypatch.setattr(following, name, 0.01)


async def test_a_start_asks_for_what_the_first_columns_need_and_then_for_what_is_new() -> None:
    bench = Bench()
    old = [bench.say(A, 90 * MINUTE), bench.say(B, 91 * MINUTE), bench.say(A, 99 * MINUTE)]
    await bench.one.begin(100 * MINUTE)
    assert bench.source.asked == [(A, 90 * MINUTE), (B, 90 * MINUTE)]
    assert bench.put == [old[0], old[2], old[1]]
    bench.source.asked.clear()
    new = bench.say(B, 100 * MINUTE)
    async with bench.running():
        bench.pass_time()
        await bench.until(lambda: len(bench.source.asked) >= 2)
    assert bench.source.asked[:2] == [(A, 99 * MINUTE + 1), (B, 91 * MINUTE + 1)]
    assert bench.put[3:] == [new]


async def test_a_source_of_the_whole_market_is_asked_once() -> None:
    bench = Bench(is_market_wide=True)
    said = bench.say(WHOLE_MARKET, 95 * MINUTE)
    await bench.one.begin(100 * MINUTE)
    assert bench.source.asked == [(WHOLE_MARKET, 90 * MINUTE)]
    assert bench.put == [said]


async def test_a_source_that_hangs_holds_no_start_up_and_is_asked_on() -> None:
    bench = Bench()
    never = asyncio.Event()
    bench.source.trouble = {A: never, B: never}
    said = bench.say(A, 95 * MINUTE)
    with capture_logs() as logs:
        await bench.one.begin(100 * MINUTE)  # returns
    assert [entry["event"] for entry in logs] == ["source.late"]
    bench.source.trouble = {B: never}
    async with bench.running():
        await bench.until(lambda: bool(bench.put))
    assert bench.put == [said]


@pytest.mark.parametrize("error", [Unavailable("no answer"), Rejected("forbidden")])
async def test_a_loss_is_told_once_and_so_is_its_end(error: Exception) -> None:
    bench = Bench()
    bench.source.trouble = {A: error}
    with capture_logs() as logs:
        await bench.one.begin(100 * MINUTE)
        async with bench.running():
            await bench.until(lambda: bench.source.asked.count((A, 90 * MINUTE)) >= 4)
            bench.source.trouble = {}
            said = bench.say(A, 95 * MINUTE)
            await bench.until(lambda: said in bench.put)
    told = [(entry["event"], entry["symbol"]) for entry in logs]
    assert told == [("source.silent", A), ("source.is_back", A)]


async def test_a_symbol_without_an_answer_does_not_keep_the_others_waiting() -> None:
    bench = Bench()
    bench.source.trouble = {A: Rejected("no such market")}
    await bench.one.begin(100 * MINUTE)
    async with bench.running():
        for known_ms in (101 * MINUTE, 102 * MINUTE):
            said = bench.say(B, known_ms)
            bench.pass_time()
            await bench.has_put(said)


async def test_what_is_not_finite_is_left_out() -> None:
    bench = Bench()
    bench.say(A, 95 * MINUTE, float("nan"))
    good = bench.say(A, 96 * MINUTE)
    with capture_logs() as logs:
        await bench.one.begin(100 * MINUTE)
    assert bench.put == [good]
    assert [(entry["event"], entry["not_finite"]) for entry in logs] == [("source.refused", 1)]


async def test_an_answer_to_before_a_new_beginning_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the newest would be learned first, and what comes before it could not follow."""
    bench = Bench()
    await bench.one.begin(100 * MINUTE)
    held = asyncio.Event()
    bench.source.trouble = {A: held, B: held}
    said = [bench.say(A, 95 * MINUTE), bench.say(A, 101 * MINUTE)]
    monkeypatch.setattr(following, "ANSWER_S", 20.0)
    async with bench.running():
        bench.pass_time()
        await bench.until(lambda: bench.source.asked[-1] == (A, 90 * MINUTE))
        bench.source.trouble = {}
        held_answer = len(bench.put)
        await bench.one.begin(100 * MINUTE)
        assert bench.put[held_answer:] == said
        held.set()
        bench.pass_time()
        await bench.until(lambda: bench.source.asked[-1] == (B, 90 * MINUTE))
    assert bench.put[held_answer:] == said
