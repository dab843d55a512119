"""Which examples property tests try, whose time asynchronous tests live in, and what begins first beside others."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
from hypothesis import settings

from tests.kit.idle_time import IdleTimeLoop
from tests.kit.turns import turn

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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several processes share the tests, by `turn`; in one process the small ones tell first what is wrong."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: turn(item.path.relative_to(config.rootpath)))
