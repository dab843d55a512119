"""Recordings: what was recorded comes back by number, by day and symbol, whatever cut the writing short."""

from pathlib import Path

import pytest

from tests.kit.market_inputs import DAY, DAY_MS, MIDNIGHT_MS, NEXT_DAY, SYMBOLS, market_inputs, numbered, packed
from trader.adapters.parquet import recording_files as files
from trader.adapters.parquet.recordings import Hole, Recording, holes, merged
from trader.adapters.parquet.spool import Unpacker, note_progress, progress_of, read_spool
from trader.domain.errors import Misconfigured
from trader.domain.events import BookUpdated, CandleClosed, CommandName, CommandReceived, TradePrinted

EVENTS = market_inputs(80, start_ms=MIDNIGHT_MS + DAY_MS - 40_000)  # half before midnight, half after


def a_spool(root: Path, name: str, *frames: bytes) -> Path:
    path = root / "spool" / f"{name}.spool"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(frames))
    return path


def keep(root: Path, name: str, *frames: bytes) -> None:
    """As the writer does it: parts, then the spool goes."""
    spool = a_spool(root, name, *frames)
    files.keep_spool(root, spool)
    spool.unlink()


def by_day(recording: Recording) -> list[object]:
    return [event for day in (DAY, NEXT_DAY) for event in recording.inputs(day)]


def test_frames_survive_any_cut_of_the_pipe_and_a_torn_tail(tmp_path: Path) -> None:
    frames = [packed(7, 0, EVENTS[:3]), packed(7, 3, EVENTS[3:5]), packed(7, 5, [])]
    unpacker, data = Unpacker(), b"".join(frames)
    found = [frame for at in range(0, len(data), 11) for frame, _ in unpacker.feed(data[at : at + 11])]
    assert [(frame.first, frame.following, frame.is_end) for frame in found] == [
        (0, 3, False),
        (3, 5, False),
        (5, 5, True),
    ]
    assert [event for frame in found for event in frame.events()] == EVENTS[:5]
    torn = a_spool(tmp_path, "torn", frames[0], frames[1][:-4])
    assert [frame.following for frame in read_spool(torn)] == [3]
    broken = bytearray(frames[1])
    broken[-3] ^= 1
    assert [
        frame.following for frame in read_spool(a_spool(tmp_path, "broken", frames[0], bytes(broken), frames[2]))
    ] == [3]


def test_what_was_recorded_comes_back_equal_at_every_stage(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    spools = [a_spool(tmp_path, f"{at:03d}", packed(1, at, EVENTS[at : at + 20])) for at in range(0, 80, 20)]
    assert by_day(recording) == numbered(EVENTS)  # nothing is Parquet yet
    for spool in spools[:3]:
        files.keep_spool(tmp_path, spool)
        files.keep_spool(tmp_path, spool)  # twice is once
    for spool in spools[:2]:
        spool.unlink()  # the third was not removed before the writer died
    assert by_day(recording) == numbered(EVENTS)
    for spool in spools[2:]:
        files.keep_spool(tmp_path, spool)
        spool.unlink()
    files.join_days(tmp_path, NEXT_DAY)
    assert by_day(recording) == numbered(EVENTS)
    assert recording.days() == [DAY, NEXT_DAY]
    for symbol in SYMBOLS:
        of_symbol = [e for e in EVENTS if symbol in repr(e)]
        both = (DAY, NEXT_DAY)
        assert [c for d in both for c in recording.candles(symbol, d)] == [
            e.candle for e in of_symbol if isinstance(e, CandleClosed)
        ]
        assert [b for d in both for b in recording.books(symbol, d)] == [
            e.book for e in of_symbol if isinstance(e, BookUpdated)
        ]
        assert [t for d in both for t in recording.trades(symbol, d)] == [
            e.trade for e in of_symbol if isinstance(e, TradePrinted)
        ]


def test_a_day_that_is_over_is_one_file_per_kind_and_symbol_and_takes_late_parts(tmp_path: Path) -> None:
    early = [e for e in EVENTS[:40] if isinstance(e, BookUpdated)]
    late = next(event for event in early if event.book.symbol == "BTC/USDT")
    for at in range(0, len(early), 5):
        keep(tmp_path, f"{at:03d}", packed(1, at, list(early[at : at + 5])))
    folder = tmp_path / DAY / "books"
    assert sorted(path.name for path in folder.iterdir()) == ["BTC%2FUSDT", "ETH%2FUSDT%3AUSDT"]
    parts = [path.read_bytes() for path in sorted((folder / "BTC%2FUSDT").iterdir())]
    files.join_days(tmp_path, NEXT_DAY)
    names = ["BTC%2FUSDT.parquet", "ETH%2FUSDT%3AUSDT.parquet"]
    assert sorted(path.name for path in folder.iterdir()) == names
    before = list(Recording(tmp_path).books("BTC/USDT", DAY))
    # it died between the day's file and the removal of the parts, and one more part came late
    (folder / "BTC%2FUSDT").mkdir()
    (folder / "BTC%2FUSDT" / "000.parquet").write_bytes(parts[0])
    keep(tmp_path, "900", packed(2, 0, [late]))
    assert list(Recording(tmp_path).books("BTC/USDT", DAY)) == [*before, late.book]
    files.join_days(tmp_path, NEXT_DAY)
    assert sorted(path.name for path in folder.iterdir()) == names
    assert list(Recording(tmp_path).books("BTC/USDT", DAY)) == [*before, late.book]


def test_progress_is_what_is_stored_and_numbers_never_go_back(tmp_path: Path) -> None:
    assert progress_of(tmp_path).has_ended
    a_spool(tmp_path, "1", packed(5, 0, EVENTS[:10]))
    progress = progress_of(tmp_path)
    assert (progress.session, progress.following, progress.has_ended) == (5, 10, False)
    assert progress.last_seq == max(event.seq for event in EVENTS[:10])
    note_progress(tmp_path, progress)
    a_spool(tmp_path, "2", packed(5, 10, []))
    progress = progress_of(tmp_path)
    assert (progress.following, progress.has_ended) == (10, True)
    assert progress.last_seq == max(event.seq for event in EVENTS[:10])


def test_the_ledgers_inputs_are_merged_by_number_and_holes_are_found() -> None:
    market = numbered(EVENTS)
    known = {event.seq for event in market}
    ours = [
        CommandReceived(seq=seq, ts_ms=0, command_id=str(seq), name=CommandName.PAUSE, origin="test")
        for seq in range(1, max(known))
        if seq not in known
    ]
    numbers = [event.seq for event in merged(market, ours)]
    assert numbers == list(range(1, max(known) + 1))
    assert holes(numbers) == []
    assert holes([*numbers[:10], *numbers[13:20], *numbers[21:]]) == [Hole(11, 13), Hole(21, 21)]


def test_old_days_go_first_and_one_heavy_day_loses_its_oldest_parts(tmp_path: Path) -> None:
    for day in range(4):
        events = market_inputs(40, start_ms=MIDNIGHT_MS + day * DAY_MS)
        for at in (0, 20):
            keep(tmp_path, f"{day}{at:02d}", packed(1, at, events[at : at + 20]))
    assert files.limit(tmp_path, retention_days=3, max_bytes=10**9) == [DAY]
    left = files.days(tmp_path)
    one_day = files.size_of(tmp_path / left[-1])
    assert files.limit(tmp_path, retention_days=3, max_bytes=one_day + 1_000) == left[:2]
    gone = files.limit(tmp_path, retention_days=3, max_bytes=one_day // 2)
    assert gone
    assert set(gone) <= {"300.parquet", "320.parquet"}
    assert gone[0] == "300.parquet"
    assert files.size_of(tmp_path / left[-1]) <= one_day // 2


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    keep(tmp_path, "1", packed(1, 0, EVENTS[:20]))
    part = next((tmp_path / DAY / "books" / "BTC%2FUSDT").iterdir())
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(Misconfigured, match=f"{part.name} is unreadable"):
        list(Recording(tmp_path).books("BTC/USDT", DAY))
