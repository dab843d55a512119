"""Market inputs on their way to Parquet: numbered frames of msgpack, the same through the pipe and in spool files.

A frame is a fixed head with a checksum and one msgpack list of events, so a torn tail is recognised and left out. What
is in a spool file survives the death of whoever wrote it. Loads no pyarrow.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, get_args

import msgspec

from trader.domain.events import PassingEvent

Recorded = PassingEvent
"""What is recorded: every input of the engine that the ledger does not keep, and the trades that it never sees."""

RECORDED = frozenset(get_args(Recorded))

_HEAD = struct.Struct("<IIQQQQQ")  # payload length, checksum of all that follows it, then the fields of `Frame`
_CHECKED_FROM = 8
_LONGEST = 256 * 1024 * 1024
_PROGRESS, _SPOOLS = "progress.json", "spool"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Recorded]).decode


class Frame(NamedTuple):
    """Events `first` .. `following - 1` of a session, counted by the sender. Without any it is the session's end."""

    session: int  # machine time at its start, ms: sessions sort by it
    first: int
    following: int
    last_seq: int  # number of the newest numbered event up to here, by the engine's own numbers
    at_ms: int  # market time of the newest event
    payload: bytes

    @property
    def is_end(self) -> bool:
        return self.following == self.first

    def events(self) -> list[Recorded]:
        return _decode(self.payload)


class SpoolProgress(msgspec.Struct, frozen=True):
    """How far the recording of a directory has come."""

    session: int = 0
    following: int = 0  # the index expected next in that session
    last_seq: int = 0
    at_ms: int = 0
    has_ended: bool = True  # the session said that it was its end

    def after(self, frame: Frame) -> "SpoolProgress":
        """Once `frame` is stored. Numbers never go back, whatever a session says."""
        return SpoolProgress(
            frame.session,
            frame.following,
            max(frame.last_seq, self.last_seq),
            max(frame.at_ms, self.at_ms),
            frame.is_end,
        )


def pack(session: int, first: int, events: Sequence[Recorded], *, last_seq: int, at_ms: int) -> bytes:
    """One frame. Without events it is the end of the session."""
    payload = _encode(events)
    fields = (session, first, first + len(events), last_seq, at_ms)
    checked = zlib.crc32(payload, zlib.crc32(_HEAD.pack(len(payload), 0, *fields)[_CHECKED_FROM:]))
    return _HEAD.pack(len(payload), checked, *fields) + payload


class Unpacker:
    """Frames out of bytes that come in any pieces."""

    def __init__(self) -> None:
        self._kept = b""

    def feed(self, data: bytes) -> Iterator[tuple[Frame, bytes]]:
        """Every whole frame and its bytes. Raises ValueError at damage: nothing after it can be trusted."""
        kept = self._kept + data
        offset = 0
        while len(kept) - offset >= _HEAD.size:
            length, checksum, session, first, following, last_seq, at_ms = _HEAD.unpack_from(kept, offset)
            end = offset + _HEAD.size + length
            if length > _LONGEST:
                raise ValueError("a frame of the recording is damaged")
            if len(kept) < end:
                break
            if zlib.crc32(kept[offset + _CHECKED_FROM : end]) != checksum:
                raise ValueError("a frame of the recording is damaged")
            payload = kept[offset + _HEAD.size : end]
            yield Frame(session, first, following, last_seq, at_ms, payload), kept[offset:end]
            offset = end
        self._kept = kept[offset:]


def read_spool(path: Path) -> Iterator[Frame]:
    """The whole frames of a spool file, up to a torn or damaged tail. None when it has just become Parquet."""
    unpacker = Unpacker()
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        while data := file.read(1 << 20):
            try:
                for frame, _ in unpacker.feed(data):
                    yield frame
            except ValueError:
                return


def spool_files(root: Path) -> list[Path]:
    """What waits to become Parquet, oldest first."""
    return sorted((root / _SPOOLS).glob("*.spool"))


def new_spool(root: Path, frame: Frame) -> Path:
    """Where a spool that begins with `frame` goes; names sort by time."""
    return root / _SPOOLS / f"{frame.session:015d}-{frame.first:012d}.spool"


def progress_of(root: Path) -> SpoolProgress:
    """What is safely stored under `root`: noted at the last turn of the spool, continued by the spools there are."""
    try:
        progress = msgspec.json.decode((root / _PROGRESS).read_bytes(), type=SpoolProgress)
    except (OSError, msgspec.DecodeError):
        progress = SpoolProgress()
    for path in spool_files(root):
        for frame in read_spool(path):
            if (frame.session, frame.following) >= (progress.session, progress.following):
                progress = progress.after(frame)
    return progress


def note_progress(root: Path, progress: SpoolProgress) -> None:
    """Keep it for the next start, in one step."""
    draft = root / f"{_PROGRESS}.tmp"
    draft.write_bytes(msgspec.json.encode(progress))
    draft.replace(root / _PROGRESS)
