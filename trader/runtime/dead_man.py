"""Keeps the exchange's dead man's switch from acting while the daemon lives."""

import asyncio
from collections.abc import Callable

import structlog

from trader.domain.errors import TraderError
from trader.ports import DeadMansSwitch

log = structlog.get_logger("dead_man")

_REFRESHES = 3  # within the time of the switch: two may fail before it acts
_RETRIES = 12  # the same while they fail
_OFF_S = 2.0  # longest wait for the switch to be off at a stop


class DeadMan:
    """A service of the runner. `after_s`: real seconds without a refresh after which the exchange cancels.

    `is_stopping`: whether the daemon is being stopped cleanly, which is the only end that may switch it off.
    """

    def __init__(
        self, switch: DeadMansSwitch, after_s: float, *, is_stopping: Callable[[], bool], off_at_stop: bool
    ) -> None:
        self._switch = switch
        self._after_s = after_s
        self._is_stopping = is_stopping
        self._off_at_stop = off_at_stop
        self._refreshed_s: float | None = None  # monotonic, of the newest refresh
        self._failures = 0
        self._is_lapsed = False

    async def run(self) -> None:
        """Refresh until cancelled."""
        try:
            while True:
                asked_s = asyncio.get_running_loop().time()
                is_refreshed = await self._refresh(asked_s)
                # from asking to asking: an exchange that answers slowly counts from when it was asked
                taken_s = asyncio.get_running_loop().time() - asked_s
                least_s = self._after_s / _RETRIES
                await asyncio.sleep(max(least_s, self._after_s / _REFRESHES - taken_s) if is_refreshed else least_s)
        except asyncio.CancelledError:
            if self._is_stopping() and self._off_at_stop:
                await self._switch_off()
            raise

    async def _refresh(self, asked_s: float) -> bool:
        try:
            await self._switch.cancel_after(self._after_s)
        except TraderError as error:
            self._tell_failure(error)
            return False
        self._tell_lapse(asked_s, "refreshing takes too long")
        if self._failures or self._refreshed_s is None:
            log.info("dead_man.armed", after_s=self._after_s, failures=self._failures)
        self._refreshed_s, self._failures, self._is_lapsed = asked_s, 0, False
        return True

    def _tell_failure(self, error: TraderError) -> None:
        """Once when refreshing begins to fail, and once when the exchange has cancelled for it."""
        self._failures += 1
        if self._failures == 1:
            log.error("dead_man.not_refreshed", error=str(error), after_s=self._after_s)
        self._tell_lapse(asyncio.get_running_loop().time(), str(error))

    def _tell_lapse(self, now_s: float, error: str) -> None:
        if self._refreshed_s is not None and now_s - self._refreshed_s >= self._after_s and not self._is_lapsed:
            self._is_lapsed = True
            log.error("dead_man.lapsed", error=error, message="the exchange cancels resting entries and exits")

    async def _switch_off(self) -> None:
        try:
            async with asyncio.timeout(_OFF_S):
                await self._switch.cancel_after(0.0)
        except (TraderError, TimeoutError) as error:
            log.warning("dead_man.still_armed", error=str(error), after_s=self._after_s)
        else:
            log.info("dead_man.off")
