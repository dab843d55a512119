"""The files of a recording: parts of the day that runs, one file per kind and symbol once it is over, and their age.

    <root>/2026-01-31/books/BTC%2FUSDT/<part>.parquet      while the day runs
    <root>/2026-01-31/books/BTC%2FUSDT.parquet             afterwards

Every step can be cut short and done again: parts have the name of the spool they were made of, a day's file names
the parts that are in it.
"""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trader.adapters.parquet.recording_tables import Columns, TableKey, place_of
from trader.adapters.parquet.spool import read_spool

_PARTS = b"trader.parts"  # key in a day's file: the names of the parts it is made of
_DRAFT = ".tmp"


def keep_spool(root: Path, spool: Path) -> None:
    """Write everything in `spool` as parts. Doing it twice changes nothing. Raises OSError where the disk refuses."""
    tables: dict[TableKey, Columns] = {}
    for frame in read_spool(spool):
        for event in frame.events():
            tables.setdefault(place_of(event), Columns()).add(event)
    for place, columns in tables.items():
        table = columns.table()
        _write(place.folder(root) / f"{spool.stem}.parquet", [table], table.schema)


def join_days(root: Path, before: str) -> None:
    """Make one file of the parts of every day earlier than `before`.

    Raises OSError or ValueError, once the others are done, for a folder with a part that cannot be read.
    """
    failure: Exception | None = None
    for day in days(root):
        if day < before:
            for folder in sorted(path for path in (root / day).glob("*/*") if path.is_dir()):
                try:
                    _join(folder)
                except (OSError, ValueError) as error:  # pyarrow's "not Parquet" is a ValueError
                    failure = error
    if failure is not None:
        raise failure


def table_files(target: Path) -> list[Path]:
    """The files that hold one table, in time order: the day's file and parts that are not in it. `target`: folder."""
    whole = _whole(target)
    inside = _parts_in(whole) if whole.exists() else frozenset()
    parts = sorted(path for path in target.glob("*.parquet") if path.stem not in inside)
    return [whole, *parts] if whole.exists() else parts


def days(root: Path) -> list[str]:
    """Recorded days, oldest first."""
    return sorted(path.name for path in root.glob("????-??-??") if path.is_dir())


def sweep(root: Path) -> None:
    """Remove what a cut-short step left: drafts. Only whoever writes here may call it."""
    for draft in root.rglob(f"*{_DRAFT}"):
        draft.unlink(missing_ok=True)


def limit(root: Path, *, retention_days: int, max_bytes: int) -> list[str]:
    """Remove days that are too old, then the oldest until the rest fits; the names of what went."""
    from datetime import date, timedelta

    kept, gone = days(root), []
    if kept:
        oldest = (date.fromisoformat(kept[-1]) - timedelta(days=retention_days - 1)).isoformat()
        gone = [day for day in kept if day < oldest]
    sizes = {day: size_of(root / day) for day in kept}
    remaining = [day for day in kept if day not in gone]
    while len(remaining) > 1 and sum(sizes[day] for day in remaining) > max_bytes:
        gone.append(remaining.pop(0))
    for day in gone:
        shutil.rmtree(root / day)
    return gone + [path.name for path in _oldest_parts(root, remaining, max_bytes)]


def _oldest_parts(root: Path, remaining: list[str], max_bytes: int) -> Iterator[Path]:
    """One day alone may be too big: then its oldest parts go."""
    if len(remaining) != 1 or (excess := size_of(root / remaining[0]) - max_bytes) <= 0:
        return
    for part in sorted((root / remaining[0]).glob("*/*/*.parquet"), key=lambda path: path.name):
        excess -= part.stat().st_size
        part.unlink()
        yield part
        if excess <= 0:
            return


def size_of(root: Path) -> int:
    """Bytes in all files below `root`; files that vanish meanwhile count nothing."""
    total = 0
    for folder, _, names in os.walk(root):
        for name in names:
            try:
                total += os.stat(os.path.join(folder, name)).st_size
            except FileNotFoundError:
                continue
    return total


def _join(folder: Path) -> None:
    import pyarrow.parquet as pq

    whole, files = _whole(folder), table_files(folder)
    inside = (_parts_in(whole) if whole.exists() else frozenset()) | {path.stem for path in files if path != whole}
    if any(path != whole for path in files):
        schema = pq.read_schema(files[0]).with_metadata({_PARTS: json.dumps(sorted(inside)).encode()})
        tables = (pq.ParquetFile(path).read().replace_schema_metadata(schema.metadata) for path in files)
        _write(whole, tables, schema)
    shutil.rmtree(folder)


def _whole(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.parquet")


def _parts_in(whole: Path) -> frozenset[str]:
    import pyarrow.parquet as pq

    return frozenset(json.loads((pq.read_schema(whole).metadata or {}).get(_PARTS, b"[]")))


def _write(path: Path, tables: Any, schema: Any) -> None:
    """Replace `path` in one step by `tables`, one after the other."""
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}{_DRAFT}")
    try:
        with draft.open("wb") as handle:
            # books repeat from row to row: plain floats under zstd take a sixth less than with dictionaries
            with pq.ParquetWriter(handle, schema, compression="zstd", use_dictionary=False) as writer:
                for table in tables:
                    writer.write_table(table)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
