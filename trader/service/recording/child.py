"""The recording child: `python -m trader.service.recording.child ROOT SETTINGS`, frames on standard input."""

import os
import select
import sys
from pathlib import Path

import msgspec

from trader.adapters.parquet.spool import Unpacker
from trader.config.recorder import RecorderSettings
from trader.service.recording.keeper import Keeper, print_line

_WAIT_S = 0.25
_AT_ONCE = 1 << 20


def main() -> int:
    """Keep what arrives until the other end closes."""
    root, settings = Path(sys.argv[1]), RecorderSettings.model_validate(msgspec.json.decode(sys.argv[2]))
    try:
        keeper = Keeper(root, settings, print_line)
        record(sys.stdin.fileno(), keeper)
    except OSError as error:
        print_line("recorder.failed", "error", error=f"{root}: {error.strerror or error}")
        return 1
    return 0


def record(pipe: int, keeper: Keeper) -> None:
    """Frames from `pipe` into `keeper` until the end of file."""
    unpacker = Unpacker()
    while True:
        readable, _, _ = select.select([pipe], [], [], _WAIT_S)
        if readable:
            data = os.read(pipe, _AT_ONCE)
            if not data:
                break
            for frame, raw in unpacker.feed(data):
                keeper.take(frame, raw)
        keeper.tick()
    keeper.close()


if __name__ == "__main__":
    sys.exit(main())
