"""Time that passes only while nothing works: the event loop of tests that run a sandbox and its client in one process.

Both ends of every socket are served by this loop, so when no socket is ready and no thread works for the loop, nothing
can happen before the next timer. Only then does time go on, in small steps that are quicker than real ones. A slow or
busy machine makes such a test longer, never different: no timeout, silence budget or market minute passes because
the processor was away.
"""

import asyncio
import importlib
import selectors
import time
from collections.abc import Callable
from concurrent.futures import Executor
from types import ModuleType
from typing import Any

import pytest

# whoever reads a clock of its own, and the name by which it does
_READERS = (
    ("trader.clock", "time"),
    ("ccxt.base.exchange", "time"),
    ("ccxt.async_support.base.throttler", "time"),
    ("asyncio_throttle.throttler", "time"),
    ("aiohttp.connector", "monotonic"),
)
_STEP_S = 0.01  # longest step of time at once
_ON_THE_WAY_S = 0.0004  # real time in which a socket may yet turn out to be ready, before each step
_TURN_S = 0.000_01  # every turn of the loop takes this long, so that a loop without a sleep sees time pass
_WORK_S = 0.05  # real time between two looks at threads at work


class _Selector(selectors.DefaultSelector):
    """`now_s` is the loop's time; `threads` of them work for it."""

    now_s = 1_000.0
    threads = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now_s += _TURN_S
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self.threads or timeout is None:
            return super().select(_WORK_S)
        ready = super().select(_ON_THE_WAY_S)
        if not ready:
            self.now_s += min(timeout, _STEP_S)
        return ready


class IdleTimeLoop(asyncio.SelectorEventLoop):
    """`time()` is network time; `wall_ns()` is the machine's clock as it would be by then."""

    def __init__(self) -> None:
        self._idle = _Selector()
        self._epoch_ns = time.time_ns() - int(self._idle.now_s * 1e9)
        super().__init__(self._idle)

    def time(self) -> float:
        return self._idle.now_s

    def wall_ns(self) -> int:
        return self._epoch_ns + int(self._idle.now_s * 1e9)

    def run_forever(self) -> None:
        """Whoever reads a clock meanwhile reads this loop's: ours, and those inside the clients."""
        ours = _Time(self)
        with pytest.MonkeyPatch.context() as patch:
            for module, name in _READERS:
                reader = importlib.import_module(module)
                is_module = isinstance(getattr(reader, name), ModuleType)
                patch.setattr(reader, name, ours if is_module else getattr(ours, name))
            super().run_forever()

    def run_in_executor(  # type: ignore[override]  # the declared types differ between Python versions
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        self._idle.threads += 1
        working = super().run_in_executor(executor, func, *args)
        working.add_done_callback(self._ended)
        return working

    def _ended(self, _: asyncio.Future[Any]) -> None:
        self._idle.threads -= 1


async def network_passes(seconds: float) -> None:
    """So much of the loop's time: what timeouts, silences and backoffs are counted in."""
    assert isinstance(asyncio.get_running_loop(), IdleTimeLoop), "only there it is the same for every machine"
    await asyncio.sleep(seconds)


async def quiet() -> None:
    """Until all that is under way is done (time does not pass before), also where a client spaces its requests."""
    await network_passes(1.0)


class _Time:
    """In place of the module `time`, while such a loop runs."""

    def __init__(self, loop: IdleTimeLoop) -> None:
        self.time_ns = loop.wall_ns
        self.monotonic = loop.time

    def time(self) -> float:
        return self.time_ns() / 1e9

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)
