"""What shaped a size, from the whole Kelly bet to the quantity: for the record of a decision."""

import msgspec

from trader.domain.reasons import Code


class SizeFactors(msgspec.Struct, frozen=True, kw_only=True):
    """`bet_frac` x the factors down to `regime` = `wanted_frac`; caps, `overlay`, `override` make `whole_frac` of it.

    Factors are within 0..1 and 1 where they have no say, but for `regime`, which is the `size_multiplier` of the regime
    (or of the strategy), 0 or more. Shares are of equity, lost if the protective stop is hit.
    """

    rule: str  # of `sizing.rule`; "own" where the strategy said what it risks
    bet_frac: float  # what the factors begin from: half of Kelly in its clamp, or what the rule or the strategy says
    uncertainty: float = 1.0  # a new model with real money: the bet on the lower bound of its edge / the usual bet
    correlation: float = 1.0  # share of the budget that positions which move together have in common
    volatility: float = 1.0  # by ATR / price
    exposure: float = 1.0  # by what is held and under way, of the exposure limit
    regime: float = 1.0
    wanted_frac: float = 0.0  # of equity at risk, before any cap; at most `sizing.cap_frac`
    caps: tuple[Code, ...] = ()  # that cut it, in the order applied
    overlay: float = 1.0  # of the portfolio with this position in it
    override: float = 1.0  # what a person leaves, or the health of the model: the smaller
    whole_frac: float = 0.0  # of the whole position, what is held of it and all its parts
    part: float = 1.0  # share of what is missing of the whole that is bought now
    book: float = 1.0  # share of that part that the book carries
    risk_frac: float = 0.0  # of what is bought now
    win_probability: float | None = None  # bet on, shrunk to the base rate; None without Kelly, as all below
    win_loss: float | None = None  # b: mean net win / mean net loss
    kelly_frac: float | None = None  # f* = (p b - q) / b: of equity, lost at a mean loss
    kelly_multiple: float | None = None  # the whole position / the one that f* would be
