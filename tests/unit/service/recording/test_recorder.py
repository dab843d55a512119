"""The daemon's end of the recorder, with real children: it never waits, and what is lost is counted."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.kit.market_inputs import DAY, market_inputs, numbered, packed
from tests.kit.sandbox import eventually
from trader.adapters.parquet.recordings import Recording
from trader.adapters.parquet.spool import Recorded, progress_of, spool_files
from trader.adapters.sql import SqlJournal, SqlLedgerReader
from trader.config.recorder import RecorderSettings
from trader.domain.events import BookUpdated, CommandName, CommandReceived, TimerFired, TradePrinted
from trader.domain.timers import TimerId, TimerKind
from trader.service.recording import recorder as recorder_module
from trader.service.recording.recorder import Recorder, continue_after

DEAF = "import time\ntime.sleep(600)\n"


@asynccontextmanager
async def running(recorder: Recorder) -> AsyncIterator[Recorder]:
    """Beside an engine: `run` is cancelled first, then `close`, as the daemon does it."""
    task = asyncio.ensure_future(recorder.run())
    try:
        yield recorder
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await recorder.close()


def child_of(root: Path) -> int:
    """The recording process of `root`."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if (
                b"trader.service.recording.child" in words
                and str(root).encode() in words
                and b"trader.service.process.launch" not in words
            ):
                return int(entry.name)
    raise AssertionError("no recording process")


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


async def test_everything_is_on_disk_after_a_clean_end(tmp_path: Path) -> None:
    events = market_inputs(1_000, step_ms=50)
    async with running(Recorder(tmp_path, RecorderSettings())) as recorder:
        for at in range(0, 1_000, 100):
            recorder.record(
                [*events[at : at + 100], TimerFired(seq=10**6, timer=TimerId(TimerKind.STOP, "the ledger keeps it"))]
            )
        await eventually(lambda: progress_of(tmp_path).following > 0)
        assert recorder.status().is_recording
        recorder.record([])
    assert list(Recording(tmp_path).inputs(DAY)) == numbered(events)
    assert spool_files(tmp_path) == []
    assert progress_of(tmp_path).has_ended
    assert "pyarrow" not in vars(recorder_module)
    assert recorder.status().recorded == 1_000


async def test_books_and_trades_can_be_left_out(tmp_path: Path) -> None:
    events = market_inputs(64)
    async with running(Recorder(tmp_path, RecorderSettings(books=False, trades=False))) as recorder:
        recorder.record(events)
        await eventually(lambda: progress_of(tmp_path).following > 0)
    kept = [event for event in events if not isinstance(event, BookUpdated | TradePrinted)]
    assert list(Recording(tmp_path).inputs(DAY)) == kept


@pytest.mark.skipif(sys.platform != "linux", reason="finds the child in /proc")
async def test_a_killed_child_is_started_again_and_what_it_had_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "RESTART_WAITS_S", (0.01,))
    monkeypatch.setenv("TRADER_API_SECRET", "hush-hush")
    events = market_inputs(90)
    async with running(Recorder(tmp_path, RecorderSettings())) as recorder:
        recorder.record(events[:30])
        await eventually(lambda: progress_of(tmp_path).following == 30)
        child = child_of(tmp_path)
        assert b"hush-hush" not in environment_of(child)
        os.kill(child, signal.SIGKILL)
        recorder.record(events[30:60])
        await eventually(lambda: recorder.status().restarts == 1)
        recorder.record(events[60:])
        await eventually(lambda: progress_of(tmp_path).following == 90)
    missing = sum(loss.count or 0 for loss in Recording(tmp_path).losses())
    stored: list[Recorded] = list(Recording(tmp_path).inputs(DAY))
    assert stored[: len(numbered(events[:30]))] == numbered(events[:30])
    assert stored[-len(numbered(events[60:])) :] == numbered(events[60:])
    trades = sum(isinstance(event, TradePrinted) for event in events)
    assert missing in (0, 30)  # what was sent into the dying pipe is lost as a whole, or nothing was
    assert len(stored) >= 90 - trades - missing


async def test_a_child_that_takes_nothing_never_holds_the_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deaf_recorder.py").write_text(DEAF)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(__file__).parents[3]}")
    monkeypatch.setattr(recorder_module, "MOST_UNSENT", 100_000)
    monkeypatch.setattr(recorder_module, "MOST_WAITING", 500)
    monkeypatch.setattr(recorder_module, "FLUSH_S", 0.01)
    monkeypatch.setattr(recorder_module, "CLOSE_S", 0.1)
    events = market_inputs(100)
    async with running(Recorder(tmp_path / "out", RecorderSettings(), module="deaf_recorder")) as recorder:
        for _ in range(60):
            recorder.record(events)
            await asyncio.sleep(0.002)
        await eventually(lambda: recorder.status().dropped > 0)
        assert recorder.status().recorded <= 60 * len(events)


async def test_numbers_go_on_after_the_newest_of_ledger_and_recording(tmp_path: Path) -> None:
    ledger, root = tmp_path / "ledger.sqlite", tmp_path / "recordings"
    journal = SqlJournal(ledger)
    await journal.recover()
    stop = CommandReceived(seq=14, ts_ms=1, command_id="c", name=CommandName.PAUSE, origin="test")
    await journal.write([(stop, [])], durable=True)
    await journal.close()
    assert continue_after(root, lambda: SqlLedgerReader(ledger), 14, is_recording=True) == 14
    (root / "spool").mkdir(parents=True)
    (root / "spool" / "1.spool").write_bytes(packed(1, 0, market_inputs(8)))  # numbers 1 to 9, 5 left out
    assert continue_after(root, lambda: SqlLedgerReader(ledger), 14, is_recording=True) == 14
    (root / "spool" / "2.spool").write_bytes(packed(1, 8, market_inputs(8, first_seq=20)))
    assert continue_after(root, lambda: SqlLedgerReader(ledger), 14, is_recording=True) == 28


async def test_a_break_is_told_with_what_is_known_to_be_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger, root = tmp_path / "ledger.sqlite", tmp_path / "recordings"
    journal = SqlJournal(ledger)
    await journal.recover()
    stop = CommandReceived(seq=14, ts_ms=1, command_id="c", name=CommandName.PAUSE, origin="test")
    await journal.write([(stop, [])], durable=True)
    await journal.close()
    (root / "spool").mkdir(parents=True)
    (root / "spool" / "1.spool").write_bytes(packed(1, 0, market_inputs(8)))
    continue_after(root, lambda: SqlLedgerReader(ledger), 14, is_recording=True)
    said = capsys.readouterr().out + caplog.text
    assert "broke off after number 9" in said
    assert "4 of them known by their numbers" in said  # 10 to 13: the ledger has 14
