"""How numbers, times and gates are told."""

import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from trader.domain.units import BPS
from trader.domain.workings import Gate, GateName


class Words(NamedTuple):
    """A gate as a person knows it: what it is, its numbers' unit, and how its bar is told."""

    label: str
    clear: str = ""  # where there are no numbers, and nothing against it
    unit: str = ""
    bar: str = ""  # "at least", "at most"; empty: told by the numbers themselves


_WORDS: dict[str, Words] = {
    GateName.INPUTS: Words("inputs", "forecast, model and book are there"),
    GateName.BAN: Words("ban"),
    GateName.JUDGED: Words("judged"),
    GateName.TURNED: Words("edge against it", unit="bp", bar="turns at"),
    GateName.HOLD: Words("edge", unit="bp", bar="above"),
    GateName.HORIZON: Words("horizon"),
    GateName.FUNDING: Words("funding due", unit="bp", bar="at most"),
    GateName.SLOPE: Words("model's slope", unit="x", bar="above"),
    GateName.EDGE: Words("edge", unit="bp", bar="at least"),
    GateName.SHORT: Words("short"),
    GateName.BIAS: Words("regime", "regime takes this side"),
    GateName.CONFIRMED: Words("confirmations", unit="count"),
    GateName.STRATEGY: Words("strategy", "the strategy says so"),
    GateName.RECONCILED: Words("account", "account reconciled"),
    GateName.STOPPING: Words("daemon", "not shutting down"),
    GateName.TRADING: Words("trading state", "trading active"),
    GateName.DATA: Words("market data", "market data live"),
    GateName.AGE: Words("forecast's age", unit="s", bar="at most"),
    GateName.DAY_VOLUME: Words("traded a day", "a day's volume is not known yet", "quote", "at least"),
    GateName.SPREAD: Words("spread", unit="bp", bar="at most"),
    GateName.TICK: Words("tick", unit="ATR", bar="at most"),
    GateName.HEDGE: Words("hedge", "not kept for the hedge"),
    GateName.ENTRY: Words("entry", "no entry under way"),
    GateName.UNKNOWN: Words("unknown order", "no order of unknown outcome"),
    GateName.LEFT: Words("left", "not left since this close"),
    GateName.OVERRIDE: Words("override", "no override against it"),
    GateName.LOCK: Words("lock", "not locked"),
    GateName.EVIDENCE: Words("evidence", "evidence as the gate asks"),
    GateName.DRIFT: Words("drift", "model as in training"),
    GateName.BOOK: Words("book"),
    GateName.STOP_WIDTH: Words("stop away", unit="%", bar="at most"),
    GateName.POSITIONS: Words("positions", unit="count", bar="at most"),
    GateName.SIZE: Words("size", unit="quote"),
    GateName.IMPACT: Words("edge with impact", unit="bp", bar="costs"),
    GateName.REVIEW: Words("review", "order approved by the review"),
}
_CONFIRMATIONS: dict[str, Words] = {
    "ma_crossover": Words("EMA cross", unit="candles ago"),
    "rsi_dip": Words("RSI dip"),
    "rsi_peak": Words("RSI peak"),
    "rsi_extreme": Words("RSI extreme"),
    "bollinger_extreme": Words("at the band"),
    "breakout": Words("breakout"),
    "squeeze": Words("squeeze", unit="candles ago"),
    "volume": Words("volume", unit="x usual"),
    "volume_spike": Words("volume spike", unit="x usual"),
    "atr_expansion": Words("ATR expansion", unit="x usual"),
}


def words_of(gate: Gate) -> Words:
    """How a gate is told; one of a strategy of one's own by its own name."""
    return _WORDS.get(gate.name) or _CONFIRMATIONS.get(gate.name) or Words(gate.name.replace("_", " "))


def numbers_of(gate: Gate) -> str:
    """ "12.0 bp (at least 20.0 bp)"; empty where a gate has none."""
    known = words_of(gate)
    if gate.value is None:
        return "not on this side" if gate.name in _CONFIRMATIONS else ""
    value = number(gate.value, known.unit)
    if gate.bar is None:
        return value
    bar = number(gate.bar, known.unit)
    if gate.name == GateName.CONFIRMED:
        return f"{value} hold ({bar} needed)"
    return f"{value} ({known.bar or _compared(gate)} {bar})"


def number(value: float, unit: str) -> str:
    """`value` in a unit: fractions as "bp" and "%", times in "s", amounts in "quote", anything else as it is."""
    if not math.isfinite(value):
        return "never" if unit == "candles ago" else str(value)
    match unit:
        case "bp":
            return f"{value * BPS:.1f} bp"
        case "%":
            return f"{value:.2%}"
        case "s":
            return f"{value:.1f} s" if value % 1 else f"{value:.0f} s"
        case "quote" | "count":
            return f"{value:,.0f}"
        case "ATR":
            return f"{value:.2f} ATR"
        case "candles ago":
            return f"{value:.0f} candles ago"
        case _:
            text = f"{value:.2f}".rstrip("0").rstrip(".")
            return f"{text} {unit}" if unit not in ("", "x") else text


def money(value: float | Decimal) -> str:
    """An amount in quote."""
    return f"{value:,.2f}"


def amount(value: Decimal | float) -> str:
    """A quantity without zeros at its end."""
    text = format(value, "f") if isinstance(value, Decimal) else f"{value:.8f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def price(value: float | Decimal) -> str:
    """A price with six significant digits."""
    told = float(value)
    if not told or not math.isfinite(told):
        return f"{told:g}"
    text = f"{told:,.{max(2, 5 - math.floor(math.log10(abs(told))))}f}"
    return text.rstrip("0").rstrip(".")


def at(ms: int) -> str:
    """ "2025-11-23 14:15 UTC", with seconds where there are some."""
    told = f"{datetime.fromtimestamp(ms / 1_000, UTC):%Y-%m-%d %H:%M:%S}"
    return f"{told.removesuffix(':00')} UTC" if ms % 60_000 == 0 else f"{told} UTC"


def clock(ms: int) -> str:
    """ "14:15:02"."""
    return f"{datetime.fromtimestamp(ms / 1_000, UTC):%H:%M:%S}"


def _compared(gate: Gate) -> str:
    """On which side of its bar a value had to be, as the answer shows."""
    assert gate.value is not None
    assert gate.bar is not None
    return "above" if (gate.value >= gate.bar) is gate.passed else "below"
