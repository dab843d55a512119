"""When a new model is trained while the old one trades: on schedule and on drift, one at a time, never in a hurry."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from trader.adapters.model_evidence import ModelEvidence
from trader.adapters.model_files import ModelFiles
from trader.config.model import ModelSettings
from trader.domain.errors import TraderError
from trader.domain.reasons import told
from trader.domain.units import HOUR_MS
from trader.ports import Clock
from trader.service.learning.care import ModelCare
from trader.service.learning.libraries import missing_libraries

log = structlog.get_logger("models")

_LOOK_S = 5.0  # real seconds between looks at the schedule
_RETRY_S, _LONGEST_RETRY_S = 600.0, 21_600.0  # after a training that failed, doubling, real seconds
_TOLD_EVERY_S = 30.0

Train = Callable[[Callable[[str], None]], Awaitable[None]]
"""Has a challenger trained in a process of its own; gets each line it says. Raises a `TraderError` if it fails."""


class Retraining:
    """Run `run` as a task beside `ModelCare.run`."""

    def __init__(
        self,
        care: ModelCare,
        files: ModelFiles,
        evidence: ModelEvidence,
        clock: Clock,
        settings: ModelSettings,
        train: Train,
    ) -> None:
        self._care = care
        self._files = files
        self._evidence = evidence
        self._clock = clock
        self._settings = settings
        self._train = train
        self._failures = 0
        self._not_before_s = 0.0  # loop time
        self._newest_ms = care.model.manifest.window.last_open_ms
        self._is_possible = not missing_libraries()
        self.progress = ""  # what the running training said last; empty: none runs

    async def run(self) -> None:
        """Look at the schedule until cancelled; then a training that runs is ended with it."""
        await asyncio.to_thread(self._tidy)
        while True:
            reason = self.due()
            if reason:
                await self.retrain(reason)
            await asyncio.sleep(_LOOK_S)

    @property
    def next_ms(self) -> int | None:
        """When the schedule asks for a training next, market time; None: it does not (never, or a challenge is on)."""
        if not self._settings.retrain_hours or not self._is_possible or self._care.challenger is not None:
            return None
        return self._newest_ms + int(self._settings.retrain_hours * HOUR_MS)

    def due(self) -> str:
        """Why a training is due now; empty if none is. While a challenger is on trial none is."""
        self._newest_ms = max(self._newest_ms, self._care.model.manifest.window.last_open_ms)
        if not self._is_possible or self._care.challenger is not None:
            return ""
        if asyncio.get_running_loop().time() < self._not_before_s:
            return ""
        age_ms = self._clock.now_ms() - self._newest_ms
        drift = self._care.drift
        may_ask = self._settings.retrain_on_drift and age_ms >= self._settings.retrain_gap_hours * HOUR_MS
        if may_ask and drift is not None and drift.action in ("retrain", "observe"):
            return told(drift.reasons, ", ")
        hours = self._settings.retrain_hours
        return f"schedule, {hours:g} h" if hours and age_ms >= hours * HOUR_MS else ""

    async def retrain(self, reason: str) -> None:
        """Train now; a failure is told, and keeps the next try away for a while."""
        log.info("model.retraining", reason=reason, model=self._care.model.info.model_id)
        self.progress = "starting"
        loop = asyncio.get_running_loop()
        began, self._last_told_s = loop.time(), loop.time()
        try:
            await self._train(self._hear)
        except TraderError as error:
            self._failures += 1
            wait_s = min(_LONGEST_RETRY_S, _RETRY_S * 2 ** (self._failures - 1))
            self._not_before_s = loop.time() + wait_s
            log.warning("model.retraining_failed", message=str(error), retry_after_s=wait_s)
        else:
            self._failures = 0
            log.info("model.retrained", after_s=round(loop.time() - began, 1))
            await asyncio.to_thread(self._tidy)
        finally:
            self.progress = ""

    def _hear(self, line: str) -> None:
        self.progress = line
        now = asyncio.get_running_loop().time()
        if now - self._last_told_s >= _TOLD_EVERY_S:
            self._last_told_s = now
            log.info("train.progress", message=line)

    def _tidy(self) -> None:
        """Look at what is there: the newest data any model has seen, and models that nobody needs any more."""
        timeframe = self._care.model.info.timeframe
        entries = [entry for entry in self._files.list() if entry.timeframe == timeframe]
        self._newest_ms = max((entry.manifest.window.last_open_ms for entry in entries), default=self._newest_ms)
        for gone in self._files.prune(self._settings.keep_models):
            log.info("model.forgotten", model=gone)
        self._evidence.forget([entry.model_id for entry in self._files.list()])
