"""What happens later in a replay: jobs in the order of market time, and the timers of the core."""

import heapq
from collections.abc import Callable

from trader.clock import SimulatedClock
from trader.domain.decisions import SetTimer
from trader.domain.events import TimerFired
from trader.domain.timers import TimerId

Job = Callable[[], None]
_NEVER = 1 << 62  # ms


class Agenda:
    """Moves `clock`, and nobody else does. What is due at the same time: first jobs, as they were entered, then timers
    by their ids.
    """

    def __init__(self, clock: SimulatedClock, put: Callable[[TimerFired], None]) -> None:
        self._clock = clock
        self._put = put
        self._jobs: list[tuple[int, int, Job]] = []  # heap of (due, entry's number, what to do)
        self._entries = 0
        self._timers: list[tuple[int, TimerId]] = []  # heap; those that were moved stay until their time has come
        self._due: dict[TimerId, int] = {}

    def run_until(self, until_ms: int, then: Job) -> None:
        """Let market time pass: each job and timer at its time, and `then` after each."""
        jobs, timers = self._jobs, self._timers
        while True:
            job_ms = jobs[0][0] if jobs else _NEVER
            timer_ms = timers[0][0] if timers else _NEVER
            if min(job_ms, timer_ms) > until_ms:
                break
            self._clock.advance_to(min(job_ms, timer_ms))
            if job_ms <= timer_ms:
                heapq.heappop(jobs)[2]()
            else:
                self._fire(*heapq.heappop(timers))
            then()
        self._clock.advance_to(until_ms)

    def after(self, wait_ms: int, job: Job) -> None:
        """Do `job` in `wait_ms`; now, if that is 0."""
        if wait_ms:
            self._enter(self._clock.now_ms() + wait_ms, job)
        else:
            job()

    def every(self, interval_ms: int, job: Job) -> None:
        """Do `job` again and again, first in `interval_ms`; never, if that is 0."""

        def again() -> None:
            job()
            self._enter(self._clock.now_ms() + interval_ms, again)

        if interval_ms:
            self._enter(self._clock.now_ms() + interval_ms, again)

    def set_timer(self, decision: SetTimer) -> None:
        """Setting it again moves it."""
        self._due[decision.timer] = decision.due_ms
        heapq.heappush(self._timers, (decision.due_ms, decision.timer))

    def _fire(self, due_ms: int, timer: TimerId) -> None:
        if self._due.get(timer) == due_ms:  # otherwise it was moved, or has fired
            del self._due[timer]
            self._put(TimerFired(timer=timer))

    def _enter(self, due_ms: int, job: Job) -> None:
        self._entries += 1
        heapq.heappush(self._jobs, (due_ms, self._entries, job))
