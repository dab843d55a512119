"""How much of equity a position may risk, before any cap: the rules that `sizing.rule` chooses from."""

import math
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from trader.config.sizing import SizingRule, SizingSettings
from trader.domain.orders import Side
from trader.domain.reasons import Code, Reason, because
from trader.domain.signals import Forecast, ModelInfo
from trader.domain.sizing import SizeFactors
from trader.sizing.evidence import Odds, Own, lower_probability, odds_of, proven
from trader.sizing.kelly import kelly_fraction, shrunk_probability
from trader.sizing.view import SizingView

_NOTHING = 1e-9  # a mean win or loss that small, as a share of the price, is none; with less a ratio overflows
OWN = "own"  # in place of a rule: the strategy said what it risks


class Wish(Protocol):
    """What is to be sized."""

    @property
    def side(self) -> Side: ...

    @property
    def size_multiplier(self) -> float: ...

    @property
    def risk_frac(self) -> float | None: ...


class Bet(msgspec.Struct, frozen=True):
    """What a rule goes by. Without a forecast nobody has said how likely a win is."""

    wish: Wish
    forecast: Forecast | None
    model: ModelInfo | None
    view: SizingView


Rule = Callable[[Bet, SizingSettings], SizeFactors | Reason]
"""The bet and what shapes it, or why there is none; `wanted_risk` multiplies."""


def wanted_risk(bet: Bet, settings: SizingSettings) -> SizeFactors | Reason:
    """By the strategy's own word where it gives one, else by the configured rule; never above `cap_frac`."""
    own = bet.wish.risk_frac
    found = RULES[settings.rule](bet, settings) if own is None else SizeFactors(rule=OWN, bet_frac=own)
    if isinstance(found, Reason):
        return found
    found = msgspec.structs.replace(found, regime=bet.wish.size_multiplier)
    return msgspec.structs.replace(found, wanted_frac=min(settings.cap_frac, _product(found)))


def kelly(bet: Bet, settings: SizingSettings) -> SizeFactors | Reason:
    """Fractional Kelly on the shrunk win probability, scaled by what is known, correlation, volatility and exposure."""
    forecast, model, view = bet.forecast, bet.model, bet.view
    if forecast is None or model is None:
        return because(Code.KELLY_WITHOUT_FORECAST)
    odds = odds_of(model, view.regime, view.own, settings.evidence_trades)
    if not min(model.average_win_frac, model.average_loss_frac, odds.win_frac, odds.loss_frac) > _NOTHING:
        return because(Code.NO_TRACK_RECORD)
    probability = shrunk_probability(forecast.win_probability, model.base_rate, settings.probability_shrink)
    bet_frac = _clamped(probability, odds, settings.kelly_fraction, settings)
    if not bet_frac * bet.wish.size_multiplier > 0:
        return because(Code.KELLY_WITHOUT_EDGE, win_probability=forecast.win_probability)
    uncertainty = _uncertainty(probability, odds, bet_frac, view.own, settings) if view.is_real_money else 1.0
    if not uncertainty > 0:
        return because(Code.KELLY_UNPROVEN, low=lower_probability(probability, odds), win_probability=probability)
    used_frac = view.exposure_quote / (settings.exposure_limit_frac * view.equity)
    return SizeFactors(
        rule=SizingRule.KELLY.value,
        bet_frac=bet_frac,
        uncertainty=uncertainty,
        correlation=1 / (1 + (view.expected - 1) * view.correlation),
        volatility=1 / (1 + settings.kelly_volatility * view.atr_frac),
        exposure=max(settings.kelly_exposure_floor, 1 - used_frac),
        win_probability=probability,
        win_loss=odds.win_frac / odds.loss_frac,
        loss_frac=odds.loss_frac,
        kelly_frac=kelly_fraction(probability, odds.win_frac, odds.loss_frac, fraction=1.0, floor=0.0, cap=1.0),
    )


def _uncertainty(p: float, odds: Odds, usual: float, own: Own, settings: SizingSettings) -> float:
    """Of `usual`: the smaller bet on the lower bound, and the more of `usual` the more own trades there are."""
    fraction = min(settings.kelly_fraction_new, settings.kelly_fraction)
    first, share = _clamped(lower_probability(p, odds), odds, fraction, settings), proven(own, settings.evidence_trades)
    return ((1 - share) * first + share * usual) / usual


def _clamped(p: float, odds: Odds, fraction: float, settings: SizingSettings) -> float:
    floor = min(settings.floor_frac, settings.cap_frac)
    return kelly_fraction(p, odds.win_frac, odds.loss_frac, fraction=fraction, floor=floor, cap=settings.cap_frac)


def fixed(_: Bet, settings: SizingSettings) -> SizeFactors | Reason:
    """The same share every time, times what the strategy says."""
    return SizeFactors(rule=SizingRule.FIXED.value, bet_frac=settings.fixed_frac)


def _product(found: SizeFactors) -> float:
    return math.prod(
        (found.bet_frac, found.uncertainty, found.correlation, found.volatility, found.exposure, found.regime)
    )


RULES: Mapping[SizingRule, Rule] = {SizingRule.KELLY: kelly, SizingRule.FIXED: fixed}
"""Every rule by its name: a new one is a member of `SizingRule` and a line here."""
