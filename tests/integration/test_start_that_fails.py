"""A start that a person must mend first leaves nothing running; an exchange that ran before goes on."""

import asyncio
from pathlib import Path

import pytest

from trader.app.access import leaving_no_sandbox, locate
from trader.config import Settings
from trader.domain.errors import Misconfigured
from trader.sandbox.server.process import answers, stop
from trader.sandbox.server.status import RunningSandbox, read_status


async def start_that_fails(settings: Settings) -> RunningSandbox:
    """The exchange that ran when the start failed."""
    found: list[RunningSandbox | None] = []

    async def start() -> None:
        async with leaving_no_sandbox(settings):
            await locate(settings)
            found.append(read_status(settings.storage.state_dir / "sandbox"))
            raise Misconfigured("made up")

    with pytest.raises(Misconfigured, match="made up"):
        await start()
    [running] = found
    assert running is not None
    return running


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate({"storage": {"state_dir": str(tmp_path)}})


def test_the_exchange_it_has_started_ends_with_it(settings: Settings) -> None:
    async def story() -> None:
        running = await start_that_fails(settings)
        assert not await answers(running)

    asyncio.run(story())
    assert read_status(settings.storage.state_dir / "sandbox") is None


def test_one_that_ran_before_goes_on(settings: Settings) -> None:
    async def story() -> None:
        await locate(settings)
        running = await start_that_fails(settings)
        assert await answers(running)
        await stop(settings.storage.state_dir / "sandbox", running)

    asyncio.run(story())
