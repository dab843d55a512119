"""The gate over what slipcover has counted: python -m tests.kit.covered FILE [--least PERCENT] [--missing]

Lines and branches count alike. Each room that decides must be covered to 95 %, everything together to `--least`; what
is left out of the counting stands in `[tool.slipcover]` of pyproject.toml, with the reason.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

DECIDING = ("engine", "strategy", "sizing", "risk", "execution", "portfolio")
DECIDING_PERCENT = 95.0


class Counted(msgspec.Struct, frozen=True):
    """What slipcover tells of a file. A branch is (its line, the line it goes to; 0 where it leaves the function)."""

    executed_lines: list[int]
    missing_lines: list[int]
    executed_branches: list[tuple[int, int]]
    missing_branches: list[tuple[int, int]]


class Report(msgspec.Struct, frozen=True):
    """The part of slipcover's JSON that is read here."""

    files: dict[str, Counted]


class Covered(msgspec.Struct, frozen=True):
    """How many lines and branches of a file there are and were seen, and which were not."""

    seen: int
    there: int
    missing: tuple[str, ...]


def covered(counted: Counted) -> Covered:
    """A branch to a line that is not counted (`assert_never`) is not counted either."""
    lines = {0, *counted.executed_lines, *counted.missing_lines}
    seen = len(counted.executed_lines) + sum(target in lines for _, target in counted.executed_branches)
    not_taken = [(line, target) for line, target in counted.missing_branches if target in lines]
    missing = [str(line) for line in counted.missing_lines]
    missing += [f"{line}->{target or 'exit'}" for line, target in not_taken if target not in counted.missing_lines]
    return Covered(seen, seen + len(counted.missing_lines) + len(not_taken), tuple(missing))


def percent(files: Sequence[Covered]) -> float:
    """Of all lines and branches of `files` together; 0 where there are none."""
    there = sum(each.there for each in files)
    return 100 * sum(each.seen for each in files) / there if there else 0.0


def by_room(files: Mapping[str, Covered]) -> dict[str, list[Covered]]:
    """Room, by name -> its files. `trader` is the files beside the rooms."""
    rooms: defaultdict[str, list[Covered]] = defaultdict(list)
    for name in sorted(files):
        parts = Path(name).parts
        rooms[parts[1] if len(parts) > 2 else parts[0]].append(files[name])
    return dict(sorted(rooms.items()))


def failures(files: Mapping[str, Covered], least: float) -> Iterator[str]:
    """What is covered less than it must be, in words."""
    rooms = by_room(files)
    for room in DECIDING:
        if (share := percent(rooms.get(room, []))) < DECIDING_PERCENT:
            yield f"{room} is covered to {share:.1f} %, must be to {DECIDING_PERCENT:g} %"
    if (share := percent(list(files.values()))) < least:
        yield f"all of it is covered to {share:.1f} %, must be to {least:g} %"


def main() -> int:
    parser = argparse.ArgumentParser(description="Tell how far each room is covered; 1 if one is below its least.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--least", type=float, default=0.0, help="percent of everything together")
    parser.add_argument("--missing", action="store_true", help="name the lines and branches that were not seen")
    asked = parser.parse_args()
    told = msgspec.json.decode(asked.file.read_bytes(), type=Report).files
    files = {name: covered(counted) for name, counted in told.items()}
    failed = list(failures(files, asked.least))
    lines = [*(_unseen(files) if asked.missing else ()), *_summary(files)]
    sys.stdout.write("\n".join([*lines, *(f"not covered enough: {each}" for each in failed), ""]))
    return 1 if failed else 0


def _unseen(files: Mapping[str, Covered]) -> Iterator[str]:
    for name, each in sorted(files.items()):
        if each.missing:
            yield f"{name}: {percent([each]):.1f} %: {', '.join(each.missing)}"


def _summary(files: Mapping[str, Covered]) -> Iterator[str]:
    yield "covered: " + ", ".join(f"{room} {percent(each):.1f} %" for room, each in by_room(files).items())
    yield f"covered: all of it {percent(list(files.values())):.1f} %, lines and branches"


if __name__ == "__main__":
    sys.exit(main())
