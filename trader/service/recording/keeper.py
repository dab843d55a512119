"""The recording child's work: frames into the spool at once, to Parquet every few minutes, nothing beyond its limits.

The spool is written as frames come and forced to disk once a second, so neither the death of this process nor that of
the daemon loses what has arrived; a power cut loses a second. Frames that cannot be stored leave a gap in the numbers,
and a gap is reported when the next frame is.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Any

import msgspec

from trader.adapters.parquet import recording_files
from trader.adapters.parquet.recording_tables import day_of
from trader.adapters.parquet.recordings import LOSSES, Loss
from trader.adapters.parquet.spool import Frame, SpoolProgress, new_spool, note_progress, progress_of, spool_files
from trader.config.recorder import RecorderSettings

SYNC_S = 1.0  # the most a power cut loses
TURN_S, TURN_BYTES = 300.0, 32_000_000  # when a spool becomes Parquet
TOLD_S = 5.0
_LOSSES_KEPT = 1_000
_GB = 1e9

Tell = Callable[..., None]
Disk = Callable[[Path], int]


def free_bytes(root: Path) -> int:
    return shutil.disk_usage(root).free


class Keeper:
    """One directory's recording. `take` and `tick` are called by one thread; Parquet is made in another.

    `tell(event, level, **fields)` reaches the daemon's log.
    """

    def __init__(
        self,
        root: Path,
        settings: RecorderSettings,
        tell: Tell,
        *,
        now_s: Callable[[], float] = time.monotonic,
        free: Disk = free_bytes,
        turn_s: float = TURN_S,
    ) -> None:
        self._root, self._settings, self._tell = root, settings, tell
        self._now_s, self._free, self._turn_s = now_s, free, turn_s
        (root / "spool").mkdir(mode=0o700, parents=True, exist_ok=True)
        recording_files.sweep(root)
        self._progress = progress_of(root)
        self._file: FileIO | None = None
        self._size = 0
        self._is_synced = True
        self._synced_s = self._opened_s = self._told_s = self._looked_s = -1e9
        self._trouble = ""
        self._frames_lost = 0  # frames that came and could not be stored
        self._lost = 0  # events of this session that are known to be missing
        self._disk_bytes = recording_files.size_of(root)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="parquet")
        self._turning: Future[None] | None = None
        self._turn()

    def take(self, frame: Frame, raw: bytes) -> None:
        """Store one frame; on any trouble with the disk it is lost, and the daemon hears why, once."""
        if trouble := self._no_room() or self._append(frame, raw):
            self._frames_lost += 1
            if trouble != self._trouble:
                self._tell("recorder.paused", "error", reason=trouble)
            self._trouble = trouble
            return
        if self._trouble:
            self._tell("recorder.resumed", "info", frames_lost=self._frames_lost)
            self._trouble = ""
        self._report_gap(frame)
        self._progress = self._progress.after(frame)

    def tick(self) -> None:
        """What is due: forcing to disk, a new spool, a word to the daemon. Call it several times a second."""
        now_s = self._now_s()
        if now_s - self._synced_s >= SYNC_S:
            self._sync()
            self._synced_s = now_s
        if self._file is not None and (now_s - self._opened_s >= self._turn_s or self._size >= TURN_BYTES):
            self._turn()
        if now_s - self._told_s >= TOLD_S:
            self._told_s = now_s
            self._tell(
                "recorder.kept",
                "debug",
                lost=self._lost,
                disk_bytes=self._disk_bytes + self._size,
                trouble=self._trouble,
            )

    def close(self) -> None:
        """Everything to disk, and to Parquet."""
        self._sync()
        if self._turning is not None:
            self._turning.result()
        self._turn()
        self._worker.shutdown(wait=True)

    # --- the spool ----------------------------------------------------------------------------------------------

    def _append(self, frame: Frame, raw: bytes) -> str:
        """Write at the end of the spool; what went wrong, or nothing."""
        try:
            if self._file is None:
                path = new_spool(self._root, frame)
                self._file = FileIO(path, "xb")
                self._size, self._opened_s = 0, self._now_s()
                _sync_folder(path.parent)
            rest = memoryview(raw)
            while rest:  # a disk that fills up takes a part first, and says why at the next
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            if self._file is not None:
                self._file.truncate(self._size)
                self._file.seek(self._size)
            return f"{self._root}: {error.strerror}"
        self._size += len(raw)
        self._is_synced = False
        return ""

    def _no_room(self) -> str:
        """Asked once a second."""
        now_s = self._now_s()
        if now_s - self._looked_s < SYNC_S and not self._trouble:
            return ""
        self._looked_s = now_s
        if recording_files.size_of(self._root / "spool") > self._settings.max_disk_gb * _GB:
            return f"the spool alone takes recorder.max_disk_gb {self._settings.max_disk_gb:g} GB of {self._root}"
        if self._free(self._root) >= self._settings.keep_free_gb * _GB:
            return ""
        return f"less than recorder.keep_free_gb {self._settings.keep_free_gb:g} GB is free on the disk of {self._root}"

    def _sync(self) -> None:
        if self._file is not None and not self._is_synced:
            try:
                os.fsync(self._file.fileno())
                self._is_synced = True
            except OSError as error:
                self._tell("recorder.not_synced", "warning", error=str(error))

    def _report_gap(self, frame: Frame) -> None:
        before = self._progress
        if frame.session != before.session:
            if not before.has_ended:
                self._note(Loss(session=before.session, count=None, after_seq=before.last_seq, at_ms=before.at_ms))
            expected, self._lost = 0, 0
        else:
            expected = before.following
        if frame.first > expected:
            count = frame.first - expected
            self._lost += count
            self._note(Loss(session=frame.session, count=count, after_seq=before.last_seq, at_ms=before.at_ms))

    def _note(self, loss: Loss) -> None:
        level = "warning" if loss.count else "info"  # of a break the daemon itself tells more
        self._tell("recorder.lost", level, **msgspec.to_builtins(loss), message=_words(loss))
        path = self._root / LOSSES
        try:
            known = path.read_bytes().splitlines(keepends=True)[-_LOSSES_KEPT + 1 :] if path.exists() else []
            draft = path.with_suffix(".tmp")
            draft.write_bytes(b"".join(known) + msgspec.json.encode(loss) + b"\n")
            draft.replace(path)
        except OSError as error:
            self._tell("recorder.loss_not_noted", "warning", error=str(error))

    # --- to Parquet ---------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        """End the spool that is written and have all that wait made into Parquet, beside the writing."""
        if self._turning is not None and not self._turning.done():
            return
        self._sync()
        if self._file is not None:
            self._file.close()
            self._file = None
        self._turning = self._worker.submit(self._keep, list(spool_files(self._root)), self._progress)

    def _keep(self, spools: list[Path], progress: SpoolProgress) -> None:
        """What fails here does not keep the next step from being done; at the next turn it is tried again."""
        steps: tuple[Callable[[], None], ...] = (
            *(partial(self._keep_spool, spool, progress) for spool in spools),
            lambda: recording_files.join_days(self._root, day_of(progress.at_ms)),
            self._limit,
        )
        for step in steps:
            try:
                step()
            except Exception as error:  # edge: of the worker  # noqa: BLE001
                self._tell("recorder.not_kept", "error", error=f"{type(error).__name__}: {error}")
        self._disk_bytes = recording_files.size_of(self._root)

    def _keep_spool(self, spool: Path, progress: SpoolProgress) -> None:
        try:
            recording_files.keep_spool(self._root, spool)
        except msgspec.DecodeError as error:  # another version wrote it
            aside = spool.rename(spool.with_suffix(".unreadable"))
            self._tell("recorder.unreadable", "error", error=str(error), file=str(aside))
        note_progress(self._root, progress)
        spool.unlink(missing_ok=True)

    def _limit(self) -> None:
        most = int(self._settings.max_disk_gb * _GB)
        gone = recording_files.limit(self._root, retention_days=self._settings.retention_days, max_bytes=most)
        if gone:
            self._tell("recorder.pruned", "info", removed=len(gone), first=gone[0], last=gone[-1])


def _sync_folder(folder: Path) -> None:
    """So that a new file in it survives a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _words(loss: Loss) -> str:
    after = f"after number {loss.after_seq}"
    if loss.count is None:
        return f"the last recording broke off {after}: up to a second of market inputs is missing there"
    return f"{loss.count} market inputs are missing {after}"


def print_line(event: str, level: str, **fields: Any) -> None:
    """A log line on standard output, where the daemon reads it."""
    sys.stdout.write(json.dumps({"event": event, "level": level, **fields}) + "\n")
    sys.stdout.flush()
