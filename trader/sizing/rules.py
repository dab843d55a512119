"""How much of equity a position may risk, before any cap: the rules that `sizing.rule` chooses from."""

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from trader.config.sizing import SizingRule, SizingSettings
from trader.domain.orders import Side
from trader.domain.reasons import Code, Reason, because
from trader.domain.signals import Forecast, ModelInfo
from trader.sizing.kelly import kelly_fraction, shrunk_probability


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
    atr_frac: float  # ATR / price
    equity: float  # quote
    exposure_quote: float  # value of all positions


Rule = Callable[[Bet, SizingSettings], float | Reason]
"""Share of equity at risk, above 0, or why none."""


def wanted_risk(bet: Bet, settings: SizingSettings) -> float | Reason:
    """By the strategy's own word where it gives one, else by the configured rule; never above `cap_frac`."""
    own = bet.wish.risk_frac
    risk = RULES[settings.rule](bet, settings) if own is None else own * bet.wish.size_multiplier
    return risk if isinstance(risk, Reason) else min(settings.cap_frac, risk)


def kelly(bet: Bet, settings: SizingSettings) -> float | Reason:
    """Fractional Kelly on the shrunk win probability, scaled by volatility, exposure and the strategy."""
    forecast, model = bet.forecast, bet.model
    if forecast is None or model is None:
        return because(Code.KELLY_WITHOUT_FORECAST)
    if not (model.average_win_frac > 0 and model.average_loss_frac > 0):
        return because(Code.NO_TRACK_RECORD)
    fraction = kelly_fraction(
        shrunk_probability(forecast.win_probability, model.base_rate, settings.probability_shrink),
        model.average_win_frac,
        model.average_loss_frac,
        fraction=settings.kelly_fraction,
        floor=min(settings.floor_frac, settings.cap_frac),
        cap=settings.cap_frac,
    )
    by_volatility = 1 / (1 + settings.kelly_volatility * bet.atr_frac)
    used_frac = bet.exposure_quote / (settings.exposure_limit_frac * bet.equity)
    by_exposure = max(settings.kelly_exposure_floor, 1 - used_frac)
    risk = fraction * by_volatility * by_exposure * bet.wish.size_multiplier
    return risk if risk > 0 else because(Code.KELLY_WITHOUT_EDGE, win_probability=forecast.win_probability)


def fixed(bet: Bet, settings: SizingSettings) -> float | Reason:
    """The same share every time, times what the strategy says."""
    return settings.fixed_frac * bet.wish.size_multiplier


RULES: Mapping[SizingRule, Rule] = {SizingRule.KELLY: kelly, SizingRule.FIXED: fixed}
"""Every rule by its name: a new one is a member of `SizingRule` and a line here."""
