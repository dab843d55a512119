"""The recording child's work: nothing it was given is lost but what is reported, whatever happens to it or its disk."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.kit.market_inputs import DAY, MIDNIGHT_MS, market_inputs, numbered, packed
from trader.adapters.parquet.recordings import Recording
from trader.adapters.parquet.spool import Recorded, Unpacker, pack, progress_of, spool_files
from trader.config.recorder import RecorderSettings
from trader.service.recording.keeper import Keeper

EVENTS = market_inputs(60)


class Told:
    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, event: str, _level: str, **fields: Any) -> None:
        self.lines.append((event, fields))

    def of(self, event: str) -> list[dict[str, Any]]:
        return [fields for name, fields in self.lines if name == event]


@pytest.fixture
def told() -> Told:
    return Told()


def give(keeper: Keeper, session: int, first: int, events: list[Recorded]) -> None:
    for frame, raw in Unpacker().feed(packed(session, first, events)):
        keeper.take(frame, raw)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Writing beyond `size` fails with "File too large", as a full disk fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_was_given_is_parquet_at_the_end(tmp_path: Path, told: Told) -> None:
    keeper = Keeper(tmp_path, RecorderSettings(), told)
    for at in range(0, 60, 10):
        give(keeper, 1, at, EVENTS[at : at + 10])
        keeper.tick()
    give(keeper, 1, 60, [])
    keeper.close()
    assert spool_files(tmp_path) == []
    assert list(Recording(tmp_path).inputs(DAY)) == numbered(EVENTS)
    assert progress_of(tmp_path).has_ended
    assert told.of("recorder.lost") == []
    assert told.of("recorder.kept")[0]["lost"] == 0


def test_a_writer_that_died_loses_nothing_it_was_given_and_the_break_is_told(tmp_path: Path, told: Told) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / f"{1:015d}-{0:012d}.spool").write_bytes(
        packed(1, 0, EVENTS[:20]) + packed(1, 20, EVENTS[20:30]) + b"torn"
    )
    assert progress_of(tmp_path).last_seq == max(event.seq for event in EVENTS[:30])
    same_session = Keeper(tmp_path, RecorderSettings(), told)
    give(same_session, 1, 34, EVENTS[34:40])  # four were in the pipe
    assert [fields["count"] for fields in told.of("recorder.lost")] == [4]
    same_session.close()  # the daemon died: it never said that it was the end
    next_session = Keeper(tmp_path, RecorderSettings(), told)
    give(next_session, 2, 0, EVENTS[40:])
    give(next_session, 2, 20, [])
    next_session.close()
    losses = Recording(tmp_path).losses()
    assert [(loss.session, loss.count) for loss in losses] == [(1, 4), (1, None)]
    assert losses[0].after_seq == max(event.seq for event in EVENTS[:30])
    assert losses[1].after_seq == max(event.seq for event in EVENTS[34:40])
    assert list(Recording(tmp_path).inputs(DAY)) == numbered(EVENTS[:30] + EVENTS[34:])


def test_a_full_disk_pauses_the_recording_and_the_gap_is_told_once_there_is_room(tmp_path: Path, told: Told) -> None:
    keeper = Keeper(tmp_path, RecorderSettings(), told)
    give(keeper, 1, 0, EVENTS[:20])
    with largest_file(spool_files(tmp_path)[0].stat().st_size + 100):
        for at in (20, 30):
            give(keeper, 1, at, EVENTS[at : at + 10])
            keeper.tick()
    assert [fields["reason"] for fields in told.of("recorder.paused")] == [f"{tmp_path}: File too large"]
    give(keeper, 1, 40, EVENTS[40:])
    give(keeper, 1, 60, [])
    keeper.close()
    assert told.of("recorder.resumed") == [{"frames_lost": 2}]
    assert [loss.count for loss in Recording(tmp_path).losses()] == [20]
    assert list(Recording(tmp_path).inputs(DAY)) == numbered(EVENTS[:20] + EVENTS[40:])


def test_a_disk_without_room_for_parquet_keeps_the_spool_until_there_is(tmp_path: Path, told: Told) -> None:
    many = market_inputs(400)
    keeper = Keeper(tmp_path, RecorderSettings(), told)
    give(keeper, 1, 0, many)
    give(keeper, 1, 400, [])
    with largest_file(2_000):
        keeper.close()
    assert "File too large" in told.of("recorder.not_kept")[0]["error"]
    assert len(spool_files(tmp_path)) == 1
    assert list(Recording(tmp_path).inputs(DAY)) == numbered(many)
    Keeper(tmp_path, RecorderSettings(), told).close()
    assert spool_files(tmp_path) == []
    assert list(tmp_path.rglob("*.tmp")) == []
    assert list(Recording(tmp_path).inputs(DAY)) == numbered(many)


def test_a_spool_and_a_part_that_cannot_be_read_hold_nothing_up(tmp_path: Path, told: Told) -> None:
    (tmp_path / "spool").mkdir()
    stranger = pack(1, 0, [{"type": "FromAnotherVersion"}], last_seq=1, at_ms=1)  # type: ignore[list-item]
    (tmp_path / "spool" / f"{1:015d}-{0:012d}.spool").write_bytes(stranger)
    broken = tmp_path / DAY / "books" / "AAA%2FUSDT" / "part.parquet"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"no table")
    keeper = Keeper(tmp_path, RecorderSettings(), told)
    give(keeper, 2, 0, EVENTS)
    give(keeper, 2, 60, market_inputs(8, first_seq=1_000, start_ms=MIDNIGHT_MS + 86_400_000))
    give(keeper, 2, 68, [])
    keeper.close()
    assert [path.suffix for path in (tmp_path / "spool").iterdir()] == [".unreadable"]
    assert len(told.of("recorder.unreadable")) == 1
    assert "Parquet" in told.of("recorder.not_kept")[-1]["error"]
    assert (tmp_path / DAY / "books" / "BTC%2FUSDT.parquet").is_file()  # the others were joined
    assert list(Recording(tmp_path).books("BTC/USDT", DAY))


def test_the_last_gigabyte_is_left_to_the_ledger(tmp_path: Path, told: Told) -> None:
    room = [500_000_000, 500_000_000, 2_000_000_000]
    keeper = Keeper(tmp_path, RecorderSettings(keep_free_gb=1.0), told, free=lambda _: room.pop(0))
    for at in (0, 10, 20):
        give(keeper, 1, at, EVENTS[at : at + 10])
    keeper.close()
    assert len(told.of("recorder.paused")) == 1
    assert "recorder.keep_free_gb 1 GB" in told.of("recorder.paused")[0]["reason"]
    assert [loss.count for loss in Recording(tmp_path).losses()] == [20]


def test_spools_become_parquet_while_others_are_written_and_old_days_go(tmp_path: Path, told: Told) -> None:
    now_s = [0.0]
    settings = RecorderSettings(retention_days=2)
    keeper = Keeper(tmp_path, settings, told, now_s=lambda: now_s[0], turn_s=10.0)
    for day in range(4):
        give(keeper, 1, day * 10, market_inputs(10, first_seq=1 + day * 100, start_ms=MIDNIGHT_MS + day * 86_400_000))
        now_s[0] += 11.0
        keeper.tick()
        give(keeper, 1, day * 10 + 10, [])
    keeper.close()
    assert Recording(tmp_path).days() == ["2024-10-06", "2024-10-07"]
    assert sorted(path.suffix for path in (tmp_path / "2024-10-06" / "books").iterdir()) == [".parquet", ".parquet"]
    assert told.of("recorder.pruned")
