"""An interrupted training goes on with the candles it began with: only then do its finished folds still count."""

import hashlib
from pathlib import Path

import msgspec

from trader.config.schema import Settings
from trader.domain.units import DAY_MS

_LONGEST_MS = DAY_MS  # market time; after that the market has moved on, and a training begins anew


class _Session(msgspec.Struct, frozen=True):
    settings: str  # hash of everything a training depends on
    until_ms: int


def begin(folder: Path, settings: Settings, now_ms: int) -> int:
    """Until when candles count: now, or what a training with the same settings, interrupted within a day, had.

    `folder` also holds its finished folds; those of another training are removed.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / "session.json"
    wanted = _hash(settings)
    found = _read(file)
    if found is not None and found.settings == wanted and 0 <= now_ms - found.until_ms < _LONGEST_MS:
        return found.until_ms
    end(folder)
    file.write_bytes(msgspec.json.encode(_Session(wanted, now_ms)))
    return now_ms


def end(folder: Path) -> None:
    """The training is done: nothing is left to go on with."""
    for path in (*folder.glob("*.npy"), *folder.glob(".*.tmp"), folder / "session.json"):
        path.unlink(missing_ok=True)


def _read(file: Path) -> _Session | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Session)
    except (FileNotFoundError, msgspec.DecodeError):
        return None  # none, or one that a crash cut short


def _hash(settings: Settings) -> str:
    parts: tuple[object, ...] = (
        settings.exchange.symbols, settings.market, settings.model, settings.strategy, settings.risk
    )  # fmt: skip
    if settings.symbols:
        parts += (settings.symbols,)
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()
