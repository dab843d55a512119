"""The event loop of a program that ends cleanly: started, asked to stop, and left early while it only prepares."""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

log = structlog.get_logger("app")
T = TypeVar("T")


def run_loop(main: Coroutine[Any, Any, int]) -> int:
    """uvloop where it exists."""
    if sys.platform == "win32":
        return asyncio.run(main)
    import uvloop

    return uvloop.run(main)


def on_signals() -> asyncio.Event:
    """Set by the first SIGTERM or Ctrl-C. The second ends the process at once: the ledger survives that."""
    stop = asyncio.Event()

    def asked() -> None:
        if stop.is_set():
            os._exit(130)
        log.info("daemon.stopping", message="settling what is under way; again to end at once")
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked)
    return stop


async def until(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """The result of `work`, or None if `stop` was asked for first (then `work` is cancelled)."""
    task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        for pending in (task, stopped):
            pending.cancel()
        await asyncio.gather(task, stopped, return_exceptions=True)
