"""How a decision came about: what was known, what was asked in which order, what the size and the order became of it.

Kept with the decision's row as msgpack arrays: what comes later is added at the end of a struct, with a default.
Everything here was computed for the decision itself; it is only held on to.
"""

from enum import StrEnum

import msgspec

from trader.domain.reasons import Reason
from trader.domain.sizing import SizeFactors


class GateName(StrEnum):
    """What is asked on the way to a decision; confirmations are asked by their own names."""

    INPUTS = "inputs"  # is there a forecast, a book, enough history to ask the strategy with
    BAN = "ban"  # a person wants nothing held here
    # a position that is held
    JUDGED = "judged"  # may the strategy judge it now
    TURNED = "turned"  # edge against the position: below the bar of an entry
    HOLD = "hold"  # edge for the position: above the hold bar
    HORIZON = "horizon"  # its time is not up
    FUNDING = "funding"  # what is due before the next close: below the larger of edge and least
    # the signal
    SLOPE = "slope"  # the model's predictions were worth something out of fold
    EDGE = "edge"  # edge, at least the bar: the costs or the smallest edge, times what the cost budget raised it by
    SHORT = "short"  # the market can be sold short
    BIAS = "bias"  # the regime wants that side
    CONFIRMED = "confirmed"  # confirmations that hold, and how many are needed
    STRATEGY = "strategy"  # a strategy without gates of its own wants in
    # admission
    RECONCILED = "reconciled"
    STOPPING = "stopping"
    TRADING = "trading"  # the trading state is active
    DATA = "data"
    AGE = "age"  # of the forecast, s
    DAY_VOLUME = "day_volume"  # quote
    SPREAD = "spread"  # fraction
    TICK = "tick"  # share of an ATR
    HEDGE = "hedge"  # not kept for the hedge of the whole
    ENTRY = "entry"  # none is under way
    UNKNOWN = "unknown"  # no order of unknown outcome
    LEFT = "left"  # not left since this close
    OVERRIDE = "override"
    LOCK = "lock"  # candles it still lasts
    EVIDENCE = "evidence"  # for real money
    DRIFT = "drift"
    # the entry
    BOOK = "book"
    STOP_WIDTH = "stop_width"  # fraction of the price
    POSITIONS = "positions"  # with this one, and the most
    SIZE = "size"  # something is left of it, and the exchange takes it; value and bar: quote
    IMPACT = "impact"  # edge, at least all costs with this quantity's impact
    REVIEW = "review"  # of the first orders


class Gate(msgspec.Struct, frozen=True, array_like=True):
    """One thing that was asked, and the answer. Numbers as fractions of the price unless the name says otherwise."""

    name: str
    passed: bool
    value: float | None = None
    bar: float | None = None
    code: str = ""  # of the reason in the row that this gate gave; without one it forbade nothing by itself

    @property
    def says_no(self) -> bool:
        """Whether it alone was enough to forbid what was asked for."""
        return not self.passed and bool(self.code)


_TEXTS = {name: name.value for name in GateName}  # a plain text is written faster than a member
_PASSED = {name: Gate(text, True) for name, text in _TEXTS.items()}


def passed(*names: GateName) -> tuple[Gate, ...]:
    """Gates that have nothing against it, to be noted together."""
    return tuple(_PASSED[name] for name in names)


class Inputs(msgspec.Struct, frozen=True, array_like=True):
    """What was known at the close. Prices in quote, fractions of the price; None: not known or not asked."""

    candle_close_ms: int
    confidence: float
    context: tuple[float, ...]  # in the order of `CONTEXT_COLUMNS`
    members: dict[str, float]  # what each member of the ensemble says by itself, as the prediction
    bid: float | None = None
    ask: float | None = None
    bid_size: float | None = None  # base, at the touch
    ask_size: float | None = None
    levels: int | None = None  # of the thinner side
    slope: float | None = None  # of the model: edge = prediction x slope
    cost_frac: float | None = None  # a round trip: fees, spread, funding
    fee_frac: float | None = None  # of the cost: what a taker pays on both sides
    funding_frac: float | None = None  # of the cost: over the horizon
    bar_factor: float = 1.0  # what the cost budget raises the entry bar by


class Cap(msgspec.Struct, frozen=True, array_like=True):
    """What one limit left to the position, quote."""

    code: str
    used_quote: float  # by what was there
    most_quote: float  # the limit
    left_quote: float  # the largest value of the position that fits
    has_cut: bool  # whether the size was cut to it


class SizeStory(msgspec.Struct, frozen=True, array_like=True):
    """What a size was made from; `factors` where one came of it."""

    equity_quote: float
    price: float  # the worst that the entry may pay
    stop_frac: float
    caps: tuple[Cap, ...] = ()  # every one, in the order applied
    held_base: float = 0.0  # of the position before
    part: int = 1
    parts: int = 1
    factors: SizeFactors | None = None


class Carriage(msgspec.Struct, frozen=True, array_like=True):
    """What carried the size, and why: the impact, and the bounds between which each algorithm is chosen."""

    algorithm: str
    impact_frac: float  # of the whole quantity against the touch; infinite: more than the book shows
    market_below_frac: float  # below it the market is taken
    split_above_frac: float  # above it the order is split over time; between them a limit rests
    entry_cost_frac: float  # modelled: fee, half the spread, impact


class Workings(msgspec.Struct, frozen=True, array_like=True):
    """All of one decision."""

    inputs: Inputs
    gates: tuple[Gate, ...] = ()  # in the order asked
    size: SizeStory | None = None
    carriage: Carriage | None = None
    orders: int = 0  # sent at once


class Asked:
    """The gates of one decision, while it is made."""

    __slots__ = ("gates",)

    def __init__(self) -> None:
        self.gates: list[Gate] = []

    def passes(self, name: GateName) -> None:
        """It was asked, and nothing speaks against it."""
        self.gates.append(_PASSED[name])

    def meets(self, name: GateName, value: float | None, bar: float | None) -> None:
        """`value` is on the right side of `bar`."""
        self.gates.append(Gate(_TEXTS[name], True, value, bar))

    def refuses(self, name: GateName, reason: Reason, value: float | None = None, bar: float | None = None) -> Reason:
        """It was asked, and `reason` speaks against it."""
        self.gates.append(Gate(_TEXTS[name], False, value, bar, reason.code.value))
        return reason
