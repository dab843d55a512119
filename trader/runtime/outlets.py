"""Outlets: whoever outside hears what the engine was told and what it decided, and can do nothing to it.

An outlet is a class with a name and `hear(turn)`; `app/run.py` lists them. Each hears in a thread of its own, through
a tap that holds a bounded number of waiting turns: an outlet may take its time, wait for a network or fail, and no
decision is a moment later for it. What a full tap leaves out is counted; the numbers of the turns show where.
"""

import asyncio
import threading
from collections.abc import Iterable
from queue import SimpleQueue
from time import monotonic
from types import TracebackType
from typing import Protocol, Self

import msgspec
import structlog

from trader.runtime.turn import Turn

log = structlog.get_logger("outlets")

MOST_WAITING = 10_000  # turns per outlet
CLOSE_S = 2.0  # what an outlet gets at the end for the turns that wait
BURST_S = 60.0  # failures less far apart are one burst: the first is logged, all are counted


class Outlet(Protocol):
    """A consumer of turns: narrator, model care, and whatever comes."""

    @property
    def name(self) -> str:
        """What log and status call it."""

    def hear(self, turn: Turn) -> None:
        """Take the next turn that is news (`Turn.is_news`), once it is journalled and acted on.

        Called in the outlet's thread, in the order of the numbers. It may block; heavy computing belongs in a
        process, because threads share one interpreter. What it raises is logged and counted.
        """


class OutletStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an outlet's turns since the start."""

    name: str
    heard: int = 0  # handed over, failed ones too
    waiting: int = 0
    dropped: int = 0  # never handed over: the outlet was too slow
    failed: int = 0  # `hear` raised


class Tap:
    """The line to one outlet. `hear` is called on the loop's thread and returns at once."""

    def __init__(self, outlet: Outlet, most_waiting: int = MOST_WAITING) -> None:
        self._outlet = outlet
        self._most_waiting = most_waiting
        self._line: SimpleQueue[Turn | None] = SimpleQueue()  # None is the end
        self._put = self._dropped = 0  # counted by the loop
        self._heard = self._failed = 0  # counted by the thread
        self._is_dropping = False
        self._failed_s = -BURST_S  # when it failed last
        self._thread = threading.Thread(target=self._hand_over, name=f"outlet-{outlet.name}", daemon=True)

    @property
    def status(self) -> OutletStatus:
        """May be a turn behind the thread."""
        return OutletStatus(
            name=self._outlet.name,
            heard=self._heard,
            waiting=self._put - self._heard,
            dropped=self._dropped,
            failed=self._failed,
        )

    def start(self) -> None:
        self._thread.start()

    def hear(self, turn: Turn) -> None:
        """Let `turn` wait for the outlet, or leave it out if too many wait already."""
        waiting = self._put - self._heard
        if waiting >= self._most_waiting:
            self._drop(waiting)
            return
        self._put += 1
        self._line.put(turn)
        if self._is_dropping and waiting <= self._most_waiting // 2:
            self._is_dropping = False
            log.info("outlet.keeps_up_again", outlet=self._outlet.name, dropped=self._dropped)

    async def close(self, within_s: float) -> None:
        """Hand over what waits. After `within_s` the outlet is left to itself: its thread ends with the process."""
        self._line.put(None)
        await asyncio.to_thread(self._thread.join, within_s)
        if self._thread.is_alive():
            log.warning("outlet.left_behind", outlet=self._outlet.name, waiting=self.status.waiting, waited_s=within_s)

    def _drop(self, waiting: int) -> None:
        self._dropped += 1
        if not self._is_dropping:
            self._is_dropping = True
            log.warning(
                "outlet.dropping",
                outlet=self._outlet.name,
                waiting=waiting,
                message="it takes nothing; trading goes on, the loss is counted",
            )

    def _hand_over(self) -> None:
        while (turn := self._line.get()) is not None:
            try:
                self._outlet.hear(turn)
            except Exception as error:  # edge: an outlet's fault is its own  # noqa: BLE001
                self._note_failure(turn, error)
            self._heard += 1

    def _note_failure(self, turn: Turn, error: Exception) -> None:
        self._failed += 1
        now_s = monotonic()
        if now_s - self._failed_s >= BURST_S:
            log.error("outlet.failed", outlet=self._outlet.name, seq=turn.seq, error=str(error), exc_info=error)
        self._failed_s = now_s


class Outlets:
    """All outlets of one daemon: enter it to start their threads, leave it to let them finish."""

    def __init__(
        self, outlets: Iterable[Outlet], *, most_waiting: int = MOST_WAITING, close_s: float = CLOSE_S
    ) -> None:
        self._taps = tuple(Tap(outlet, most_waiting) for outlet in outlets)
        self._close_s = close_s

    def hear(self, turn: Turn) -> None:
        """Tell everybody. Call it on the loop's thread; never waits, never raises."""
        if turn.is_news:
            for tap in self._taps:
                tap.hear(turn)

    def status(self) -> tuple[OutletStatus, ...]:
        return tuple(tap.status for tap in self._taps)

    async def __aenter__(self) -> Self:
        for tap in self._taps:
            tap.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(tap.close(self._close_s) for tap in self._taps))
