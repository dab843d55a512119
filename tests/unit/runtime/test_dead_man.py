"""The dead man's switch is refreshed while the daemon lives, and only a clean stop switches it off."""

import asyncio
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from trader.domain.errors import Rejected, TraderError, Unavailable
from trader.runtime.dead_man import DeadMan

pytestmark = pytest.mark.idle_time

AFTER_S = 6.0


class Switch:
    """What is asked of the exchange, and when; `fails` while it is set."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, float]] = []
        self.fails: Callable[[float], TraderError | None] = lambda _seconds: None
        self.hangs = False
        self.takes_s = 0.0
        self.began_s = asyncio.get_running_loop().time()

    async def cancel_after(self, seconds: float) -> None:
        self.asked.append((asyncio.get_running_loop().time() - self.began_s, seconds))
        if self.hangs:
            await asyncio.Event().wait()
        await asyncio.sleep(self.takes_s)
        error = self.fails(seconds)
        if error is not None:
            raise error


async def lived(
    switch: Switch, for_s: float, *, is_stopped: bool = True, off_at_stop: bool = True
) -> list[dict[str, object]]:
    """The service lives that long and is then ended; what was told."""
    service = DeadMan(switch, AFTER_S, is_stopping=lambda: is_stopped, off_at_stop=off_at_stop)
    with capture_logs() as lines:
        task = asyncio.create_task(service.run())
        await asyncio.sleep(for_s)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    return [dict(line) for line in lines]


def events(lines: list[dict[str, object]], level: str = "") -> list[object]:
    return [line["event"] for line in lines if line["log_level"] == (level or line["log_level"])]


async def test_it_is_refreshed_at_a_third_of_its_time() -> None:
    switch = Switch()
    lines = await lived(switch, 6.5)
    assert [seconds for _, seconds in switch.asked] == [AFTER_S] * 4 + [0.0]
    assert [at for at, _ in switch.asked[:4]] == pytest.approx([0.0, 2.0, 4.0, 6.0], abs=0.1)
    assert events(lines) == ["dead_man.armed", "dead_man.off"]


async def test_an_exchange_that_answers_slowly_is_asked_no_later() -> None:
    """Its time runs from when it was asked: with the answer's 1.5 s on top a third would be more than half."""
    switch = Switch()
    switch.takes_s = 1.5
    lines = await lived(switch, 4.1, is_stopped=False)
    assert [at for at, _ in switch.asked] == pytest.approx([0.0, 2.0, 4.0], abs=0.1)
    assert events(lines, "error") == []


async def test_a_refresh_that_takes_longer_than_the_switch_waits_is_told() -> None:
    switch = Switch()
    switch.takes_s = AFTER_S + 0.5
    lines = await lived(switch, 21.0, is_stopped=False)
    assert events(lines, "error") == ["dead_man.lapsed"] * 2  # it lapses anew in each


async def test_only_a_clean_stop_switches_it_off_and_only_by_choice() -> None:
    crashed, kept = Switch(), Switch()
    await lived(crashed, 0.1, is_stopped=False)
    assert [seconds for _, seconds in crashed.asked] == [AFTER_S]
    await lived(kept, 0.1, off_at_stop=False)
    assert [seconds for _, seconds in kept.asked] == [AFTER_S]


@pytest.mark.parametrize("error", [Unavailable("away"), Rejected("no")])
async def test_a_refresh_that_fails_is_told_and_tried_sooner(error: TraderError) -> None:
    switch = Switch()
    failing = iter([None, error, error, None])
    switch.fails = lambda seconds: next(failing, None) if seconds else None
    lines = await lived(switch, 3.1)
    assert [at for at, _ in switch.asked[:4]] == pytest.approx([0.0, 2.0, 2.5, 3.0], abs=0.03)
    assert events(lines, "error") == ["dead_man.not_refreshed"]  # once
    assert events(lines) == ["dead_man.armed", "dead_man.not_refreshed", "dead_man.armed", "dead_man.off"]


@pytest.mark.parametrize(("for_s", "told"), [(5.5, []), (6.7, ["dead_man.lapsed"])])
async def test_that_the_exchange_has_acted_is_told_once(for_s: float, told: list[str]) -> None:
    switch = Switch()
    armed = iter([None])
    switch.fails = lambda _seconds: next(armed, Unavailable("away"))
    lines = await lived(switch, for_s, is_stopped=False)
    assert events(lines, "error") == ["dead_man.not_refreshed", *told]


async def test_one_that_was_never_set_has_not_acted() -> None:
    switch = Switch()
    switch.fails = lambda _seconds: Unavailable("away")
    lines = await lived(switch, 7.0, is_stopped=False)
    assert events(lines) == ["dead_man.not_refreshed"]


async def test_a_stop_waits_two_seconds_for_it_and_says_that_it_is_still_set() -> None:
    switch = Switch()
    task = asyncio.create_task(DeadMan(switch, AFTER_S, is_stopping=lambda: True, off_at_stop=True).run())
    await asyncio.sleep(0.1)
    switch.hangs = True
    with capture_logs() as lines:
        task.cancel()
        began_s = asyncio.get_running_loop().time()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert asyncio.get_running_loop().time() - began_s == pytest.approx(2.0, abs=0.2)
    assert events([dict(line) for line in lines]) == ["dead_man.still_armed"]
