"""Silence is doubted first, then remedied in steps, and forgiven only after data flowed for a while."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.kit.idle_time import network_passes
from tests.kit.sandbox import eventually
from trader.adapters.ccxt.market import watchdog
from trader.adapters.ccxt.market.watchdog import Channel, Watchdog
from trader.domain.errors import Unavailable
from trader.domain.events import StreamState
from trader.market.quality import Part

pytestmark = pytest.mark.idle_time

BTC = Channel(Part.BOOKS, "BTC/USDT")


class Line:
    """A stream that is silent; the test says what the exchange has and which remedies work."""

    def __init__(self, *, is_behind: bool = True, can_renew: bool = True, rest_works: bool = True) -> None:
        self.is_behind = is_behind
        self.can_renew = can_renew
        self.rest_works = rest_works
        self.remedies: list[str] = []
        self.states: list[StreamState] = []
        self.watchdog: Watchdog | None = None
        self.on_reconnect: Callable[[], Awaitable[None]] | None = None

    async def probe(self, _channel: Channel) -> bool:
        if not self.rest_works:
            raise Unavailable("no answer")
        return self.is_behind

    async def renew(self, _channel: Channel) -> bool:
        self.remedies.append("renew" if self.can_renew else "renew refused")
        return self.can_renew

    async def reconnect(self, _channel: Channel) -> None:
        self.remedies.append("reconnect")

    def state(self, _channel: Channel, state: StreamState, _reason: str) -> None:
        self.states.append(state)

    def speak(self) -> None:
        assert self.watchdog is not None
        self.watchdog.seen(BTC, asyncio.get_running_loop().time())


@asynccontextmanager
async def watched(line: Line) -> AsyncIterator[None]:
    line.watchdog = Watchdog(
        [BTC],
        budgets_s={Part.BOOKS: 0.05},
        probe=line.probe,
        renew=line.renew,
        reconnect=line.reconnect,
        on_state=line.state,
    )
    async with asyncio.TaskGroup() as group:
        task = group.create_task(line.watchdog.run(group))
        yield
        task.cancel()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "SHORTEST_BUDGET_S", 0.05)
    monkeypatch.setattr(watchdog, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(watchdog, "SETTLE_S", 0.02)
    monkeypatch.setattr(watchdog, "backoff_s", lambda _failures: 0.02)


async def test_a_quiet_market_is_not_a_dead_stream() -> None:
    line = Line(is_behind=False)
    async with watched(line):
        await eventually(lambda: len(line.states) >= 3)
    assert line.remedies == []
    assert set(line.states) == {StreamState.LIVE}


async def test_first_a_new_subscription_then_new_connections() -> None:
    line = Line()
    async with watched(line):
        await eventually(lambda: len(line.remedies) >= 3)
    assert line.remedies[:3] == ["renew", "reconnect", "reconnect"]
    assert set(line.states) == {StreamState.STALE}


async def test_where_nothing_can_be_unsubscribed_the_connection_is_dialled_anew_at_once() -> None:
    line = Line(can_renew=False)
    async with watched(line):
        await eventually(lambda: "reconnect" in line.remedies)
    assert line.remedies[:2] == ["renew refused", "reconnect"]


async def test_one_message_after_a_remedy_does_not_start_the_ladder_again() -> None:
    line = Line()
    async with watched(line):
        await eventually(lambda: line.remedies == ["renew"])
        line.speak()  # a snapshot, say, and then silence again
        await eventually(lambda: len(line.remedies) >= 2)
    assert line.remedies[1] == "reconnect"


async def test_data_that_flows_for_a_while_forgives() -> None:
    line = Line()
    async with watched(line):
        await eventually(lambda: line.remedies == ["renew"])
        for _ in range(40):
            line.speak()
            await network_passes(0.01)
        assert line.remedies == ["renew"]
        await eventually(lambda: len(line.remedies) >= 2)
    assert line.remedies[1] == "renew"


async def test_when_rest_fails_too_the_symbol_is_stale_and_asked_about_again() -> None:
    line = Line(rest_works=False)
    async with watched(line):
        await eventually(lambda: len(line.states) >= 3)
        assert set(line.states) == {StreamState.STALE}
        line.rest_works, line.is_behind = True, False
        await eventually(lambda: line.states[-1] is StreamState.LIVE)
    assert line.remedies == []
