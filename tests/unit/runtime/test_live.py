"""The shell around the engine: everything that led to a request is on disk before it leaves."""

import asyncio

import pytest

from tests.kit.idle_time import quiet
from tests.kit.sandbox import eventually
from tests.kit.shell import shell

pytestmark = pytest.mark.idle_time


async def test_an_order_leaves_only_after_its_intent_is_on_disk() -> None:
    async with shell() as (desk, _):
        desk.disk.let_through.clear()
        desk.disk.is_waiting = False
        desk.forecast()
        await eventually(lambda: desk.disk.is_waiting)
        await quiet()  # whatever could leave now would
        assert desk.venue.asked == []
        desk.disk.let_through.set()
        await eventually(lambda: len(desk.venue.asked) >= 2)  # the entry, then the stop that protects it
        assert all(was_known for _, was_known in desk.venue.asked)


async def test_what_the_disk_does_not_take_is_never_sent() -> None:
    async with shell() as (desk, running):
        desk.disk.failure = OSError(28, "No space left on device")
        desk.forecast()
        await asyncio.wait([running])
        assert desk.venue.asked == []
        with pytest.raises(ExceptionGroup) as failed:
            running.result()
        assert failed.value.subgroup(OSError) is not None
