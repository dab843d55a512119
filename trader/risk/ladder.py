"""The rungs by which a position is left: at one price, and through one candle.

Plain numbers in and out, so that one text serves all: `exits` asks it for live plans, `scoring.outcomes` for what was
forecast, and `training.labels` compiles it for the outcomes that a model learns.
"""

from enum import IntEnum
from typing import NamedTuple, Protocol

from trader.config.risk import RiskSettings
from trader.domain.units import HOUR_MS


class Rung(IntEnum):
    """What a price has reached, in the order of the checks."""

    NONE = 0
    STOP = 1
    PARTIAL = 2
    TARGET = 3  # closes the position; where the target begins to trail, it is NONE


class Settled(Protocol):
    """The settings that a price is judged by: `RiskSettings`, or `Rules` where plain numbers are needed."""

    @property
    def partial_at_r(self) -> float: ...
    @property
    def trail_frac(self) -> float: ...
    @property
    def closes_at_target(self) -> bool: ...


class Rules(NamedTuple):
    """The settings of the ladder as plain numbers."""

    partial_at_r: float
    partial_frac: float
    trail_frac: float
    closes_at_target: bool


def rules_of(settings: RiskSettings) -> Rules:
    """`settings` as plain numbers."""
    return Rules(settings.partial_at_r, settings.partial_frac, settings.trail_frac, settings.closes_at_target)


class Entered(NamedTuple):
    """What is settled at the entry of a trade. Fractions: `width` the distance of the stop, `r` the ladder's unit."""

    sign: int  # +1 long, -1 short
    price: float
    width: float
    r: float
    target: float  # price


class Climb(NamedTuple):
    """How far a trade has come. `held`: share still open, 0 once it is over; `gross`: return before costs so far."""

    held: float
    gross: float
    stop: float
    best: float
    is_halved: bool
    is_trailing: bool


def at_price(
    sign: int, price: float, entry: float, r: float, stop: float, target: float, best: float, is_halved: bool,
    is_trailing: bool, rules: Settled,
) -> tuple[Rung, float, float, bool, bool]:  # fmt: skip
    """(rung, stop, best price, is halved, is trailing) after `price`; `target` is NaN where there is none.

    The partial exit is a rung once; a stop or a target that is reached is one at every price until all is sold.
    """
    best = max(best * sign, price * sign) * sign
    if (price - stop) * sign <= 0.0:
        return Rung.STOP, stop, best, is_halved, is_trailing
    if not is_halved and (price - entry * (1.0 + sign * rules.partial_at_r * r)) * sign >= 0.0:
        return Rung.PARTIAL, max(stop * sign, entry * sign) * sign, best, True, is_trailing
    if not is_trailing and (price - target) * sign >= 0.0:
        if rules.closes_at_target:
            return Rung.TARGET, stop, best, is_halved, is_trailing
        is_trailing = True
    if is_trailing:
        stop = max(stop * sign, best * (1.0 - sign * rules.trail_frac) * sign) * sign
    return Rung.NONE, stop, best, is_halved, is_trailing


def begin(entered: Entered) -> Climb:
    """A trade just entered."""
    return Climb(1.0, 0.0, entered.price * (1.0 - entered.sign * entered.width), entered.price, False, False)


def through_candle(
    entered: Entered, climb: Climb, rules: Rules, open_: float, high: float, low: float, close: float,
    was_old: bool, is_old: bool,
) -> Climb:  # fmt: skip
    """`climb` after one candle, its prices taken in the order open, worst, best, close.

    A level is sold at its own price, one that the open lies beyond at the open. `was_old`, `is_old`: whether a
    losing trade is closed since the candle's open, and at its close. At the close the stop of the initial width
    follows.
    """
    sign, entry = entered.sign, entered.price
    held, gross, stop, best, is_halved, is_trailing = climb
    worst, top = (low, high) if sign > 0 else (high, low)
    for i in range(4):
        price = open_ if i == 0 else worst if i == 1 else top if i == 2 else close
        rung, stop, best, is_halved, is_trailing = at_price(
            sign, price, entry, entered.r, stop, entered.target, best, is_halved, is_trailing, rules
        )
        if rung == Rung.PARTIAL:
            part = rules.partial_at_r * entered.r if i > 0 else sign * (price / entry - 1.0)
            gross += held * rules.partial_frac * part
            held *= 1.0 - rules.partial_frac
            rung, stop, best, is_halved, is_trailing = at_price(
                sign, price, entry, entered.r, stop, entered.target, best, is_halved, is_trailing, rules
            )
        is_losing = (was_old or (i == 3 and is_old)) and (price - entry) * sign < 0.0
        if rung != Rung.NONE or is_losing:
            sold = price
            if i > 0 and rung == Rung.TARGET:
                sold = entered.target
            elif i > 0 and was_old:
                sold = max(stop * sign, entry * sign) * sign
            elif i > 0 and rung == Rung.STOP:
                sold = stop
            return Climb(0.0, gross + held * sign * (sold / entry - 1.0), stop, best, is_halved, is_trailing)
    stop = max(stop * sign, close * (1.0 - sign * entered.width) * sign) * sign
    return Climb(held, gross, stop, best, is_halved, is_trailing)


def old_after(settings: RiskSettings, candle_ms: int) -> int:
    """Candles after which a losing trade is closed."""
    return -(-round(settings.losing_time_exit_h * HOUR_MS) // candle_ms)
