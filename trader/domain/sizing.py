"""What shapes a size, from the whole Kelly bet to the quantity, and what a portfolio leaves to one more position."""

import math

import msgspec

from trader.domain.reasons import Code, Reason, because


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
    loss_frac: float | None = None  # the mean net loss, a share of the price
    kelly_frac: float | None = None  # f* = (p b - q) / b: of equity, lost at a mean loss
    kelly_multiple: float | None = None  # the whole position / the one that f* would be


class Swing(msgspec.Struct, frozen=True):
    """How much the rest of a portfolio swings in a year, and one symbol; variances of shares of equity."""

    variance: float  # of the rest
    covariance: float  # of the rest with one equity's worth of the symbol
    vol: float  # of the symbol, annualised

    def with_one(self, weight: float) -> float:
        """Annualised volatility of equity with `weight` (signed value / equity) of the symbol."""
        return math.sqrt(max(0.0, self.variance + 2 * weight * self.covariance + (weight * self.vol) ** 2))


class Beside(msgspec.Struct, frozen=True):
    """What is held and under way beside one symbol, measured in four ways, and the most that each may be with it."""

    usual: Swing
    shocked: Swing  # every volatility at its 99 % quantile
    stacked: float  # volatility of the rest if all of it moved as one: sum of |value| / equity x volatility
    gross: float  # sum of |value| / equity
    most_vol: float
    most_shocked: float
    most_stacked: float
    most_gross: float

    def share(self, weight: float) -> tuple[float, Reason | None]:
        """(what is left of `weight` (signed value / equity), 0..1: the smallest limit / measure; that measure).

        After Carver's risk overlay (Advanced Futures Trading Strategies, 2023): it scales, it is no cap.
        """
        measured = (
            (Code.OVERLAY_VOLATILITY, self.usual.with_one(weight), self.most_vol),
            (Code.OVERLAY_SHOCKED, self.shocked.with_one(weight), self.most_shocked),
            (Code.OVERLAY_STACKED, self.stacked + abs(weight) * self.usual.vol, self.most_stacked),
            (Code.OVERLAY_GROSS, self.gross + abs(weight), self.most_gross),
        )
        share, told = 1.0, None
        for code, value, most in measured:
            if value * share > most:
                share, told = most / value, because(code, value=value, most=most)
        return share, told
