"""Which decision is asked for: a symbol and a time as a person writes them."""

import re
from datetime import UTC, datetime, timedelta

from trader.domain.errors import Rejected
from trader.domain.signals import DecisionRecord
from trader.domain.units import DAY_MS, HOUR_MS, MINUTE_MS
from trader.ports import LedgerReader
from trader.service.explaining.wording import at

TIMES = "14:15, 2025-11-23T14:15 (UTC), -2h (also s, m, d; before the newest decision), or ms since 1970"
_EVER_MS = 2**62
_LAST_MS = 253_402_300_800_000
"""The end of the year 9999, beyond which no calendar is written."""
_UNIT_MS = {"s": 1_000, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
_AGO = re.compile(r"-?(\d+(?:\.\d+)?)([smhd])")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")


class NoSuchTime(ValueError):
    """The text is no time; the message says what is allowed."""


def find(ledger: LedgerReader, symbol: str, time: str | None, candle_ms: int) -> DecisionRecord:
    """The decision on `symbol` that stood at `time`, or the newest.

    Raises `Rejected` where nothing is recorded of it, naming what is; `NoSuchTime` for a text that is no time.
    """
    known = known_symbol(ledger, symbol)
    newest, _ = ledger.decision_near(known, _EVER_MS)
    if newest is None:
        raise Rejected(f"no decision on {known} is recorded any more")
    if time is None:
        return newest
    wanted_ms = moment_of(time, close_ms(newest, candle_ms))
    before, after = ledger.decision_near(known, wanted_ms - candle_ms)
    if before is not None and wanted_ms < close_ms(before, candle_ms) + candle_ms:
        return before
    near = " and ".join(at(close_ms(row, candle_ms)) for row in (before, after) if row is not None)
    raise Rejected(f"no decision on {known} is recorded at {at(wanted_ms)}; the nearest: {near}")


def close_ms(record: DecisionRecord, candle_ms: int) -> int:
    """When the candle of a decision closed; rows of versions before do not say, and are taken by the timeframe."""
    return record.candle_open_ms + candle_ms if record.workings is None else record.workings.inputs.candle_close_ms


def known_symbol(ledger: LedgerReader, text: str) -> str:
    """The symbol that `text` names: as it is, in other letters, or by its base. Raises `Rejected`, naming the known."""
    known = ledger.decided_symbols()
    if text in known:
        return text
    if not known:
        raise Rejected("no decision is recorded yet")
    wanted = _plain(text)
    exact = [symbol for symbol in known if wanted == _plain(symbol)]
    found = exact or [
        symbol for symbol in known if wanted in (_plain(symbol.split(":")[0]), _plain(symbol.split("/")[0]))
    ]
    if len(found) == 1:
        return found[0]
    which = f"{text!r} may be {' or '.join(found)}" if found else f"no decision on {text!r} is recorded"
    raise Rejected(f"{which}; known: {', '.join(known)}")


def moment_of(text: str, newest_ms: int) -> int:
    """A time as ms UTC. What is relative is so to `newest_ms`: market time may run fast, or have stopped.

    Raises `NoSuchTime`, which says what is allowed, also for one before 1970 or after 9999.
    """
    try:
        ms = _read(text.strip(), newest_ms)
    except (ValueError, OverflowError):
        ms = -1
    if not 0 <= ms < _LAST_MS:
        raise NoSuchTime(f"{text!r} is no time; allowed: {TIMES}")
    return ms


def _read(said: str, newest_ms: int) -> int:
    """Raises `ValueError` or `OverflowError` where it is none."""
    if said.isdecimal() and len(said) >= 12:
        return int(said)
    if (ago := _AGO.fullmatch(said.lower())) is not None:
        return newest_ms - round(float(ago[1]) * _UNIT_MS[ago[2]])
    if (clock := _CLOCK.fullmatch(said)) is not None:
        return _latest(int(clock[1]), int(clock[2]), int(clock[3] or 0), newest_ms)
    told = datetime.fromisoformat(said)
    return round((told if told.tzinfo is not None else told.replace(tzinfo=UTC)).timestamp() * 1_000)


def _latest(hour: int, minute: int, second: int, newest_ms: int) -> int:
    """The latest moment of that clock time that is not after `newest_ms`."""
    newest = datetime.fromtimestamp(newest_ms / 1_000, UTC)
    told = newest.replace(hour=hour, minute=minute, second=second, microsecond=0)
    if told > newest:
        told -= timedelta(days=1)
    return round(told.timestamp() * 1_000)


def _plain(symbol: str) -> str:
    return re.sub(r"[^a-z0-9]", "", symbol.lower())
