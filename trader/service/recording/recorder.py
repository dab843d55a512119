"""The recorder's end in the daemon: market inputs go to a child process and are never waited for.

What the engine eats is collected, packed five times a second and handed to the child's pipe. When the child is slow or
gone, inputs wait in a bounded list and then are dropped and counted; the child is started again. Nothing here touches
the disk.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import structlog

from trader.adapters.parquet.spool import RECORDED, Recorded, pack, progress_of
from trader.clock import wall_ms
from trader.config.recorder import RecorderSettings
from trader.domain.errors import Misconfigured
from trader.domain.events import AnyEvent, BookUpdated, TradePrinted
from trader.observability.logs import relay
from trader.ports import LedgerReader
from trader.service.control.status import RecorderStatus
from trader.service.process.children import end_child, relay_lines, start_child

log = structlog.get_logger("recorder")

FLUSH_S = 0.2
CLOSE_S = 2.5  # what the child gets to write its last files; the spool is safe without them
RESTART_WAITS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
MOST_WAITING = 20_000  # events that wait for a child
MOST_UNSENT = 8_000_000  # bytes that wait in the pipe
_PER_FRAME = 250  # one frame's packing holds the loop for a millisecond
_NICENESS = 10


class Recorder:
    """Implements `runtime.live.InputRecorder`. Run `run` beside the engine, and `close` at the end."""

    def __init__(
        self, root: Path, settings: RecorderSettings, *, module: str = "trader.service.recording.child"
    ) -> None:
        left_out = [
            kind for kind, wanted in ((BookUpdated, settings.books), (TradePrinted, settings.trades)) if not wanted
        ]
        self._kinds = RECORDED - frozenset(left_out)
        self._arguments = [module, str(root), json.dumps(settings.model_dump(mode="json"))]
        self._session = wall_ms()
        self._waiting: list[Recorded] = []
        self._next = 0  # index of the next event of this session
        self._last_seq = self._last_ms = 0
        self._dropped = 0
        self._is_dropping = False
        self._restarts = 0
        self._process: asyncio.subprocess.Process | None = None
        self._hearing: asyncio.Future[None] | None = None
        self._kept: dict[str, Any] = {}  # what the child said last about itself

    def record(self, events: Sequence[AnyEvent]) -> None:
        """Take what is recorded of `events`. Returns at once, whatever the child does."""
        wanted: list[Any] = [event for event in events if type(event) in self._kinds]
        self._waiting += wanted
        if (excess := len(self._waiting) - MOST_WAITING) > 0:
            self._drop_oldest(excess)

    async def run(self) -> None:
        """Keep a child and feed it, until cancelled."""
        failures = 0
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._start()
                await self._feed()
            except (Misconfigured, OSError) as error:
                log.warning("recorder.failed", error=str(error))
            await self._end(0.0)
            failures = 0 if asyncio.get_running_loop().time() - began > 60.0 else failures + 1
            wait_s = RESTART_WAITS_S[min(failures - 1, len(RESTART_WAITS_S) - 1) if failures else 0]
            self._restarts += 1
            log.warning("recorder.restarting", after_s=wait_s, message="the recording process ended")
            await asyncio.sleep(wait_s)

    async def close(self) -> None:
        """Hand over what waits, say that it is the end, and give the child a moment to write it."""
        if self._process is not None and self._process.returncode is None:
            while self._waiting and self._send():
                pass
            self._next += len(self._waiting)
            end = pack(self._session, self._next, [], last_seq=self._last_seq, at_ms=self._last_ms)
            self._write(end)
            assert self._process.stdin is not None
            self._process.stdin.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await self._process.wait()
        await self._end(0.0)

    def status(self) -> RecorderStatus:
        running = self._process is not None and self._process.returncode is None
        trouble = str(self._kept.get("trouble", "")) or ("" if running else "the recording process is not running")
        return RecorderStatus(
            is_recording=running and not trouble,
            recorded=self._next,
            lost=int(self._kept.get("lost", 0)),
            dropped=self._dropped,
            restarts=self._restarts,
            disk_bytes=int(self._kept.get("disk_bytes", 0)),
            trouble=trouble,
        )

    # --- the child ----------------------------------------------------------------------------------------------

    async def _start(self) -> None:
        # it is told what it needs; the account's keys are none of its business
        environ = {name: value for name, value in os.environ.items() if not name.startswith("TRADER_")}
        pipe = asyncio.subprocess.PIPE
        self._process = await start_child(self._arguments, niceness=_NICENESS, environ=environ, stdin=pipe)
        assert self._process.stdout is not None
        self._hearing = asyncio.ensure_future(relay_lines(self._process.stdout, self._heard))

    async def _feed(self) -> None:
        """Until the child ends."""
        assert self._process is not None
        while True:
            await asyncio.sleep(0.0 if self._send() and self._waiting else FLUSH_S)
            if self._process.returncode is not None:
                return

    async def _end(self, grace_s: float) -> None:
        process, hearing = self._process, self._hearing
        self._process = self._hearing = None
        if process is not None:
            await asyncio.shield(end_child(process, grace_s))
        if hearing is not None:
            await asyncio.wait({hearing}, timeout=1.0)
            hearing.cancel()

    def _send(self) -> bool:
        """Hand one frame to the pipe. False while the child has not taken what it already got."""
        assert self._process is not None
        stdin = self._process.stdin
        assert stdin is not None
        if not self._waiting:
            return True
        if stdin.transport.get_write_buffer_size() > MOST_UNSENT:
            return False
        events, self._waiting = self._waiting[:_PER_FRAME], self._waiting[_PER_FRAME:]
        for event in events:
            self._last_seq = max(self._last_seq, event.seq)
            self._last_ms = max(self._last_ms, event.ts_ms)
        first, self._next = self._next, self._next + len(events)
        self._write(pack(self._session, first, events, last_seq=self._last_seq, at_ms=self._last_ms))
        if self._is_dropping and not self._waiting:
            self._is_dropping = False
            log.info("recorder.keeps_up_again", dropped=self._dropped)
        return True

    def _write(self, frame: bytes) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it has just ended: the gap in the numbers tells of the loss
            self._process.stdin.write(frame)

    def _drop_oldest(self, count: int) -> None:
        """They leave a gap in the indices, which the next frame shows to whoever stores it."""
        del self._waiting[:count]
        self._dropped += count
        self._next += count
        if not self._is_dropping:
            self._is_dropping = True
            why = (
                "the recording process takes nothing" if self._process is not None else "there is no recording process"
            )
            log.warning("recorder.dropping", reason=why, message="trading goes on; the loss is counted")

    def _heard(self, line: str) -> None:
        try:
            told = json.loads(line)
        except ValueError:
            told = {}
        if isinstance(told, dict) and told.get("event") == "recorder.kept":
            self._kept = told
        else:
            relay(line, "recorder.said")


def continue_after(root: Path, open_ledger: Callable[[], LedgerReader], journal_seq: int, *, is_recording: bool) -> int:
    """The newest number that ledger or recording have: the next session goes on after it, so that none is given twice.

    Where the last recording broke off, says what is known to be missing: numbers that neither of them has.
    """
    progress = progress_of(root)
    if is_recording and not progress.has_ended:
        with contextlib.closing(open_ledger()) as ledger:
            missing = max(0, journal_seq - progress.last_seq - ledger.count_inputs(after=progress.last_seq))
        log.warning(
            "recorder.broke_off",
            after_seq=progress.last_seq,
            missing=missing,
            message=f"the last recording broke off after number {progress.last_seq}: up to a second of market inputs "
            f"is missing, {missing} of them known by their numbers",
        )
    return max(journal_seq, progress.last_seq)
