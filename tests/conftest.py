"""Which examples property tests try, and whose time asynchronous tests live in."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
from hypothesis import settings

from tests.kit.idle_time import IdleTimeLoop

settings.register_profile("suite", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("explore", derandomize=False, deadline=None, print_blob=True)
settings.load_profile("suite")  # --hypothesis-profile is read after this


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Marked `idle_time`, and all of tests/integration but what is marked `real_time`: an `IdleTimeLoop`."""
    del config
    is_idle = item.get_closest_marker("idle_time") or "integration" in item.path.parts
    if is_idle and not item.get_closest_marker("real_time"):
        return {"idle-time": IdleTimeLoop}
    return {"real-time": asyncio.new_event_loop}
