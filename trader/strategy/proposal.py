"""What a strategy may say about one symbol at one candle close. The engine decides what comes of it."""

import math

import msgspec

from trader.domain.orders import Side, Urgency
from trader.domain.reasons import Code, Reason, because
from trader.domain.workings import Gate


class Enter(msgspec.Struct, frozen=True, kw_only=True):
    """Open a position on `side`. Distances are fractions of the price.

    Whether and how much is opened is for the gate, the caps and the review to say. Raises ValueError for numbers that
    no position can have.
    """

    side: Side
    reasons: tuple[Reason, ...] = ()
    edge_frac: float | None = None  # expected return before costs, which must pay for them; None: not estimated
    stop_frac: float | None = None  # where the stop is; None: by ATR and volatility, as the `risk` block says
    target_frac: float | None = None  # None: no target
    until_ms: int | None = None  # when it is over; None: never
    size_multiplier: float = 1.0  # of what the sizing rule gives
    risk_frac: float | None = None  # share of equity to lose at the stop, in place of the sizing rule
    urgency: Urgency | None = None  # how soon it must be bought; None: as `execution.urgency` says
    gates: tuple[Gate, ...] = ()  # what was asked, in order, for `trader why`

    def __post_init__(self) -> None:
        _require(self.stop_frac is None or 0 < self.stop_frac < 1, "stop_frac", self.stop_frac, "between 0 and 1")
        _require(self.target_frac is None or _is_above_0(self.target_frac), "target_frac", self.target_frac, "above 0")
        _require(self.risk_frac is None or 0 < self.risk_frac <= 1, "risk_frac", self.risk_frac, "above 0, at most 1")
        _require(
            self.edge_frac is None or math.isfinite(self.edge_frac), "edge_frac", self.edge_frac, "a finite number"
        )
        _require(0 <= self.size_multiplier < math.inf, "size_multiplier", self.size_multiplier, "0 or more")


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what is held."""

    reasons: tuple[Reason, ...] = ()
    edge_frac: float = 0.0
    until_ms: int | None = None  # hold it until then at least
    stop_price: float | None = None  # move the stop there; only ever nearer to the market
    add: Enter | None = None  # and one part more of it, where the strategy builds in parts and one is left
    gates: tuple[Gate, ...] = ()

    def __post_init__(self) -> None:
        _require(self.stop_price is None or _is_above_0(self.stop_price), "stop_price", self.stop_price, "above 0")


class Leave(msgspec.Struct, frozen=True, kw_only=True):
    """Close the position."""

    reasons: tuple[Reason, ...]
    edge_frac: float = 0.0
    gates: tuple[Gate, ...] = ()


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """Do nothing."""

    reasons: tuple[Reason, ...]
    edge_frac: float = 0.0
    gates: tuple[Gate, ...] = ()


Proposal = Enter | Keep | Leave | Pass


def said(text: str, **numbers: float) -> Reason:
    """A reason in a strategy's own words: `said("RSI {rsi:.1f} is below {low}", rsi=28.4, low=30)`."""
    return because(Code.SAID, text.format(**numbers), (), **numbers)


def gate(name: str, passed: bool, value: float | None = None, bar: float | None = None) -> Gate:
    """One thing that a strategy asked, in its own words, for `trader why`: `gate("RSI", rsi < 30, rsi, 30)`."""
    return Gate(str(name), bool(passed), None if value is None else float(value), None if bar is None else float(bar))


def _is_above_0(value: float) -> bool:
    return 0 < value < math.inf


def _require(holds: bool, name: str, given: float | None, allowed: str) -> None:
    if not holds:
        raise ValueError(f"{name} {given} is out of range; allowed: {allowed}")
